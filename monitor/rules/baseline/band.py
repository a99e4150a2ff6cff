"""What was usual: read from a series' memory for people, never for the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.rules.baseline import layout as at
from monitor.rules.baseline.scalar import SLOT_S
from monitor.rules.baseline.scalar_records import NONE_F32

_FAR = 4.0


@dataclass(frozen=True, slots=True)
class Usual:
    """What a value was expected to be, and about what it was."""

    expected: float
    low: float
    high: float
    """The range of this hour, but no further from ``expected`` than four spreads: what is odd now widens the
    one, and hardly the other."""
    spread: float
    """Usual distance from ``expected`` at this time of day."""
    hour_low: float
    hour_high: float
    """Between what it lay in the last two to four weeks at this hour, from level to level."""
    lowest: float
    highest: float
    """... and at any hour."""
    days: int
    """How far back that is known."""

    def holds(self, value: float) -> bool:
        """Nothing to speak of: within three spreads. The range of this hour is no measure, since it widens
        with what is odd now."""
        return abs(value - self.expected) <= 3.0 * self.spread


def usual(w: Sequence[float], s: Sequence[float], second: float, day_type: int) -> Usual | None:
    """For that time of a day of that type; ``None`` before anything was learned."""
    if s[at.COUNT] < 2:
        return None
    expected = w[at.LEVEL] + explained(s) * profile(s, second, day_type)
    here = s[at.NOISE + min(int(second / 7200.0), 11)]
    spread = here if here > 0 else w[at.SPREAD]
    hour = min(int(second / 3600.0), 23)
    high = max(s[at.HIGH_NOW + hour], s[at.HIGH_BEFORE + hour])
    low = min(s[at.LOW_NOW + hour], s[at.LOW_BEFORE + hour])
    level, far = w[at.LEVEL], _FAR * spread
    lowest, highest = level + s[at.LOWEST], level + s[at.HIGHEST]
    age = (w[at.TIME] - w[at.START]) / 86400.0
    # The present two weeks, and all of the two before.
    days = int(min(age, 14.0 + age % 14.0))
    if high == -NONE_F32 or low == NONE_F32:
        return Usual(expected, expected - far, expected + far, spread, lowest, highest, lowest, highest, days)
    narrow, wide = max(level + low, expected - far), min(level + high, expected + far)
    return Usual(
        expected,
        min(narrow, expected),
        max(wide, expected),
        spread,
        level + low,
        level + high,
        lowest,
        highest,
        days,
    )


def explained(s: Sequence[float]) -> float:
    """The share of the movement about the level that the profile of the day explains, 0 to 1."""
    if not s[at.OFF_LEVEL] > 0.0:
        return 0.0
    ratio = s[at.OFF_PROFILE] / s[at.OFF_LEVEL]
    return max(1.0 - ratio * ratio, 0.0)


def profile(s: Sequence[float], second: float, day_type: int) -> float:
    """Relative to the level."""
    place = (second / SLOT_S - 0.5) % at.SLOTS
    slot, part = int(place) % at.SLOTS, place - int(place)
    after = (slot + 1) % at.SLOTS
    value = s[at.PROFILE + slot] * (1.0 - part) + s[at.PROFILE + after] * part
    if day_type == 1:
        base = at.PROFILE + at.SLOTS
        value += s[base + slot] * (1.0 - part) + s[base + after] * part
    return value
