"""PushPlus (推送加): ``pushplus://{token}``, ``?topic=…`` for a group. https://www.pushplus.plus/doc/"""

from __future__ import annotations

from monitor.notifiers.plugins.answer import JSON, Codes, json_body, json_object
from monitor.notifiers.plugins.service import Message, Url, Wire, config_error

_CODES = Codes(
    ok="200",
    # 500 their trouble, 900 restricted for sending too much, 999 their check failed. 401, 403, 600 (data),
    # 805, 888 (no credit), 903 (token), 905 (no real name) stay.
    temporary=frozenset({"500", "900", "999"}),
    retry_after_s={"900": 3600.0},
)


class PushPlus:
    name = "PushPlus"
    schemes = ("pushplus",)

    def __init__(self, url: Url) -> None:
        if not url.host.isalnum():
            raise config_error("a PushPlus token has letters and digits only")
        self._token = url.host
        self._topic = url.take("topic")
        self._base = url.base("https://www.pushplus.plus")

    def deliver(self, message: Message, wire: Wire) -> str:
        payload = {"token": self._token, "content": message.body, "template": "txt"}
        if message.title:
            payload["title"] = message.title[:100]
        if self._topic:
            payload["topic"] = self._topic
        answer = json_object(
            wire.request("POST", f"{self._base}/send", data=json_body(payload), headers=JSON), read_4xx=True
        )
        _CODES.check(answer.get("code"), answer.get("msg"))
        return str(answer.get("data") or "")
