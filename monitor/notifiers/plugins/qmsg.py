"""Qmsg (QQ push): ``qq://{token}``. https://qmsg.zendee.cn/docs/api: ``success`` and ``code`` tell."""

from __future__ import annotations

from urllib.parse import urlencode

from monitor.notifiers.notice import Outcome
from monitor.notifiers.outcome import Refused
from monitor.notifiers.plugins.answer import Codes, json_object
from monitor.notifiers.plugins.service import Message, Url, Wire, config_error

_CODES = Codes(ok="0")


class Qmsg:
    name = "Qmsg (QQ)"
    schemes = ("qq",)

    def __init__(self, url: Url) -> None:
        if not url.host.isalnum():
            raise config_error("a Qmsg key has letters and digits only")
        self._address = f"{url.base('https://qmsg.zendee.cn')}/send/{url.host}"

    def deliver(self, message: Message, wire: Wire) -> str:
        answer = json_object(
            wire.request(
                "POST",
                self._address,
                data=urlencode({"msg": message.text}).encode(),
                headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
            )
        )
        # An unlisted code is worth another attempt here: the service documents none but 0.
        if answer.get("success") is not True:
            raise Refused(Outcome.TEMPORARY, str(answer.get("code", "")), str(answer.get("reason", ""))[:200])
        _CODES.check(answer.get("code"), answer.get("reason"))
        return ""
