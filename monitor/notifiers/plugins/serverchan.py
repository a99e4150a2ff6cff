"""ServerChan (方糖): ``schan://{key}``. https://sct.ftqq.com, and https://sc3.ft07.com for keys ``sctp…``."""

from __future__ import annotations

import re

from monitor.notifiers.notice import Outcome
from monitor.notifiers.outcome import Refused
from monitor.notifiers.plugins.answer import JSON, Codes, json_body, json_object
from monitor.notifiers.plugins.service import Message, Url, Wire, config_error

TITLE = 32
_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")
_THIRD = re.compile(r"sctp(\d+)t")
_CODES = Codes(ok="0")
_QUOTA_S = 3600.0


class ServerChan:
    name = "ServerChan"
    schemes = ("schan",)

    def __init__(self, url: Url) -> None:
        if not _KEY.fullmatch(url.host):
            raise config_error("a SendKey has letters, digits, - and _ only")
        third = _THIRD.match(url.host)
        home = f"https://{third[1]}.push.ft07.com" if third else "https://sctapi.ftqq.com"
        path = f"/send/{url.host}.send" if third else f"/{url.host}.send"
        self._address = url.base(home) + path

    def deliver(self, message: Message, wire: Wire) -> str:
        title = message.title or message.body.partition("\n")[0]
        payload = {"title": title[:TITLE], "desp": message.text.replace("\n", "\n\n")}
        answer = json_object(
            wire.request("POST", self._address, data=json_body(payload), headers=JSON), read_4xx=True
        )
        text = answer.get("message", answer.get("error"))
        code = answer.get("code", answer.get("errno"))
        if str(code) == "40001" and "次数" in str(text):
            # One code for a wrong key and for the day's quota: only the text tells them apart.
            raise Refused(Outcome.TEMPORARY, "40001", str(text), _QUOTA_S)
        _CODES.check(code, text)
        data = answer.get("data")
        if isinstance(data, dict) and "errno" in data:
            _CODES.check(data["errno"], data.get("error"))
        return ""
