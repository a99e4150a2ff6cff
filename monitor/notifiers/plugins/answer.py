"""Reading a service's answer: nothing is a success but the service's own code for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from monitor.notifiers.notice import Outcome
from monitor.notifiers.outcome import Refused, of_status

JSON = {"Content-Type": "application/json; charset=utf-8"}
_WORDS = 200


def json_body(payload: object) -> bytes:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def check_status(response: requests.Response) -> None:
    """Raises ``Refused`` for a status that is not 2xx."""
    outcome = of_status(response.status_code)
    if outcome is not Outcome.DELIVERED:
        raise Refused(outcome, str(response.status_code), words(response))


def json_object(response: requests.Response, read_4xx: bool = False) -> dict[str, Any]:
    """The answer's JSON object. Raises ``Refused`` for a status that is not 2xx, and for a body that is not
    an object: a proxy's log-in page is no delivery.

    With ``read_4xx`` the object of a final 4xx is returned too, for services that put their own code there.
    (Should such a code read "success": the courier takes no other status than 2xx for one.)
    """
    try:
        body = json.loads(response.content)
    except ValueError:
        body = None
    final_4xx = response.status_code < 500 and of_status(response.status_code) is Outcome.PERMANENT
    if not (read_4xx and final_4xx and isinstance(body, dict)):
        check_status(response)
    if not isinstance(body, dict):
        raise Refused(
            Outcome.TEMPORARY, str(response.status_code), f"not an answer of this service: {words(response)}"
        )
    return body


def objects(found: object) -> list[dict[str, Any]]:
    """The objects of a list in an answer; none when it is no list."""
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def words(response: requests.Response) -> str:
    return " ".join(response.content[:_WORDS].decode("utf-8", "replace").split())


@dataclass(frozen=True, slots=True)
class Codes:
    """What a service's own result codes mean."""

    ok: str
    temporary: frozenset[str] = frozenset()
    retry_after_s: Mapping[str, float] = field(default_factory=dict)

    def check(self, code: object, message: object) -> None:
        """Returns for the code of success; raises ``Refused`` for any other, and for none."""
        # True == 1 and "0" == 0 in some services' answers; the text decides.
        text = "" if code is None or isinstance(code, bool | float | dict | list) else str(code)
        if text != self.ok:
            raise self.refusal(text, message)

    def refusal(self, code: str, message: object) -> Refused:
        text = str(message or "")[:_WORDS]
        if not code:
            return Refused(Outcome.TEMPORARY, "", f"the answer has no result code: {text}")
        outcome = Outcome.TEMPORARY if code in self.temporary else Outcome.PERMANENT
        return Refused(outcome, code, text, self.retry_after_s.get(code))
