"""Several recipients in one channel: each is told once, and the result says who was not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial

from monitor.notifiers.notice import Outcome
from monitor.notifiers.outcome import Refused
from monitor.notifiers.plugins.service import Wire, config_error

_MAINLAND = re.compile(r"(?:\+?86)?(1[3-9]\d{9})")
_ANY = re.compile(r"\+?\d{5,20}")


def phone_numbers(text: str) -> list[str]:
    """Numbers from a list with commas; mainland mobile numbers as ``+8613800000000``."""
    numbers = []
    for item in filter(None, (part.strip().replace(" ", "").replace("-", "") for part in text.split(","))):
        mainland = _MAINLAND.fullmatch(item)
        if not mainland and not _ANY.fullmatch(item):
            raise config_error(f"{item!r} is not a phone number")
        numbers.append(f"+86{mainland[1]}" if mainland else item)
    if not numbers:
        raise config_error("to= names no phone number")
    return numbers


def masked(number: str) -> str:
    """A number as it may stand in logs and books: ``138****0000``."""
    bare = number.removeprefix("+86")
    return f"{bare[:3]}****{bare[-4:]}" if len(bare) >= 11 else f"…{bare[-3:]}"


def all_masked(numbers: Iterable[str]) -> str:
    """For the books: whom it went to."""
    return ", ".join(map(masked, numbers))


def each(recipients: Iterable[str], wire: Wire, deliver: Callable[[str], None]) -> int:
    """Calls ``deliver`` for each recipient that has not had the message yet; how many there were.

    One refusal does not keep the message from the others. Afterwards raises ``Refused`` for those that
    failed: temporary while any of them may still work out.
    """
    refusals: list[tuple[str, Refused]] = []
    total = 0
    for recipient in recipients:
        total += 1
        try:
            wire.once(("to", recipient), partial(deliver, recipient))
        except Refused as refused:
            refusals.append((recipient, refused))
    _refuse_for(refusals, total)
    return total


def _refuse_for(refusals: list[tuple[str, Refused]], total: int) -> None:
    if not refusals:
        return
    # A recipient that may still be reached decides: the others are skipped or fail again next time.
    _, first = min(refusals, key=lambda item: item[1].outcome is not Outcome.TEMPORARY)
    waits = [refused.retry_after_s for _, refused in refusals if refused.retry_after_s is not None]
    told = "; ".join(f"{masked(recipient)} {refused.code} {refused.text}" for recipient, refused in refusals)
    text = first.text if total == 1 else f"{len(refusals)} of {total} recipients failed: {told}"
    raise Refused(first.outcome, first.code, text, max(waits, default=None))
