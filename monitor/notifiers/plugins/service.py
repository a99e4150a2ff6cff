"""What a service of ours is: it takes the parts of a URL, and delivers or says why not.

Services know nothing of Apprise; ``adapter`` makes an Apprise plugin of each.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import requests

from monitor.notifiers.attachment import Enclosed
from monitor.notifiers.notice import Outcome
from monitor.notifiers.outcome import Refused, transport_trouble

T = TypeVar("T")

COMMON = frozenset(
    {"verify", "redirect", "rto", "cto", "format", "overflow", "emojis", "store", "tz"}
    | {"retry", "wait", "optional", "tag"}
)
"""Parameters that every Apprise URL may have; they are not a service's own."""


@dataclass(frozen=True, slots=True)
class Message:
    title: str
    body: str
    level: str
    """info, success, warning or failure."""
    attachments: tuple[Enclosed, ...] = ()
    """For services that carry them (``schemes.Scheme.attachments``)."""

    @property
    def text(self) -> str:
        """Title and body as one text, for services that know no title."""
        return f"{self.title}\n{self.body}" if self.title else self.body


def config_error(text: str) -> Refused:
    """The URL is wrong: found by ``camwatch check``, permanent if it is met in a send."""
    return Refused(Outcome.PERMANENT, "config", text)


class Faults:
    """Gathers what is wrong with a channel, so that all of it is told at once."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def tried(self, make: Callable[[], T], otherwise: T) -> T:
        """What ``make`` makes, or ``otherwise`` with its fault noted."""
        try:
            return make()
        except Refused as error:
            self._texts.append(error.text)
            return otherwise

    def tell(self) -> None:
        if self._texts:
            raise config_error("; ".join(self._texts))


class Url:
    """The parts of a channel's URL, percent-decoded. Parameters are taken one by one; ``close`` refuses those
    that nobody asked for."""

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        userinfo, _, address = split.netloc.rpartition("@")
        user, _, password = userinfo.partition(":")
        self.scheme = split.scheme.lower()
        self.address = address
        """Host and port as written."""
        self.host = unquote(address.partition(":")[0])
        self.user = unquote(user)
        self.password = unquote(password)
        self.raw_path = split.path
        self.path = [unquote(part) for part in split.path.split("/") if part]
        self._query = dict(parse_qsl(split.query, keep_blank_values=True))

    def take(self, name: str, default: str = "") -> str:
        return self._query.pop(name, default)

    def need(self, name: str) -> str:
        value = self.take(name)
        if not value:
            raise config_error(f"the url lacks the parameter {name!r}")
        return value

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.take(name, default)
        if value not in choices:
            raise config_error(f"{name}={value!r} is not one of {', '.join(choices)}")
        return value

    def rest(self, prefix: str) -> dict[str, str]:
        """All remaining parameters that begin with ``prefix``, without it."""
        names = [name for name in self._query if name.startswith(prefix)]
        return {name.removeprefix(prefix): self._query.pop(name) for name in names}

    def base(self, default: str) -> str:
        """Where the service is: its public address, or ``at=https://…`` for one of one's own."""
        at = self.take("at", default).rstrip("/")
        if urlsplit(at).scheme not in ("http", "https") or not urlsplit(at).netloc:
            raise config_error("at= is an address such as https://wecom.example.org")
        return at

    def close(self) -> None:
        unknown = sorted(self._query.keys() - COMMON)
        if unknown:
            raise config_error(f"unknown parameter of {self.scheme}://: {', '.join(unknown)}")


@dataclass(frozen=True, slots=True)
class Wire:
    """How a service reaches the world in one send."""

    verify: bool
    timeout: float | tuple[float, float]
    """In seconds, as Apprise gives it: whole, or to connect and to read."""
    is_delivered: Callable[[Hashable], bool]
    mark_delivered: Callable[[Hashable], None]

    def request(
        self,
        method: str,
        url: str,
        *,
        params: dict[str, str] | None = None,
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        """One HTTP request. Raises ``Refused`` (temporary) if no answer came; returns any answer. Redirects
        are not followed: they would carry a token to wherever a hostile answer points."""
        try:
            return requests.request(
                method,
                url,
                params=params,
                data=data,
                headers={"User-Agent": "Camwatch"} | (headers or {}),
                verify=self.verify,
                timeout=self.timeout,
                allow_redirects=False,
            )
        except requests.exceptions.InvalidURL as error:
            raise config_error("the address is not a valid URL") from error
        except requests.RequestException as error:
            raise Refused(Outcome.TEMPORARY, "network", transport_trouble(error)) from error

    def once(self, key: Hashable, deliver: Callable[[], None]) -> None:
        """Runs ``deliver`` unless this part or recipient took the message in an earlier attempt."""
        if not self.is_delivered(key):
            deliver()
            self.mark_delivered(key)


class Service(Protocol):
    """One service. The constructor raises ``Refused`` (see ``config_error``) for a URL that is wrong."""

    name: ClassVar[str]
    schemes: ClassVar[tuple[str, ...]]

    def __init__(self, url: Url) -> None: ...

    def deliver(self, message: Message, wire: Wire) -> str:
        """Delivers the whole message, or raises ``Refused``. Returns what there is to say about it: a
        message's number, the parts it was sent in."""
        ...
