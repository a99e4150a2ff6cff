"""From what a service said to whether trying again makes sense. One place for all channels."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

from monitor.notifiers.notice import Outcome

LONGEST_RETRY_AFTER_S = 3600.0
_WORTH_RETRYING = frozenset({408, 409, 423, 425, 429})

_SIGNS = (
    ("refused", "connection refused"),
    ("esol", "the host name does not resolve"),
    ("reset", "connection reset"),
    ("RemoteDisconnected", "connection closed without an answer"),
    ("timed out", "no answer in time"),
)


class Refused(Exception):
    """A plugin of ours did not deliver, and knows why.

    ``text`` is for a person, in the service's words where it gave any.
    """

    def __init__(self, outcome: Outcome, code: str, text: str, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.outcome = outcome
        self.code = code
        self.text = text
        self.retry_after_s = retry_after_s


def of_status(status: int) -> Outcome:
    """RFC 9110: 2xx is taken, 408/425/429 and 5xx may pass, the rest (redirects too: they are not
    followed) will be the same next time. 501 and 505 are 5xx that do not pass."""
    if 200 <= status < 300:
        return Outcome.DELIVERED
    if status in _WORTH_RETRYING or (status >= 500 and status not in (501, 505)):
        return Outcome.TEMPORARY
    return Outcome.PERMANENT


def transport_trouble(error: requests.RequestException) -> str:
    """The kind of trouble in words: the exception's own text repeats the URL with its token."""
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS failed (certificate or protocol)"
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "connecting timed out"
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    text = str(error)
    for sign, words in _SIGNS:
        if sign in text:
            return words
    return f"request failed ({type(error).__name__})"


def of_smtp(code: int) -> Outcome:
    """RFC 5321, 4.2.1: 4yz is transient, 5yz permanent."""
    return Outcome.TEMPORARY if 400 <= code < 500 else Outcome.PERMANENT


def retry_after_s(header: str, now_ms: int) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3), a number or a date; at most an hour."""
    header = header.strip()
    if header.isascii() and header.isdigit():
        return min(float(header[:9]), LONGEST_RETRY_AFTER_S)
    try:
        then = parsedate_to_datetime(header)
    except ValueError:
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    wait = (then - datetime.fromtimestamp(now_ms / 1000, UTC)).total_seconds()
    return min(max(wait, 0.0), LONGEST_RETRY_AFTER_S)
