"""``[channel.NAME]`` and ``[receiver.NAME]``: where messages go.

A channel is an Apprise URL in which every secret is a placeholder::

    [channel.oncall]
    url = "wecombot://{key}"
    secrets = { key = { env = "WECOM_KEY" } }
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, urlencode

from pydantic import ConfigDict, Field, field_validator, model_validator

from monitor.notifiers.schemes import Form, facts, scheme_of
from monitor.secrets import Secret, SecretRef
from monitor.settings import Duration, Section
from monitor.words import Language

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ONLY_PLACEHOLDERS = re.compile(r"(?:\{[A-Za-z_][A-Za-z0-9_]*\})+")
_SHAPE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s]*")
_SECRET_NAME = re.compile(
    r"(?i)^[+\-:]?(?:.*[._-])?(?:key|apikey|appkey|token|secret|password|passwd|pass|pwd|auth|authorization)$"
)
GENERAL_PER_MINUTE = 60


class ChannelSettings(Section):
    """One place to send to."""

    # pydantic's own error text would repeat the URL, and with it a secret that was written out there.
    model_config = ConfigDict(hide_input_in_errors=True)

    url: str
    """An Apprise URL; secrets stand in it as ``{name}``."""
    secrets: dict[str, SecretRef] = Field(default_factory=dict)
    """Where each ``{name}`` is kept."""
    options: dict[str, str | int | bool] = Field(default_factory=dict)
    """Further parameters of the plugin: appended to the URL, so that a body template need not be
    percent-encoded by hand. ``{name}`` of a declared secret is filled in here too."""
    language: Language | None = None
    """The daemon's language if not given."""
    format: Form | None = None
    """phone, sms or mail; by default what suits the scheme."""
    per_minute: int | None = Field(default=None, ge=1, le=6000)
    """At most so many messages in any 60 s; by default what the service allows."""
    deadline: Duration = Field(default=20.0, gt=0, le=600)
    """A send that is not done by then is killed and tried again."""
    timeout: Duration = Field(default=8.0, gt=0, le=600)
    """How long one connection or one answer may take within a send."""
    retry_first: Duration = Field(default=5.0, gt=0)
    """The wait after a first temporary failure; it doubles with each further one."""
    retry_longest: Duration = Field(default=600.0, gt=0)
    give_up: Duration = Field(default=259_200.0, gt=0)
    """A message that could not be delivered for so long is booked as dead, with the last reason."""
    breaker_failures: int = Field(default=5, ge=1)
    """After so many failures in a row the channel counts as failing and is only probed."""
    probe: Duration = Field(default=60.0, gt=0)
    """How often a failing channel is tried."""

    @field_validator("url")
    @classmethod
    def _shape(cls, url: str) -> str:
        if not _SHAPE.fullmatch(url):
            raise ValueError(
                "a channel's url is written scheme://…, for example wecombot://{key} or "
                "mailtos://user:{password}@mail.example.org?to=oncall@example.org"
            )
        return url

    @model_validator(mode="after")
    def _secrets_only_by_reference(self) -> Self:
        problems = [*_unmatched(self), *_literals(self)]
        if problems:
            raise ValueError("; ".join(problems))
        if self.retry_longest < self.retry_first:
            raise ValueError("retry_longest is shorter than retry_first")
        return self


class ReceiverSettings(Section):
    """A named list of channels, or whoever is on duty: whom a route can address."""

    channels: list[str] = Field(default_factory=list)
    """Channels, all of which are told."""
    roster: str = ""
    """Instead of channels: whoever is on duty by this ``[roster.NAME]``."""

    @model_validator(mode="after")
    def _either(self) -> Self:
        if bool(self.channels) == bool(self.roster):
            raise ValueError("give either channels (at least one) or roster")
        return self


def _unmatched(channel: ChannelSettings) -> list[str]:
    """Placeholders without a secret, and secrets without a placeholder."""
    used = set(PLACEHOLDER.findall(channel.url))
    problems = [
        f'{{{name}}} in the url has no value: add secrets = {{ {name} = {{ env = "…" }} }}'
        for name in sorted(used - channel.secrets.keys())
    ]
    for value in channel.options.values():
        if isinstance(value, str):
            used.update(PLACEHOLDER.findall(value))
    problems += [
        f"the secret {name!r} is used nowhere: write {{{name}}} where it belongs in the url"
        for name in sorted(channel.secrets.keys() - used)
    ]
    return problems


def _literals(channel: ChannelSettings) -> list[str]:
    """Secrets written out. The text never repeats what was found."""
    scheme, _, rest = channel.url.partition("://")
    address, _, query = rest.partition("?")
    authority, _, path = address.partition("/")
    userinfo, at, host = authority.rpartition("@")
    problems = []
    _, colon, password = userinfo.partition(":")
    if colon and password and not _ONLY_PLACEHOLDERS.fullmatch(password):
        problems.append(
            f"a password is written out in the url: write {scheme}://USER:{{password}}@HOST "
            'and secrets = { password = { env = "…" } }'
        )
    if facts(channel.url).token_in_host:
        tokens = [host.partition(":")[0] or path]
        if at:
            tokens.append(userinfo)
        if facts(channel.url).own_host and path:
            tokens = [path.rstrip("/").rpartition("/")[2]]
        if not all(_ONLY_PLACEHOLDERS.fullmatch(token) for token in tokens):
            problems.append(
                f"a key is written out in the url: write {scheme}://{{key}} "
                'and secrets = { key = { env = "…" } }'
            )
    pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    pairs += [(name, value) for name, value in channel.options.items() if isinstance(value, str)]
    problems += [
        f"the value of {name!r} is a secret written out: write {{{_word(name)}}} and "
        f'secrets = {{ {_word(name)} = {{ env = "…" }} }}'
        for name, value in pairs
        if value and _SECRET_NAME.fullmatch(name) and not PLACEHOLDER.search(value)
    ]
    return problems


def _word(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "", name) or "key"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel ready for use: its settings, and its URL with the secrets filled in."""

    name: str
    url: Secret
    secrets: tuple[Secret, ...]
    settings: ChannelSettings

    @property
    def scheme(self) -> str:
        return scheme_of(self.settings.url)

    @property
    def form(self) -> Form:
        return self.settings.format or facts(self.settings.url).form

    @property
    def takes_attachments(self) -> bool:
        return facts(self.settings.url).attachments

    @property
    def per_minute(self) -> int:
        return self.settings.per_minute or facts(self.settings.url).per_minute or GENERAL_PER_MINUTE


def open_channel(name: str, settings: ChannelSettings) -> Channel:
    """Reads the channel's secrets. Raises ``SecretError`` that names the place of one that is missing."""
    values = {key: ref.read() for key, ref in settings.secrets.items()}

    def filled(text: str, quoted: bool) -> str:
        def value(match: re.Match[str]) -> str:
            secret = values.get(match[1])
            if secret is None:
                return match[0]
            return quote(secret.reveal(), safe="") if quoted else secret.reveal()

        return PLACEHOLDER.sub(value, text)

    url = filled(settings.url, quoted=True)
    if settings.options:
        options = {
            key: filled(value, quoted=False) if isinstance(value, str) else _plain(value)
            for key, value in settings.options.items()
        }
        url += ("&" if "?" in url else "?") + urlencode(options, quote_via=quote)
    return Channel(name, Secret(url), tuple(values.values()), settings)


def _plain(value: int | bool) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
