"""PushDeer: ``pushdeer://{key}``, or ``pushdeers://host/{key}`` for one of one's own. https://www.pushdeer.com

``code`` 0 only says that the key was read: what became of it stands in ``content.result``, one JSON text per
device, and an empty list means that nobody was told.
"""

from __future__ import annotations

import json

from monitor.notifiers.notice import Outcome
from monitor.notifiers.outcome import Refused
from monitor.notifiers.plugins.answer import JSON, Codes, json_body, json_object
from monitor.notifiers.plugins.service import Message, Url, Wire, config_error

_CODES = Codes(ok="0")


class PushDeer:
    name = "PushDeer"
    schemes = ("pushdeer", "pushdeers")

    def __init__(self, url: Url) -> None:
        if url.path:
            self._key = url.path[-1]
            home = f"{'https' if url.scheme == 'pushdeers' else 'http'}://{url.address}"
        else:
            self._key = url.host
            home = "https://api2.pushdeer.com"
        if not self._key.isalnum():
            raise config_error("a PushDeer key has letters and digits only")
        self._base = url.base(home)

    def deliver(self, message: Message, wire: Wire) -> str:
        payload = {"pushkey": self._key, "type": "text", "text": message.title or message.body}
        if message.title:
            payload["desp"] = message.body
        answer = json_object(
            wire.request("POST", f"{self._base}/message/push", data=json_body(payload), headers=JSON)
        )
        _CODES.check(answer.get("code"), answer.get("error"))
        content = answer.get("content")
        results = content.get("result") if isinstance(content, dict) else None
        if not isinstance(results, list) or not any(_took(result) for result in results):
            raise Refused(
                Outcome.PERMANENT, "0", "no device took it: is the key right, is a device registered?"
            )
        return ""


def _took(result: object) -> bool:
    try:
        parsed = json.loads(result) if isinstance(result, str) else result
    except ValueError:
        return False
    return isinstance(parsed, dict) and parsed.get("success") == "ok"
