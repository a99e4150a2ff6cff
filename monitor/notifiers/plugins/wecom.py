"""WeCom (企业微信) group robot: ``wecombot://{key}``, ``?at=https://…`` for a private installation.

https://developer.work.weixin.qq.com/document/path/91770: text of at most 2,048 bytes of UTF-8, 20 messages a
minute; the answer is HTTP 200 whatever happened, the truth is in ``errcode`` (path/90313).
"""

from __future__ import annotations

import re
from functools import partial

from monitor.notifiers.plugins.answer import JSON, Codes, json_body, json_object
from monitor.notifiers.plugins.service import Message, Url, Wire, config_error
from monitor.notifiers.plugins.split import split_bytes

MAX_BYTES = 2048
_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")
_CODES = Codes(
    ok="0",
    # -1 busy, 45009 too often, 45033 too many at once. 93000 (no such robot), 40008 … stay as they are.
    temporary=frozenset({"-1", "45009", "45033"}),
    retry_after_s={"45009": 60.0, "45033": 5.0},
)


class WeComRobot:
    name = "WeCom robot"
    schemes = ("wecombot",)

    def __init__(self, url: Url) -> None:
        if not _KEY.fullmatch(url.host):
            raise config_error("a robot's key has letters, digits, - and _ only")
        self._key = url.host
        self._base = url.base("https://qyapi.weixin.qq.com")

    def deliver(self, message: Message, wire: Wire) -> str:
        parts = split_bytes(message.text, MAX_BYTES)
        for number, part in enumerate(parts):
            wire.once(("part", number), partial(self._post, part, wire))
        return ""

    def _post(self, text: str, wire: Wire) -> None:
        answer = json_object(
            wire.request(
                "POST",
                f"{self._base}/cgi-bin/webhook/send",
                params={"key": self._key},
                data=json_body({"msgtype": "text", "text": {"content": text}}),
                headers=JSON,
            )
        )
        _CODES.check(answer.get("errcode"), answer.get("errmsg"))
