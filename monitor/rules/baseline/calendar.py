"""What time of what sort of day it is where the devices stand.

Daily patterns follow the wall clock: over a daylight-saving change 08:00 stays 08:00. In China a public
holiday is lived like a weekend, and a weekend made up for (调休) like a working day.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple

import chinese_calendar

WORKDAY, RESTDAY = 0, 1
_QUARTER_S = 900
"""Every zone's offset is a multiple of a quarter of an hour and changes on one."""


class Holidays(StrEnum):
    CHINA = "china"
    NONE = "none"


class Moment(NamedTuple):
    second: float
    """Seconds of the local day, 0 up to 86,400."""
    day_type: int
    """``WORKDAY`` or ``RESTDAY``."""


class LocalCalendar:
    """Turns epoch seconds into moments of a local day. Keeps the last quarter of an hour at hand, since
    readings arrive by the thousand at about the same time."""

    def __init__(self, zone: tzinfo, holidays: Holidays = Holidays.CHINA) -> None:
        self._zone = zone
        self._holidays = holidays
        self._quarter = -1
        self._base = Moment(0.0, WORKDAY)
        self._day: date | None = None
        self._day_type = WORKDAY

    def at(self, t: float) -> Moment:
        """The moment of ``t`` (epoch seconds)."""
        quarter, rest = divmod(t, _QUARTER_S)
        if quarter != self._quarter:
            self._quarter = int(quarter)
            self._base = self._look_up(self._quarter * _QUARTER_S)
        return Moment(self._base.second + rest, self._base.day_type)

    def _look_up(self, t: int) -> Moment:
        local = (datetime.fromtimestamp(0, UTC) + timedelta(seconds=t)).astimezone(self._zone)
        day = local.date()
        if day != self._day:
            self._day, self._day_type = day, self.day_type(day)
        return Moment(local.hour * 3600.0 + local.minute * 60.0 + local.second, self._day_type)

    def day_type(self, day: date) -> int:
        """Working day or not. Years whose holidays are not announced yet go by the weekday."""
        if self._holidays is Holidays.CHINA:
            try:
                return WORKDAY if chinese_calendar.is_workday(day) else RESTDAY
            except NotImplementedError:
                pass
        return WORKDAY if day.weekday() < 5 else RESTDAY
