"""Channels for the fakes, and a mail server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from monitor.notifiers.settings import Channel, ChannelSettings, open_channel
from tests import notify_fakes as fakes


def channel(
    tmp: Path, url: str, secrets: dict[str, str] | None = None, name: str = "test", **settings: Any
) -> Channel:
    """A channel as the configuration would make it; its secrets are kept in files."""
    references = {}
    for key, value in (secrets or {}).items():
        place = tmp / f"secret-{key}"
        place.write_text(value)
        references[key] = {"file": str(place)}
    return open_channel(name, ChannelSettings.model_validate({"url": url, "secrets": references, **settings}))


def wecom(tmp: Path, base: str, key: str = fakes.KEY, **settings: Any) -> Channel:
    return channel(tmp, f"wecombot://{{key}}?at={base}", {"key": key}, **settings)


def service_channel(tmp: Path, service: fakes.Service, base: str, **settings: Any) -> Channel:
    """The right channel for a fake service."""
    token = {"token": fakes.TOKEN}
    signed = token | {"secret": fakes.SIGN_SECRET}
    numbers = "13800000001,13900000002"
    match service.__name__:
        case "wecom":
            return wecom(tmp, base, **settings)
        case "dingtalk":
            return channel(tmp, f"dingtalk://{{secret}}@{{token}}?at={base}", signed, **settings)
        case "feishu":
            return channel(tmp, f"feishu://{{secret}}@{{token}}?at={base}", signed, **settings)
        case "serverchan":
            return channel(tmp, f"schan://{{token}}?at={base}", token, **settings)
        case "pushplus":
            return channel(tmp, f"pushplus://{{token}}?at={base}", token, **settings)
        case "wxpusher":
            return channel(tmp, f"wxpusher://{{token}}/UID_a/UID_b/77?at={base}", token, **settings)
        case "qmsg":
            return channel(tmp, f"qq://{{token}}?at={base}", token, **settings)
        case "pushdeer":
            return channel(tmp, f"pushdeer://{{token}}?at={base}", token, **settings)
        case "aliyun":
            options = {
                "at": base,
                "sign": "城东视频运维",
                "template": "SMS_71390007",
                "to": numbers,
                "param.what": "$text1",
                "param.more": "$text2",
            }
            secrets = {"id": fakes.ALI_ID, "secret": fakes.ALI_SECRET}
            url = "alisms://{id}:{secret}@dysmsapi.aliyuncs.com"
            return channel(tmp, url, secrets, options=options, **settings)
        case "tencent":
            options = {
                "at": base,
                "app": "1400006666",
                "sign": "城东视频运维",
                "template": "1110",
                "to": numbers,
                "param.1": "$text1",
                "param.2": "$text2",
            }
            secrets = {"id": fakes.TENCENT_ID, "key": fakes.TENCENT_KEY}
            url = "tencentsms://{id}:{key}@sms.tencentcloudapi.com"
            return channel(tmp, url, secrets, options=options, **settings)
        case "gateway":
            options = {
                "to": numbers,
                "type": "application/x-www-form-urlencoded",
                "charset": "gb18030",
                "header.x-account": "{token}",
                "body": "mobile=$phone&content=$text",
                "success": "code == 0",
                "permanent": "code in 3, 7",
            }
            return channel(
                tmp, f"smshttp://{base.removeprefix('http://')}/send", token, options=options, **settings
            )
        case "plain_hook":
            return channel(tmp, f"webhook://{base.removeprefix('http://')}/hook", **settings)
    raise AssertionError(service.__name__)


class Smtp(asyncio.Protocol):
    """A mail server that refuses what its table says, with real replies."""

    def __init__(self, replies: dict[str, bytes], taken: list[bytes]) -> None:
        self._replies, self._taken, self._data = replies, taken, b""
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._say(self._replies.get("greeting", b"220 mail.example.org ESMTP"))

    def _say(self, line: bytes) -> None:
        self._transport.write(line + b"\r\n")  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self._in_data:
            if self._data.endswith(b"\r\n.\r\n"):
                self._in_data = False
                self._taken.append(self._data)
                self._data = b""
                self._say(self._replies.get("data", b"250 2.0.0 queued"))
            return
        while b"\r\n" in self._data and not self._in_data:
            line, _, self._data = self._data.partition(b"\r\n")
            self._command(line.decode())

    def _command(self, line: str) -> None:
        verb = line.split(":")[0].split()[0].lower()
        if verb == "rcpt":
            address = line.partition("<")[2].partition(">")[0]
            self._say(self._replies.get(address, b"250 2.1.5 ok"))
        elif verb == "data":
            self._in_data = True
            self._say(b"354 go on")
        elif verb == "quit":
            self._say(b"221 bye")
            self._transport.close()
        else:
            self._say(b"250 ok")
