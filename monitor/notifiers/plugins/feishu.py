"""Feishu (飞书) and Lark group robots: ``feishu://{token}``, ``lark://{token}``; signed ``{secret}@{token}``.

https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot: 100 messages a minute and 5 a second, 20 KB
each; the truth is in ``code``, in older answers in ``StatusCode``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from functools import partial

from monitor.clock import SystemClock
from monitor.notifiers.plugins.answer import JSON, Codes, json_body, json_object
from monitor.notifiers.plugins.service import Message, Url, Wire, config_error
from monitor.notifiers.plugins.split import split_bytes

MAX_BYTES = 15_000
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")
_CODES = Codes(
    ok="0",
    # 11232 and 11247 too often. 19001 (token), 19021 (signature or clock), 19022 (address), 19024 (key word)
    # and 9499 (bad request) stay.
    temporary=frozenset({"11232", "11247"}),
    retry_after_s={"11232": 10.0, "11247": 10.0},
)


def signature(secret: str, timestamp_s: int) -> str:
    """Base64 of HMAC-SHA256 over nothing, keyed with ``timestamp\\nsecret``."""
    key = f"{timestamp_s}\n{secret}".encode()
    return base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()


class FeishuRobot:
    name = "Feishu robot"
    schemes: tuple[str, ...] = ("feishu",)
    home = "https://open.feishu.cn"

    def __init__(self, url: Url) -> None:
        if not _TOKEN.fullmatch(url.host):
            raise config_error("a robot's token has letters, digits, - and _ only")
        self._token = url.host
        self._secret = url.user
        self._base = url.base(self.home)

    def deliver(self, message: Message, wire: Wire) -> str:
        for number, part in enumerate(split_bytes(message.text, MAX_BYTES)):
            wire.once(("part", number), partial(self._post, part, wire))
        return ""

    def _post(self, text: str, wire: Wire) -> None:
        payload: dict[str, object] = {"msg_type": "text", "content": {"text": text}}
        if self._secret:
            now = SystemClock().now().wall // 1000
            payload |= {"timestamp": str(now), "sign": signature(self._secret, now)}
        answer = json_object(
            wire.request(
                "POST",
                f"{self._base}/open-apis/bot/v2/hook/{self._token}",
                data=json_body(payload),
                headers=JSON,
            ),
            read_4xx=True,
        )
        _CODES.check(
            answer.get("code", answer.get("StatusCode")), answer.get("msg", answer.get("StatusMessage"))
        )


class LarkRobot(FeishuRobot):
    name = "Lark robot"
    schemes = ("lark",)
    home = "https://open.larksuite.com"
