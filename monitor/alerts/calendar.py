"""Working days in China: public holidays, and the weekends that are worked instead (调休).

From the State Council's yearly announcements, as the ``chinesecalendar`` package has them; for a year that is
not announced yet, Monday to Friday.
"""

from __future__ import annotations

from datetime import date, timedelta

import chinese_calendar


def is_working_day(day: date) -> bool:
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5


def working_days_between(announced: date, begins: date) -> int:
    """Whole working days after the day of the announcement and before the day of the work."""
    count, day = 0, announced + timedelta(days=1)
    while day < begins:
        count += is_working_day(day)
        day += timedelta(days=1)
    return count
