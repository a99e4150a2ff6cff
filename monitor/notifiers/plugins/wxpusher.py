"""WxPusher: ``wxpusher://{token}/UID_…/123``: users by UID, topics by number.

https://wxpusher.zjiecode.com/docs/: HTTP 200, a ``code`` for the request and one for each recipient.
"""

from __future__ import annotations

from monitor.notifiers.plugins.answer import JSON, Codes, json_body, json_object, objects
from monitor.notifiers.plugins.recipients import each
from monitor.notifiers.plugins.service import Message, Url, Wire, config_error

SUMMARY = 20
_CODES = Codes(
    ok="1000",
    # 1005 their server, 1006 WeChat, 1007 network, 1009 unknown. 1001 (recipient, blocked), 1002 (token),
    # 1003, 1004, 1008 (data) stay.
    temporary=frozenset({"1005", "1006", "1007", "1009"}),
)


class WxPusher:
    name = "WxPusher"
    schemes = ("wxpusher",)

    def __init__(self, url: Url) -> None:
        self._token = url.host
        self._users = [target for target in url.path if target.startswith("UID_")]
        self._topics = [target for target in url.path if target.isdigit()]
        wrong = [t for t in url.path if t not in self._users and t not in self._topics]
        if wrong:
            raise config_error(f"{wrong[0]!r} is neither a user (UID_…) nor the number of a topic")
        if not url.path:
            raise config_error("no recipient: write wxpusher://{token}/UID_… or the number of a topic")
        self._base = url.base("https://wxpusher.zjiecode.com")

    def deliver(self, message: Message, wire: Wire) -> str:
        users = [user for user in self._users if not wire.is_delivered(("to", user))]
        topics = [topic for topic in self._topics if not wire.is_delivered(("to", topic))]
        payload = {
            "appToken": self._token,
            "content": message.text,
            "summary": (message.title or message.body)[:SUMMARY],
            "contentType": 1,
            "uids": users,
            "topicIds": [int(topic) for topic in topics],
        }
        answer = json_object(
            wire.request("POST", f"{self._base}/api/send/message", data=json_body(payload), headers=JSON),
            read_4xx=True,
        )
        _CODES.check(answer.get("code"), answer.get("msg"))
        _check_each(answer.get("data"), [*users, *topics], wire)
        return ""


def _check_each(data: object, recipients: list[str], wire: Wire) -> None:
    told = {str(entry.get("uid") or entry.get("topicId")): entry for entry in objects(data)}

    def check(recipient: str) -> None:
        entry = told.get(recipient, {})
        _CODES.check(entry.get("code"), entry.get("status") or "not among the recipients")

    each(recipients, wire, check)
