"""Maintenance: planned work. Measured still, flagged, and nobody is woken by it."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from monitor.alerts.calendar import working_days_between
from monitor.model import WallMs
from monitor.select import DeviceSelector
from monitor.settings import Duration, LocalTime, Section, in_zone, known_zone

NOTICE_WORKING_DAYS = 2
"""How far ahead the contract wants planned stops announced."""


class Weekday(StrEnum):
    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


_NUMBER = {day: number for number, day in enumerate(Weekday)}


class MaintenanceSettings(Section):
    """One ``[[maintenance]]``: once from ``begin`` to ``end``, or every week on ``weekdays`` from ``at`` for
    ``length``."""

    name: str
    """What the work is: shown to people, and part of the books."""
    select: DeviceSelector = Field(default_factory=DeviceSelector)
    """Which devices: by site, area, tag, id …"""
    begin: datetime | None = None
    """Local time of ``timezone``, for example 2026-12-01T22:00:00."""
    end: datetime | None = None
    weekdays: tuple[Weekday, ...] = ()
    """mon, tue, wed, thu, fri, sat, sun."""
    at: LocalTime | None = None
    """Local time at which the weekly window begins, for example 02:00:00."""
    length: Annotated[Duration, Field(gt=0, le=7 * 86400)] | None = None
    """How long the weekly window lasts."""
    timezone: str = "Asia/Shanghai"
    announced: date | None = None
    """The day on which the customer was told; less than two working days ahead counts as unannounced."""

    @model_validator(mode="after")
    def _once_or_weekly(self) -> Self:
        once = self.begin is not None and self.end is not None
        weekly = bool(self.weekdays) and self.at is not None and self.length is not None
        if once == weekly:
            raise ValueError("give either begin and end, or weekdays with at and length")
        if (
            self.begin is not None
            and self.end is not None
            and in_zone(self.end, self.zone) <= in_zone(self.begin, self.zone)
        ):
            raise ValueError(f"ends at {self.end}, before it begins at {self.begin}")
        return self

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return known_zone(name)

    @property
    def zone(self) -> tzinfo:
        return ZoneInfo(self.timezone)

    @property
    def ends(self) -> WallMs:
        """Of a window that is open once: its end."""
        if self.end is None:
            raise ValueError("a window of every week has no end")
        return WallMs(int(in_zone(self.end, self.zone).timestamp() * 1000))

    def span_at(self, at: WallMs) -> tuple[WallMs, WallMs] | None:
        """The window that is open at that moment: from, to (UTC ms)."""
        moment = datetime.fromtimestamp(at / 1000, self.zone)
        for begin, end in self._candidates(moment):
            if begin <= moment < end:
                return _ms((begin, end))
        return None

    def _candidates(self, moment: datetime) -> list[tuple[datetime, datetime]]:
        if self.begin is not None and self.end is not None:
            return [(in_zone(self.begin, self.zone), in_zone(self.end, self.zone))]
        if self.at is None or self.length is None:
            return []
        found = []
        # A window that began on an earlier day may still be open.
        for back in range(int(self.length // 86400) + 2):
            day = moment.date() - timedelta(days=back)
            if any(_NUMBER[weekday] == day.weekday() for weekday in self.weekdays):
                begin = datetime.combine(day, self.at, self.zone)
                end = datetime.fromtimestamp(begin.timestamp() + self.length, self.zone)
                found.append((begin, end))
        return found

    def announced_in_time(self, at: WallMs) -> bool:
        """Whether the window open at that moment was announced two working days ahead."""
        span = self.span_at(at)
        return span is not None and self.announced_before(span)

    def next_span(self, at: WallMs) -> tuple[WallMs, WallMs] | None:
        """The window that is open then, else the next to begin within a week or so; ``None``: no more."""
        if (now := self.span_at(at)) is not None:
            return now
        moment = datetime.fromtimestamp(at / 1000, self.zone)
        ahead = [moment + timedelta(days=days) for days in range(1, 9)] if self.weekdays else [moment]
        spans = {span for then in (moment, *ahead) for span in self._candidates(then)}
        coming = sorted(begin_end for begin_end in spans if begin_end[0] > moment)
        return _ms(coming[0]) if coming else None

    def announced_before(self, span: tuple[WallMs, WallMs]) -> bool:
        """Whether that window is announced two working days ahead."""
        if self.announced is None:
            return False
        begins = datetime.fromtimestamp(span[0] / 1000, self.zone).date()
        return working_days_between(self.announced, begins) >= NOTICE_WORKING_DAYS


def _ms(span: tuple[datetime, datetime]) -> tuple[WallMs, WallMs]:
    return WallMs(int(span[0].timestamp() * 1000)), WallMs(int(span[1].timestamp() * 1000))
