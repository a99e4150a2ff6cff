"""What is known of a channel's URL scheme without importing Apprise: its limits and where its secret sits.

Schemes that are not listed here work as well: Apprise knows some 250. They get the general limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Form(StrEnum):
    """How much a channel's message may say."""

    PHONE = "phone"
    """A chat message: read at a glance, some twenty lines at most."""
    SMS = "sms"
    """One or two parts of a short message: the bare facts on one line."""
    MAIL = "mail"
    """An e-mail: everything we know."""


@dataclass(frozen=True, slots=True)
class Scheme:
    per_minute: int | None = None
    """What the service allows, as its documentation has it; ``None`` when it names no figure."""
    form: Form = Form.PHONE
    token_in_host: bool = False
    """The part after ``://`` is itself the secret."""
    own_host: bool = False
    """With a path the host is a server of one's own, and the path the secret."""
    attachments: bool = False
    """Files can be sent along."""


_ROBOT = Scheme(per_minute=20, token_in_host=True)  # WeCom path/91770, DingTalk: 20 messages a minute
_LARK = Scheme(per_minute=100, token_in_host=True)  # Feishu: 100 a minute and 5 a second
_SMS = Scheme(per_minute=60, form=Form.SMS)
_TOKEN = Scheme(token_in_host=True)

SCHEMES: dict[str, Scheme] = {
    "wecombot": _ROBOT,
    "dingtalk": _ROBOT,
    "feishu": _LARK,
    "lark": _LARK,
    "schan": _TOKEN,
    "pushplus": _TOKEN,
    "wxpusher": _TOKEN,
    "pushdeer": Scheme(token_in_host=True, own_host=True),
    "pushdeers": Scheme(token_in_host=True, own_host=True),
    "qq": _TOKEN,
    "tgram": _TOKEN,
    "slack": _TOKEN,
    "bark": Scheme(),
    "smshttp": _SMS,
    "smshttps": _SMS,
    "alisms": _SMS,
    "tencentsms": _SMS,
    "gammu": Scheme(per_minute=10, form=Form.SMS),  # a modem sends one part in three to six seconds
    "smstools": Scheme(per_minute=10, form=Form.SMS),
    "mailto": Scheme(form=Form.MAIL, attachments=True),
    "mailtos": Scheme(form=Form.MAIL, attachments=True),
    "webhook": Scheme(attachments=True),
    "webhooks": Scheme(attachments=True),
}

_UNKNOWN = Scheme()


def scheme_of(url: str) -> str:
    return url.partition("://")[0].lower()


def facts(url: str) -> Scheme:
    return SCHEMES.get(scheme_of(url), _UNKNOWN)
