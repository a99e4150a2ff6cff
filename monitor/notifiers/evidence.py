"""What a message about a reading rests on: what was seen, what was usual, what is to come."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Oddity(StrEnum):
    """In what way a reading is not as usual."""

    HIGHEST = "highest"
    """Further above its level than at any hour of the days known."""
    LOWEST = "lowest"
    HIGH_HERE = "high_here"
    """... than at this hour of the days known."""
    LOW_HERE = "low_here"
    STUCK = "stuck"
    """It hardly moves any more."""
    LASTING = "lasting"
    """Within what is known, but not for so long, or not so restlessly."""


@dataclass(frozen=True, slots=True)
class Odd:
    """A reading that is not as it usually is at this hour."""

    metric: str
    """``measurement.field``."""
    unit: str
    part: str
    """Which port, which disk; empty where there is only one."""
    value: float
    low: float
    high: float
    """The usual range at this hour."""
    oddity: Oddity
    days: int
    """How far back is known."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A reading that will meet its limit."""

    metric: str
    unit: str
    part: str
    value: float
    limit: float
    likely: str
    """The day, ISO 8601, by the trend."""
    latest: str
    """The same by the slow end of the trend."""


Evidence = Odd | Foreseen
