"""What our plugins for HTTP services have in common: one request, its answer, and what a code means."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from apprise import NotifyBase

from monitor.notifiers.notice import Outcome
from monitor.notifiers.outcome import Refused, of_status

JSON = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Camwatch"}
_WORDS = 200


class Service(NotifyBase):  # type: ignore[misc]  # Apprise ships no usable types for it
    """A plugin that either has delivered when ``send`` returns, or raises ``Refused``."""

    overflow_mode = "upstream"
    body_maxlen = 1 << 20
    title_maxlen = 250
    request_rate_per_sec = 0

    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        """One HTTP request. Raises ``Refused`` (temporary) if no answer came; any answer is returned.
        Redirects are not followed."""
        try:
            return requests.request(
                method,
                url,
                verify=self.verify_certificate,
                timeout=self.request_timeout,
                allow_redirects=False,
                **kwargs,
            )
        except requests.exceptions.InvalidURL as error:
            raise Refused(Outcome.PERMANENT, "config", "the address is not a valid URL") from error
        except requests.RequestException as error:
            raise Refused(Outcome.TEMPORARY, "network", transport_trouble(error)) from error

    def once(self, key: Hashable, deliver: Callable[[], None]) -> None:
        """Runs ``deliver`` unless this part or recipient took the message in an earlier attempt."""
        if not self.is_delivered(key):
            deliver()
            self.mark_delivered(key)


def transport_trouble(error: requests.RequestException) -> str:
    """The kind of trouble in words: the exception's own text repeats the URL with its token."""
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS failed (certificate or protocol)"
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "connecting timed out"
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    text = str(error)
    for sign, words in (
        ("refused", "connection refused"),
        ("resol", "the host name does not resolve"),
        ("reset", "connection reset"),
        ("RemoteDisconnected", "connection closed without an answer"),
    ):
        if sign in text:
            return words
    return f"request failed ({type(error).__name__})"


def json_object(response: requests.Response) -> dict[str, Any]:
    """The answer's JSON object. Raises ``Refused`` for a status that is not 2xx, and for a 2xx whose body is
    not an object: a proxy's log-in page is no delivery."""
    if of_status(response.status_code) is not Outcome.DELIVERED:
        raise Refused(of_status(response.status_code), str(response.status_code), words(response))
    try:
        body = json.loads(response.content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(
            Outcome.TEMPORARY, str(response.status_code), f"not the service's answer: {words(response)}"
        )
    return body


def words(response: requests.Response) -> str:
    return " ".join(response.content[:_WORDS].decode("utf-8", "replace").split())


@dataclass(frozen=True, slots=True)
class Codes:
    """What a service's own result codes mean. A code that is not listed is ``other``."""

    ok: str
    temporary: frozenset[str]
    retry_after_s: Mapping[str, float]
    other: Outcome = Outcome.PERMANENT

    def check(self, code: object, message: object) -> None:
        """Returns for the code of success, raises ``Refused`` for any other or none."""
        text = "" if code is None else str(code)
        if text == self.ok:
            return
        if not text:
            raise Refused(Outcome.TEMPORARY, "", f"the answer has no result code: {str(message)[:_WORDS]}")
        outcome = Outcome.TEMPORARY if text in self.temporary else self.other
        raise Refused(outcome, text, str(message)[:_WORDS], self.retry_after_s.get(text))
