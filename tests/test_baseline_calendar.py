"""Local days: wall clock, holidays and made-up working days."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from monitor.rules.baseline.calendar import RESTDAY, WORKDAY, Holidays, LocalCalendar, Moment

SHANGHAI = ZoneInfo("Asia/Shanghai")


def _t(text: str, zone: ZoneInfo) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@pytest.mark.parametrize(
    ("day", "china", "weekday"),
    [
        ("2026-02-17", RESTDAY, WORKDAY),  # Spring Festival, a Tuesday
        ("2025-01-26", WORKDAY, RESTDAY),  # a Sunday made up for it
        ("2025-10-01", RESTDAY, WORKDAY),
        ("2025-10-11", WORKDAY, RESTDAY),
        ("2026-03-10", WORKDAY, WORKDAY),
        ("2040-03-03", RESTDAY, RESTDAY),  # not announced: by the weekday, a Saturday
    ],
)
def test_holidays_and_made_up_days(day: str, china: int, weekday: int) -> None:
    t = _t(f"{day}T08:30", SHANGHAI)
    assert LocalCalendar(SHANGHAI, Holidays.CHINA).at(t) == Moment(8.5 * 3600, china)
    assert LocalCalendar(SHANGHAI, Holidays.NONE).at(t) == Moment(8.5 * 3600, weekday)


def test_the_wall_clock_leads_over_a_daylight_saving_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    calendar = LocalCalendar(berlin, Holidays.NONE)
    for day in ("2026-03-28", "2026-03-29", "2026-03-30", "2026-10-25", "2026-10-26"):
        assert calendar.at(_t(f"{day}T08:00", berlin)).second == 8 * 3600


def test_every_minute_of_a_year_agrees_with_the_zone() -> None:
    zone = ZoneInfo("Australia/Lord_Howe")  # half an hour of daylight saving
    calendar = LocalCalendar(zone, Holidays.NONE)
    start = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    for t in range(int(start), int(start) + 366 * 86400, 1687):
        local = datetime.fromtimestamp(t, zone)
        expected = local.hour * 3600 + local.minute * 60 + local.second
        assert calendar.at(t) == Moment(expected, int(local.weekday() >= 5))
