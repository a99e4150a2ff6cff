"""Windows, turns and working days, by the clock and the calendar of the people concerned."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from monitor.alerts.calendar import is_working_day, working_days_between
from monitor.alerts.maintenance import MaintenanceSettings
from monitor.alerts.roster import RosterSettings
from monitor.model import WallMs
from tests.core_support import wall


def window(**settings: object) -> MaintenanceSettings:
    return MaintenanceSettings.model_validate({"name": "work", **settings})


def open_at(settings: MaintenanceSettings, text: str) -> bool:
    return settings.span_at(WallMs(wall(text))) is not None


ONCE = {"begin": "2026-11-24T22:00:00", "end": "2026-11-25T02:00:00"}
WEEKLY = {"weekdays": ["tue", "sat"], "at": "23:00:00", "length": "3h"}


# -------------------------------------------------------------------- maintenance


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-24 21:59:59", False),
        ("2026-11-24 22:00:00", True),
        ("2026-11-25 01:59:59", True),
        ("2026-11-25 02:00:00", False),
    ],
)
def test_a_window_holds_from_its_begin_until_just_before_its_end(moment, is_open):
    assert open_at(window(**ONCE), moment) is is_open


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-24 23:00:00", True),  # Tuesday
        ("2026-11-25 01:59:59", True),  # over midnight
        ("2026-11-25 02:00:00", False),
        ("2026-11-25 23:30:00", False),  # Wednesday
        ("2026-11-28 23:30:00", True),  # Saturday
    ],
)
def test_a_weekly_window_comes_back_and_lasts_over_midnight(moment, is_open):
    assert open_at(window(**WEEKLY), moment) is is_open


def test_a_window_is_read_in_its_own_time_zone():
    berlin = window(**ONCE, timezone="Europe/Berlin")
    assert not open_at(berlin, "2026-11-24 22:30")
    assert open_at(berlin, "2026-11-25 05:30")  # 22:30 in Berlin


def test_a_weekly_window_keeps_its_length_over_a_change_of_the_clocks():
    # Berlin goes back from 3:00 to 2:00 on 25 October 2026 at 01:00 UTC.
    nightly = window(weekdays=["sun"], at="01:00:00", length="3h", timezone="Europe/Berlin")
    span = nightly.span_at(WallMs(1792884600_000))
    assert span is not None
    assert span[1] - span[0] == 3 * 3600 * 1000


def test_spring_festival_and_the_weekends_that_are_worked_for_it_are_known():
    assert not is_working_day(date(2025, 1, 28))  # a Tuesday, New Year's Eve
    assert is_working_day(date(2025, 1, 26))  # a Sunday, worked instead (调休)
    assert is_working_day(date(2099, 6, 1)) is (date(2099, 6, 1).weekday() < 5)  # not announced yet


def test_two_working_days_ahead_are_counted_by_the_chinese_calendar():
    # 28 January to 4 February 2025 are holidays; Sunday 26 January is worked.
    assert working_days_between(date(2025, 1, 24), date(2025, 2, 5)) == 2  # the 26th and the 27th
    assert working_days_between(date(2025, 1, 27), date(2025, 2, 5)) == 0
    work = {"begin": "2025-02-05T22:00:00", "end": "2025-02-05T23:00:00"}
    at = WallMs(wall("2025-02-05 22:30"))
    assert window(**work, announced="2025-01-24").announced_in_time(at)
    assert not window(**work, announced="2025-01-26").announced_in_time(at)
    assert not window(**work).announced_in_time(at)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"begin": ONCE["end"], "end": ONCE["begin"]}, "before it begins"),
        ({}, "give either begin and end, or weekdays"),
        ({**ONCE, **WEEKLY}, "give either begin and end, or weekdays"),
        ({"weekdays": ["tue"]}, "give either begin and end, or weekdays"),
        ({**ONCE, "timezone": "Asia/Shangai"}, 'no time zone is called "Asia/Shangai"'),
    ],
)
def test_a_window_that_cannot_be_is_refused(settings, words):
    with pytest.raises(ValidationError, match=words):
        window(**settings)


def test_the_next_window_is_known():
    weekly = window(**WEEKLY)
    begins, ends = weekly.next_span(WallMs(wall("2026-11-26 12:00"))) or (0, 0)
    assert (begins, ends) == (wall("2026-11-28 23:00"), wall("2026-11-29 02:00"))
    assert window(**ONCE).next_span(WallMs(wall("2026-11-26 12:00"))) is None


# -------------------------------------------------------------------- the roster


def roster(**settings: object) -> RosterSettings:
    return RosterSettings.model_validate(
        {"members": ["wang", "li", "zhao"], "first_day": "2026-11-02", **settings}
    )


def on_duty(settings: RosterSettings, text: str) -> str:
    return settings.on_duty(WallMs(wall(text)))


def test_members_take_turns_by_the_week():
    found = [on_duty(roster(), f"2026-11-{day:02d} 12:00") for day in (2, 8, 9, 16, 23)]
    assert found == ["wang", "wang", "li", "zhao", "wang"]


def test_duty_changes_at_the_hour_of_the_hand_over():
    assert on_duty(roster(), "2026-11-09 08:29:59") == "wang"
    assert on_duty(roster(), "2026-11-09 08:30:00") == "li"
    assert on_duty(roster(handover="20:00:00"), "2026-11-09 12:00") == "wang"


def test_before_the_first_day_the_turns_go_back():
    assert on_duty(roster(), "2026-11-01 12:00") == "zhao"


def test_on_days_that_are_not_worked_the_holiday_receiver_has_duty():
    holidays = roster(holidays="standby")
    assert on_duty(holidays, "2026-11-07 12:00") == "standby"  # Saturday
    assert on_duty(holidays, "2026-11-09 08:00") == "standby"  # Monday before the hand-over is still Sunday's
    assert on_duty(holidays, "2026-11-09 09:00") == "li"
    assert on_duty(roster(holidays="standby", first_day="2025-01-20"), "2025-01-26 12:00") == "wang"  # 调休


def test_somebody_stands_in_for_exactly_that_time():
    stood_in = roster(
        overrides=[{"begin": "2026-11-03T18:00:00", "end": "2026-11-04T08:00:00", "member": "zhao"}]
    )
    found = [
        on_duty(stood_in, f"2026-11-{text}") for text in ("03 17:59", "03 18:00", "04 07:59", "04 08:00")
    ]
    assert found == ["wang", "zhao", "zhao", "wang"]
    assert stood_in.everybody() == {"wang", "li", "zhao"}


def test_somebody_may_stand_in_by_times_with_an_offset():
    abroad = {"begin": "2026-11-03T10:00:00Z", "end": "2026-11-04T08:00:00+08:00", "member": "zhao"}
    stood_in = roster(overrides=[abroad])
    found = [
        on_duty(stood_in, f"2026-11-{text}") for text in ("03 17:59", "03 18:00", "04 07:59", "04 08:00")
    ]
    assert found == ["wang", "zhao", "zhao", "wang"]
    assert [turn.member for turn in stood_in.turns(WallMs(wall("2026-11-03 12:00")), 2)] == [
        "wang",
        "zhao",
        "wang",
    ]


def test_overrides_that_overlap_are_refused():
    with pytest.raises(ValidationError, match="two overrides overlap: zhao until"):
        roster(
            overrides=[
                {"begin": "2026-11-03T18:00:00", "end": "2026-11-05T08:00:00", "member": "zhao"},
                {"begin": "2026-11-04T18:00:00", "end": "2026-11-06T08:00:00", "member": "li"},
            ]
        )


def test_the_coming_turns_can_be_read_off():
    coming = roster(
        overrides=[{"begin": "2026-11-12T00:00:00", "end": "2026-11-13T00:00:00", "member": "zhao"}]
    ).turns(WallMs(wall("2026-11-10 12:00")), days=14)
    assert [(turn.member, turn.begins) for turn in coming] == [
        ("li", wall("2026-11-10 12:00")),
        ("zhao", wall("2026-11-12 00:00")),
        ("li", wall("2026-11-13 00:00")),
        ("zhao", wall("2026-11-16 08:30")),
        ("wang", wall("2026-11-23 08:30")),
    ]
