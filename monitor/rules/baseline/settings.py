"""What a ``[[rule]]`` of ``type = "baseline"`` can say."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field

from monitor.rules.base import RuleSettings
from monitor.rules.baseline.calendar import Holidays
from monitor.select import DeviceSelector
from monitor.settings import Duration

SENSITIVITIES = {"quiet": 0.7, "normal": 1.0, "keen": 1.5}


class Direction(StrEnum):
    HIGH = "high"
    LOW = "low"
    BOTH = "both"

    @property
    def sign(self) -> int:
        return {Direction.HIGH: 1, Direction.LOW: -1, Direction.BOTH: 0}[self]


def _sensitivity(value: Any) -> Any:
    if isinstance(value, str):
        if value not in SENSITIVITIES:
            raise ValueError(f'not a sensitivity: "{value}"; quiet, normal, keen, or a number from 0.1 to 10')
        return SENSITIVITIES[value]
    return value


def metric_name(value: str) -> str:
    if "." not in value.strip("."):
        raise ValueError(f'metric "{value}" is not of the form measurement.field')
    return value


def zone_name(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'not a time zone: "{value}"; for example Asia/Shanghai') from None
    return value


def _resolution(value: float) -> float:
    if not 10 <= value <= 3600:
        raise ValueError("a resolution lies between 10s and 1h")
    return value


class BaselineSettings(RuleSettings):
    """``type = "baseline"``: fires for each device whose reading is not as it usually is at this hour."""

    select: DeviceSelector = Field(default_factory=DeviceSelector)
    """Which devices."""
    metric: Annotated[str, AfterValidator(metric_name)]
    """``measurement.field`` of docs/metrics.md, for example ``interface.ifHCInOctets_rate``."""
    direction: Direction = Direction.BOTH
    """``high``, ``low`` or ``both``: which side of the usual is worth an alert."""
    sensitivity: Annotated[float, BeforeValidator(_sensitivity), Field(ge=0.1, le=10)] = 1.0
    """``quiet``, ``normal``, ``keen``, or a number: 2 takes things half as odd."""
    resolution: Annotated[Duration, AfterValidator(_resolution)] = 300.0
    """Readings are averaged over this long; an alert takes two such spans or more."""
    timezone: Annotated[str, AfterValidator(zone_name)] = "Asia/Shanghai"
    """Where the devices stand: days and hours are theirs."""
    holidays: Holidays = Holidays.CHINA
    """``china``: public holidays and made-up working days (调休); ``none``: weekdays only."""
