"""WeCom (企业微信) group robot, ``wecombot://{key}``.

https://developer.work.weixin.qq.com/document/path/91770: text of at most 2,048 bytes of UTF-8, 20 messages a
minute; the answer is always HTTP 200, what happened is in ``errcode`` (path/90313).
"""

from __future__ import annotations

import json
import re
from typing import Any

from monitor.notifiers.notice import Outcome
from monitor.notifiers.outcome import Refused
from monitor.notifiers.plugins.service import JSON, Codes, Service, json_object
from monitor.notifiers.plugins.split import split_bytes

MAX_BYTES = 2048
_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")
_CODES = Codes(
    ok="0",
    # -1 system busy, 45009 called too often, 45033 too many at once, 50001/50002 are not ours to wait for
    temporary=frozenset({"-1", "45009", "45033"}),
    retry_after_s={"45009": 60.0, "45033": 5.0},
)


class WeComRobot(Service):
    service_name = "WeCom robot"
    secure_protocol = "wecombot"
    protocol = "wecombots"
    title_maxlen = 0
    templates = ("{schema}://{key}",)
    template_tokens = Service.template_tokens | {
        "key": {"name": "robot key", "type": "string", "required": True, "private": True, "map_to": "key"},
    }

    def __init__(self, key: str, at: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not _KEY.fullmatch(key or ""):
            raise Refused(
                Outcome.PERMANENT, "config", "not a robot's key: letters, digits, - and _ are allowed"
            )
        self._key = key
        self._base = at or "https://qyapi.weixin.qq.com"

    def send(self, body: str, title: str = "", **_: Any) -> bool:
        for number, part in enumerate(split_bytes(body, MAX_BYTES)):
            self.once(("part", number), lambda part=part: self._post(part))
        return True

    def _post(self, text: str) -> None:
        data = json.dumps({"msgtype": "text", "text": {"content": text}}, ensure_ascii=False)
        response = self.request(
            "POST",
            f"{self._base}/cgi-bin/webhook/send",
            params={"key": self._key},
            data=data.encode(),
            headers=JSON,
        )
        answer = json_object(response)
        _CODES.check(answer.get("errcode"), answer.get("errmsg"))

    def url(self, privacy: bool = False, *args: Any, **kwargs: Any) -> str:
        return f"wecombot://{self.pprint(self._key, privacy, safe='')}/"

    @staticmethod
    def parse_url(url: str) -> dict[str, Any] | None:
        results: dict[str, Any] | None = Service.parse_url(url, verify_host=False)
        if results:
            results["key"] = Service.unquote(results["host"])
            results["at"] = Service.unquote(results["qsd"].get("at", ""))
        return results

    @staticmethod
    def parse_native_url(url: str) -> dict[str, Any] | None:
        """The address as WeCom shows it: ``https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…``."""
        match = re.fullmatch(
            r"https://qyapi\.weixin\.qq\.com/cgi-bin/webhook/send/?\?key=([A-Za-z0-9_-]+)", url
        )
        return WeComRobot.parse_url(f"wecombot://{match[1]}") if match else None
