"""What a message about a reading rests on: what was seen, what was usual, allowed, or is to come."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter


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


@dataclass(frozen=True, slots=True)
class Crossed:
    """A reading beyond its limit."""

    metric: str
    unit: str
    part: str
    value: float
    limit: float
    above: bool
    """Beyond is above; else below."""


@dataclass(frozen=True, slots=True)
class MonthEnd:
    """Where the month will end at the present rate."""

    expected: str
    """Percent, cut off."""
    required: str
    hours_a_day: int
    """Camera-hours that must be won back on each day left."""


Evidence = Odd | Foreseen | Crossed | MonthEnd

_JSON: TypeAdapter[Any] = TypeAdapter(Evidence)


def evidence_json(evidence: Evidence | None) -> str:
    return "" if evidence is None else _JSON.dump_json(evidence).decode()


def evidence_from(text: str) -> Evidence | None:
    """``ValueError`` for what is no evidence."""
    found: Evidence | None = _JSON.validate_json(text) if text else None
    return found
