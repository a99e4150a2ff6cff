"""What bounds and observes a plugin inside its own process.

Apprise plugins answer with a bare bool, log what happened, and each calls ``requests`` or ``smtplib`` in its
own way. This process does one send and ends, so wrapping the three doors that all of them go through
(``requests.Session.send``, ``smtplib.SMTP.getreply``, the ``apprise`` logger) is both complete and harmless;
anywhere else it would be neither. It is done here and nowhere else.
"""

from __future__ import annotations

import logging
import smtplib
from dataclasses import dataclass, field
from typing import Any

import requests

from monitor.notifiers.outcome import transport_trouble

MAX_BODY = 64 * 1024
_SNIPPET = 200
_LOG_LINES = 3


@dataclass(slots=True)
class Observed:
    """What really happened on the wire."""

    posts: int = 0
    status: int | None = None
    """Of the last HTTP answer; ``None`` if the last request got none."""
    retry_after: str = ""
    snippet: str = ""
    error: str = ""
    """The transport's complaint about the last request, when no answer came."""
    smtp_code: int | None = None
    """The first refusal (4xx, 5xx) of a mail server."""
    smtp_text: str = ""
    log: list[str] = field(default_factory=list)


def install(timeout_s: float) -> Observed:
    """Bounds every request made from now on, and returns what will be seen of them."""
    seen = Observed()
    _watch_http(seen, timeout_s)
    _watch_smtp(seen)
    _watch_log(seen)
    return seen


def _watch_http(seen: Observed, timeout_s: float) -> None:
    original = requests.Session.send

    def send(self: requests.Session, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        # A redirect would carry a token to wherever a hostile answer points.
        kwargs |= {"allow_redirects": False, "stream": True, "timeout": timeout_s}
        seen.posts += 1
        seen.status, seen.retry_after, seen.snippet, seen.error = None, "", "", ""
        try:
            response = original(self, request, **kwargs)
            body = bytearray()
            for chunk in response.iter_content(8192):
                body += chunk
                if len(body) > MAX_BODY:
                    break
        except requests.RequestException as error:
            seen.error = transport_trouble(error)
            raise
        response.close()
        response._content = bytes(body[:MAX_BODY])
        seen.status = response.status_code
        seen.retry_after = response.headers.get("Retry-After", "")
        seen.snippet = bytes(body[:_SNIPPET]).decode("utf-8", "replace")
        return response

    requests.Session.send = send  # type: ignore[method-assign]  # the one wrapping, see above


def _watch_smtp(seen: Observed) -> None:
    original = smtplib.SMTP.getreply

    def getreply(self: smtplib.SMTP) -> tuple[int, bytes]:
        code, text = original(self)
        # 500 and 502 only say that EHLO or an extension is not known: smtplib goes on without.
        if code >= 400 and code not in (500, 502) and seen.smtp_code is None:
            seen.smtp_code, seen.smtp_text = code, text.decode("utf-8", "replace")
        return code, text

    smtplib.SMTP.getreply = getreply  # type: ignore[method-assign]  # the one wrapping, see above


class _Tail(logging.Handler):
    """Keeps the last few things a plugin said at warning or above; nothing reaches a terminal or a file."""

    def __init__(self, seen: Observed) -> None:
        super().__init__(logging.WARNING)
        self._seen = seen

    def emit(self, record: logging.LogRecord) -> None:
        self._seen.log.append(record.getMessage())
        del self._seen.log[:-_LOG_LINES]


def _watch_log(seen: Observed) -> None:
    root = logging.getLogger()
    root.handlers[:] = [logging.NullHandler()]
    logger = logging.getLogger("apprise")
    logger.handlers[:] = [_Tail(seen)]
    logger.setLevel(logging.WARNING)
    logger.propagate = False
