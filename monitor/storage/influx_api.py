"""The write APIs of InfluxDB, and what their answers mean.

The same status means different things: 1.x and 3.x answer 400 after a *partial* write, 2.x answers 400 when
it refused the *whole* body and 422 after a partial one. All three are ``REFUSED`` here: the caller bisects,
which is right for either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from math import isnan
from typing import Protocol

import aiohttp
from yarl import URL

from monitor.secrets import SecretError
from monitor.storage.settings import InfluxSettings

MAX_WORDS = 300
MAX_RETRY_AFTER_S = 3600.0
_EXPIRED = re.compile(r"(?:beyond|outside) (?:of )?(?:the )?retention policy")
_DROPPED = re.compile(r"dropped[= ](\d+)")


class Verdict(Enum):
    TAKEN = "taken"
    REFUSED = "refused"
    """Something in the body is wrong, or it is too large: bisect."""
    DENIED = "denied"
    """401, 403: nothing will be taken until a person changes something."""
    BUSY = "busy"
    """429, 503: try again, not before ``retry_after_s``."""
    TROUBLE = "trouble"
    """No connection, time-out, 404, 5xx: try again later."""


@dataclass(frozen=True, slots=True)
class Answer:
    verdict: Verdict
    status: int = 0
    words: str = ""
    """The server's, cut to 300 characters; or ours when there was no answer."""
    retry_after_s: float | None = None
    expired: int = 0
    """Points older than the server's retention: it will never keep them."""


class Api(Protocol):
    """One way to write: the address and the credentials."""

    def url(self, settings: InfluxSettings) -> URL: ...

    def authorization(self, settings: InfluxSettings) -> str: ...


class WriteV1:
    """``/write`` of 1.x."""

    def url(self, settings: InfluxSettings) -> URL:
        query = {"db": settings.database, "precision": "ms"}
        if settings.retention_policy:
            query["rp"] = settings.retention_policy
        return URL(settings.url).joinpath("write").with_query(query)

    def authorization(self, settings: InfluxSettings) -> str:
        """Raises ``SecretError``."""
        if settings.password is None:
            return ""
        return aiohttp.BasicAuth(settings.user, settings.password.read().reveal(), "utf-8").encode()


class WriteV2:
    """``/api/v2/write`` of 1.8 and later, 2.x and 3.x."""

    def url(self, settings: InfluxSettings) -> URL:
        query = {"org": settings.org, "bucket": settings.bucket_name, "precision": "ms"}
        return URL(settings.url).joinpath("api", "v2", "write").with_query(query)

    def authorization(self, settings: InfluxSettings) -> str:
        """Raises ``SecretError``. 1.8 takes ``user:password`` in the place of a token."""
        if settings.token is not None:
            return f"Token {settings.token.read().reveal()}"
        if settings.password is not None:
            return f"Token {settings.user}:{settings.password.read().reveal()}"
        return ""


def api_for(settings: InfluxSettings, server_version: str) -> Api:
    """The API by configuration, or by the version that the server tells (``1.6.7~rc0``, ``v2.7.10``)."""
    if settings.version != "auto":
        return WriteV1() if settings.version == "1" else WriteV2()
    match = re.match(r"v?1\.(\d+)", server_version)
    if match is None or (int(match[1]) >= 8 and settings.token is not None):
        return WriteV2()
    return WriteV1()


class Client:
    """Posts bodies. The session is the caller's; secrets are read for each post, so a new one is seen."""

    def __init__(self, session: aiohttp.ClientSession, settings: InfluxSettings) -> None:
        self._session = session
        self._settings = settings
        self._timeout = aiohttp.ClientTimeout(total=settings.timeout)
        self._api: Api | None = None

    async def server_version(self) -> str:
        """What ``/ping`` tells, or nothing. Raises ``aiohttp.ClientError``, ``TimeoutError``."""
        url = URL(self._settings.url).joinpath("ping")
        async with self._session.get(url, timeout=self._timeout, allow_redirects=False) as response:
            return response.headers.get("X-Influxdb-Version", "")

    async def _known_api(self) -> Api:
        if self._api is None:
            told = "" if self._settings.version != "auto" else await self.server_version()
            self._api = api_for(self._settings, told)
        return self._api

    async def headers(self) -> dict[str, str]:
        """The authorization, if there is one. Raises ``SecretError`` and what ``server_version`` raises."""
        authorization = (await self._known_api()).authorization(self._settings)
        return {"Authorization": authorization} if authorization else {}

    async def write(self, gzipped: bytes) -> Answer:
        """Post one gzip body. Never raises for what the server or the network does."""
        try:
            headers = await self.headers()
            headers |= {"Content-Encoding": "gzip", "Content-Type": "text/plain; charset=utf-8"}
            async with self._session.post(
                (await self._known_api()).url(self._settings),
                data=gzipped,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                text = (await response.content.read(16_384)).decode(errors="replace")
                return judge(response.status, text, response.headers.get("Retry-After", ""))
        except SecretError as error:
            return Answer(Verdict.DENIED, words=str(error))
        except TimeoutError:
            return Answer(Verdict.TROUBLE, words=f"no answer within {self._settings.timeout:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Answer(Verdict.TROUBLE, words=(str(error) or type(error).__name__)[:MAX_WORDS])


def judge(
    status: int, text: str, retry_after: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Answer:
    """What an answer of a write API means."""
    words = _words(text)
    if 200 <= status < 300:
        return Answer(Verdict.TAKEN, status)
    if status in (400, 422) and _EXPIRED.search(words):
        dropped = _DROPPED.search(words)
        return Answer(Verdict.TAKEN, status, words, expired=int(dropped[1]) if dropped else 1)
    if status in (400, 413, 422):
        return Answer(Verdict.REFUSED, status, words)
    if status in (401, 403):
        return Answer(Verdict.DENIED, status, words)
    if status in (429, 503):
        return Answer(Verdict.BUSY, status, words, _retry_after_s(retry_after, now))
    return Answer(Verdict.TROUBLE, status, words)


def _words(text: str) -> str:
    """The message inside the server's JSON, or the text itself; one printable line."""
    try:
        answer = json.loads(text)
        found = answer.get("error") or answer.get("message") or text
        if details := answer.get("data"):
            found = f"{found}: {json.dumps(details, ensure_ascii=False)}"
    except (ValueError, AttributeError):
        found = text
    return "".join(c if c.isprintable() else " " for c in str(found))[:MAX_WORDS].strip()


def _retry_after_s(header: str, now: Callable[[], datetime]) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, section 10.2.3): a number or a date; at most an hour."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - now()).total_seconds()
        except (ValueError, TypeError):
            return None
    return None if isnan(seconds) else min(max(seconds, 0.0), MAX_RETRY_AFTER_S)
