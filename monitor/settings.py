"""The base of every configuration section, and the value types that sections are made of.

Strictness lives here once: an unknown key is an error everywhere, and a secret can only be *referred to*.
"""

from __future__ import annotations

import re
from datetime import datetime, time, tzinfo
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, PrivateAttr

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)(ms|s|m|h|d|w))")
_LONGEST_S = 3650 * 86400.0
"""Beyond this a duration is a slip of the pen, and some sums with it leave the calendar."""
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


class Section(BaseModel):
    """One table of the configuration: frozen, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class FiledSection(Section):
    """A table that names files which are read later: a reload must see that one of them has changed."""

    _files: str = PrivateAttr("")

    def of_files(self, digest: str) -> Self:
        """The same, unlike what names other contents."""
        copy = self.model_copy()
        copy._files = digest
        return copy


def parse_duration(text: str) -> float:
    """Seconds of ``"500ms"``, ``"30s"``, ``"5m"``, ``"1h30m"``, ``"2d"`` or ``"1w"``."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f'not a duration: "{text}"; write for example "30s", "5m" or "1h30m"')
    seconds = sum(float(number) * _UNIT_S[unit] for number, unit in parts)
    if seconds > _LONGEST_S:
        raise ValueError(f'"{text}" is too long; at most "3650d"')
    return seconds


def known_zone(name: str) -> str:
    """The name of a time zone, or ``ValueError``."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'no time zone is called "{name}"; write for example "Asia/Shanghai"') from None
    return name


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """A moment of the configuration: written with an offset, or local time of ``zone``."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    raise ValueError('a duration is text with a unit, for example "30s", "5m" or "1h30m"')


Duration = Annotated[
    float,
    BeforeValidator(_duration),
    PlainSerializer(lambda seconds: f"{seconds:.6f}s", return_type=str, when_used="json"),
]
"""Seconds inside; in the configuration text with a unit. Defaults are given in seconds."""


def _local(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError("write it without an offset: it is local time of timezone")
    return value


LocalTime = Annotated[time, AfterValidator(_local)]
"""By the clock on the wall of the zone that stands beside it."""
