"""DingTalk (钉钉) group robot: ``dingtalk://{token}``, or ``dingtalk://{secret}@{token}`` for a signed one.

https://open.dingtalk.com/document/robots/custom-robot-access: 20 messages a minute, then silence for ten
minutes; HTTP 200 whatever happened, the truth is in ``errcode``.
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
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,256}")
_CODES = Codes(
    ok="0",
    # -1 busy, 130101 and 410100 too often. 310000 (key word, signature, address), 300001 (token) stay.
    temporary=frozenset({"-1", "130101", "410100"}),
    retry_after_s={"130101": 600.0, "410100": 60.0},
)


def signature(secret: str, timestamp_ms: int) -> str:
    """Base64 of HMAC-SHA256 over ``timestamp\\nsecret``, keyed with the secret."""
    text = f"{timestamp_ms}\n{secret}".encode()
    return base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()


class DingTalkRobot:
    name = "DingTalk robot"
    schemes = ("dingtalk",)

    def __init__(self, url: Url) -> None:
        if not _TOKEN.fullmatch(url.host):
            raise config_error("a robot's access token has letters, digits, - and _ only")
        self._token = url.host
        self._secret = url.user
        self._base = url.base("https://oapi.dingtalk.com")

    def deliver(self, message: Message, wire: Wire) -> str:
        for number, part in enumerate(split_bytes(message.text, MAX_BYTES)):
            wire.once(("part", number), partial(self._post, part, wire))
        return ""

    def _post(self, text: str, wire: Wire) -> None:
        params = {"access_token": self._token}
        if self._secret:
            now = SystemClock().now().wall
            params |= {"timestamp": str(now), "sign": signature(self._secret, now)}
        answer = json_object(
            wire.request(
                "POST",
                f"{self._base}/robot/send",
                params=params,
                data=json_body({"msgtype": "text", "text": {"content": text}}),
                headers=JSON,
            )
        )
        _CODES.check(answer.get("errcode"), answer.get("errmsg"))
