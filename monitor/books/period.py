"""Periods as contracts name them, in a time zone, as whole seconds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum


class Length(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"


@dataclass(frozen=True, slots=True)
class Period:
    """``[since, until)`` in seconds since 1970, and the zone its days are days of."""

    since: int
    until: int
    zone: tzinfo

    @property
    def seconds(self) -> int:
        return max(0, self.until - self.since)

    def cut(self, now: int) -> Period:
        """Without what has not happened yet."""
        return Period(self.since, max(self.since, min(self.until, now)), self.zone)

    @property
    def first_day(self) -> date:
        return self.local(self.since).date()

    @property
    def last_day(self) -> date:
        return self.local(max(self.since, self.until - 1)).date()

    def local(self, at: int) -> datetime:
        return datetime.fromtimestamp(at, UTC).astimezone(self.zone)

    def days(self) -> list[date]:
        """The days that the period touches."""
        count = (self.last_day - self.first_day).days + 1
        return [self.first_day + timedelta(days=n) for n in range(count)]

    def day_bounds(self) -> list[int]:
        """Where each of ``days`` begins, and the end: one more than there are days. A day with a change of
        daylight-saving time has 23 or 25 hours."""
        inner = [start_of(day, self.zone) for day in self.days()[1:]]
        return [self.since, *inner, self.until]

    def hours(self) -> Iterator[tuple[int, int]]:
        """Each clock hour that the period touches, as ``(begin, end)``, cut to the period."""
        at = self.since
        while at < self.until:
            local = self.local(at)
            left = 3600 - local.minute * 60 - local.second
            end = min(at + left, self.until)
            yield at, end
            at = end


def start_of(day: date, zone: tzinfo) -> int:
    """The second at which a day begins. Where clocks skip midnight, the moment of the skip."""
    return int(datetime.combine(day, time(), zone).timestamp())


def of_days(first: date, after: date, zone: tzinfo) -> Period:
    """From the begin of ``first`` up to the begin of ``after``."""
    return Period(start_of(first, zone), start_of(after, zone), zone)


def period_of(length: Length, day: date, zone: tzinfo) -> Period:
    """The day, the week (from Monday), the month or the quarter that ``day`` lies in."""
    match length:
        case Length.DAY:
            return of_days(day, day + timedelta(days=1), zone)
        case Length.WEEK:
            monday = day - timedelta(days=day.weekday())
            return of_days(monday, monday + timedelta(days=7), zone)
        case Length.MONTH:
            return of_days(day.replace(day=1), _months_on(day, 1), zone)
        case Length.QUARTER:
            first = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
            return of_days(first, _months_on(first, 3), zone)


def before(length: Length, period: Period) -> Period:
    """The period of the same sort that ends where this one begins."""
    return period_of(length, period.first_day - timedelta(days=1), period.zone)


def _months_on(day: date, months: int) -> date:
    count = day.year * 12 + day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


def samples_of(period: Period, times: Iterable[time]) -> list[int]:
    """The seconds of the period at which inspectors look: these times of each day."""
    ordered = sorted(times)
    found = [
        int(datetime.combine(day, at, period.zone).timestamp()) for day in period.days() for at in ordered
    ]
    return [at for at in found if period.since <= at < period.until]


_MOMENT = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?)?")


def parse_moment(text: str, zone: tzinfo) -> int:
    """Seconds since 1970 of ``2026-07-01``, ``2026-07-01 08:30`` or ``2026-07-01 08:30:15`` in the zone.

    A time that the zone's clocks skip is refused; of one that they show twice, the first is meant.
    """
    found = _MOMENT.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
        local = datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        raise ValueError(f'not a time: "{text}"; write for example 2026-07-01 08:30') from None
    at = local.timestamp()
    if datetime.fromtimestamp(at, UTC).astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise ValueError(f'there is no "{text}" in {zone}: the clocks skip it')
    return int(at)


def parse_period(text: str, zone: tzinfo) -> Period:
    """``2026-07-01``, ``2026-W27``, ``2026-07`` or ``2026Q3``: a day, a week, a month or a quarter."""
    plain = text.strip().upper()
    if week := re.fullmatch(r"(\d{4})-?W(\d{1,2})", plain):
        try:
            return period_of(Length.WEEK, date.fromisocalendar(int(week[1]), int(week[2]), 1), zone)
        except ValueError:
            raise ValueError(f'there is no week "{text}"') from None
    if "Q" in plain:
        length = Length.QUARTER
    else:
        length = Length.MONTH if plain.count("-") == 1 else Length.DAY
    return period_of(length, parse_day(text), zone)


def parse_day(text: str) -> date:
    """``2026-07-01``, or ``2026-07`` for the month's first day, or ``2026Q3`` for the quarter's."""
    try:
        if quarter := re.fullmatch(r"(\d{4})-?Q([1-4])", text.strip().upper()):
            return date(int(quarter[1]), int(quarter[2]) * 3 - 2, 1)
        if month := re.fullmatch(r"(\d{4})-(\d{2})", text.strip()):
            return date(int(month[1]), int(month[2]), 1)
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f'not a day: "{text}"; write for example 2026-07-01, 2026-07 or 2026Q3') from None
