"""Where the month will end at the present rate, and what must be won back to end it well.

"The present rate" is that of the last seven days (of those of the month that have passed, if they are fewer),
with the cameras counted then. Whole numbers throughout; see docs/contract.md.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar

from monitor.books.period import Period
from monitor.books.records import Span, Stretch
from monitor.books.tally import Fraction, Unmeasured, tallies
from monitor.books.timeline import Segments

K = TypeVar("K", bound=Hashable)

_PRESENT_S = 7 * 86_400
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of one scope."""

    so_far: Fraction
    """Camera-seconds of the period up to now."""
    expected: Fraction
    """Of the whole period, were it to go on as of late. In camera-seconds times ``seconds of late``: only the
    quotient means something."""
    lacking_per_day: int
    """Camera-seconds on line that must be won back on each day left; 0 when the line will be kept."""


def forecasts(
    segments: Segments,
    whole: Period,
    now: int,
    key: Callable[[Stretch], K],
    line_bp: int,
    policy: Unmeasured = Unmeasured.LEFT_OUT,
) -> dict[K, Forecast]:
    """By ``key``, from the segments of ``whole`` up to ``now``. Scopes with nothing counted are left out."""
    late = Span(max(whole.since, now - _PRESENT_S), now)
    recent = tallies(segments.within(late), key)
    length, left = max(1, late.until - late.since), max(0, whole.until - now)
    found: dict[K, Forecast] = {}
    for value, tally in tallies(segments, key).items():
        so_far, of_late = tally.rate(policy), recent[value].rate(policy)
        expected = Fraction(
            so_far.online * length + of_late.online * left, so_far.counted * length + of_late.counted * left
        )
        if expected.counted:
            found[value] = Forecast(so_far, expected, _lacking(expected, line_bp, length, left))
    return found


def _lacking(expected: Fraction, line_bp: int, length: int, left: int) -> int:
    if not expected.below(line_bp) or not left:
        return 0
    missing = line_bp * expected.counted - expected.online * 10_000
    return -(-missing * _DAY_S // (10_000 * length * left))
