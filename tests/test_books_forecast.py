"""The month's forecast: where it ends at the present rate, and what must be won back; a rule that says so."""

from __future__ import annotations

import time
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.books.forecast import Forecast, forecasts
from monitor.books.period import Length, Period, period_of
from monitor.books.read import read_records
from monitor.books.tally import Fraction
from monitor.books.timeline import segments_of
from monitor.clock import ManualClock
from monitor.model import WallMs
from monitor.notifiers.evidence import evidence_from, evidence_json
from monitor.notifiers.notice import Notice, NoticeKind
from monitor.notifiers.render import render
from monitor.notifiers.schemes import Form
from monitor.rules.base import Signal
from monitor.rules.month_forecast import MonthForecastRule, MonthForecastSettings
from monitor.words import Language
from tests.books_oracle import Change, Facts, Member
from tests.books_support import empty_ledger, past_of_small_house, write
from tests.daemon_support import small_house
from tests.icmp_support import icmp_or_skip
from tests.reports_support import zone_at_noon

ZONE = ZoneInfo("Asia/Shanghai")
JUNE = period_of(Length.MONTH, date(2026, 6, 1), ZONE)
DAY = 86_400


def found(facts: Facts, now: int, whole: Period = JUNE, line_bp: int = 9600) -> dict[str, Forecast]:
    db = empty_ledger()
    write(db, facts)
    segments = segments_of(read_records(db, whole.cut(now)))
    db.close()
    return forecasts(segments, whole, now, lambda stretch: stretch.area, line_bp)


def ten_cameras(down_from: int, up_from: int | None = None) -> Facts:
    """One of ten is down from a day of the month on."""
    ms = JUNE.since * 1000
    changes = [Change(f"c{n}", ms, "up") for n in range(10)]
    changes.append(Change("c0", ms + down_from * DAY * 1000, "down"))
    if up_from is not None:
        changes.append(Change("c0", ms + up_from * DAY * 1000, "up"))
    members = [Member(f"c{n}", ms, None, "s", "east", False, "") for n in range(10)]
    return Facts([(ms, ms + 40 * DAY * 1000)], members, changes)


def test_one_camera_of_ten_down_all_month_ends_it_at_ninety_percent() -> None:
    forecast = found(ten_cameras(0), JUNE.since + 10 * DAY)["east"]
    assert forecast.so_far == (90 * DAY, 100 * DAY)
    assert forecast.expected.percent() == "90.00%"
    # 96 % of 300 camera-days are 288; 270 are expected; 18 are lacking over 20 days.
    assert forecast.lacking_per_day == 18 * DAY // 20


def test_the_present_rate_is_that_of_the_last_seven_days() -> None:
    forecast = found(ten_cameras(0, up_from=3), JUNE.since + 10 * DAY)["east"]
    assert forecast.so_far == (97 * DAY, 100 * DAY)
    assert forecast.expected.percent() == "99.00%"
    assert forecast.lacking_per_day == 0


def test_a_month_that_is_over_has_nothing_to_win_back() -> None:
    assert found(ten_cameras(0), JUNE.until)["east"].lacking_per_day == 0


@settings(max_examples=80)
@given(st.integers(1, 29 * DAY), st.integers(0, 10_000), st.integers(0, 20), st.integers(1, 10_000))
def test_winning_back_what_is_said_and_no_less_ends_the_month_well(
    passed: int, down_from: int, up_after: int, line_bp: int
) -> None:
    ms = JUNE.since * 1000
    facts = ten_cameras(0)
    facts.changes[-1] = Change("c0", ms + down_from * 60_000, "down")
    facts.changes.append(Change("c0", ms + (down_from + 60 * up_after) * 60_000, "up"))
    now = JUNE.since + passed
    forecast = found(facts, now, line_bp=line_bp)["east"]
    late = min(passed, 7 * DAY)
    left = JUNE.until - now
    online, counted = forecast.expected
    # `expected` is in camera-seconds × late; what is won back per day counts left / DAY times.
    gain = forecast.lacking_per_day * left * late
    assert (online * DAY + gain) * 10_000 >= line_bp * counted * DAY
    if forecast.lacking_per_day:
        less = (forecast.lacking_per_day - 1) * left * late
        assert (online * DAY + less) * 10_000 < line_bp * counted * DAY


# -------------------------------------------------------------------- the rule

BAD = Forecast(Fraction(90, 100), Fraction(9_571, 10_000), 41 * 3600 - 100)
GOOD = Forecast(Fraction(99, 100), Fraction(99, 100), 0)


def rule(**changes: object) -> MonthForecastRule:
    options = {"name": "month", "type": "month_forecast", "group_by": "area", "below": 96} | changes
    return MonthForecastRule(MonthForecastSettings.model_validate(options))


def told(signals: object) -> list[tuple[str, bool, str]]:
    assert isinstance(signals, list)
    return [(s.subject, s.firing, s.detail) for s in signals if isinstance(s, Signal)]


def test_the_rule_names_what_is_expected_and_what_must_be_won_back() -> None:
    one, now = rule(), ManualClock().now()
    signals = list(one.on_forecasts({"east": BAD, "west": GOOD}, 5 * DAY, now))
    assert told(signals) == [("east", True, "95.71% < 96%, +41 h/d")]
    assert signals[0].key == (("area", "east"),)
    assert told(list(one.on_forecasts({"east": GOOD, "west": GOOD}, 6 * DAY, now))) == [("east", False, "")]


def test_the_first_days_of_a_month_say_nothing() -> None:
    one, now = rule(), ManualClock().now()
    assert told(list(one.on_forecasts({"east": BAD}, 2 * DAY, now))) == []
    assert told(list(one.on_forecasts({"east": BAD}, 3 * DAY, now)))


def test_what_fired_ends_when_the_area_is_gone_or_a_new_month_begins() -> None:
    one, now = rule(), ManualClock().now()
    list(one.on_forecasts({"east": BAD, "west": BAD}, 9 * DAY, now))
    assert told(list(one.on_forecasts({"west": BAD}, 9 * DAY, now)))[-1] == ("east", False, "")
    assert told(list(one.on_forecasts({"west": BAD}, 60, now))) == [("west", False, "")]


def test_a_restart_takes_it_up_and_ends_what_was_grouped_otherwise() -> None:
    one, now = rule(), ManualClock().now()
    ended = list(one.restore([((("area", "east"),), now.wall), ((("site", "x"),), now.wall)]))
    assert [(s.key, s.firing) for s in ended] == [((("site", "x"),), False)]
    assert told(list(one.on_forecasts({"east": GOOD}, 9 * DAY, now))) == [("east", False, "")]


async def test_the_daemon_has_forecasts_made_and_opens_an_incident(tmp_path: Path) -> None:
    """A camera that was down all month so far, by the ledger of an earlier run."""
    icmp_or_skip()
    zone = ZoneInfo(zone_at_noon())
    house = small_house(
        tmp_path,
        """
        [[rule]]
        name = "month"
        type = "month_forecast"
        group_by = "area"
        below = 96
        not_before = "0s"
        """,
        zone.key,
    )
    now = int(time.time())
    month = period_of(Length.MONTH, datetime.fromtimestamp(now, zone).date(), zone)
    past_of_small_house(house, "down", (month.since - DAY) * 1000, now * 1000)
    async with house.running():
        status = await house.until(lambda s: bool(s["incidents"]))
        assert status["incidents"][0]["cause"] == "month_forecast"
        assert await house.stop() == 0
    with house.books() as books:
        ((detail, key),) = books.execute("SELECT detail, key FROM alert WHERE rule='month'").fetchall()
    assert key == '[["area", "east"]]'
    assert detail.endswith(" h/d") and " < 96%" in detail


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (Language.EN, ("At the present rate the month ends at 95.71%, 96% is required",
                       "41 camera-hours a day must be won back")),
        (Language.ZH_CN, ("按目前进度，本月在线率将为 95.71%，要求 96%", "每天需挽回 41 摄像机小时")),
    ],
)  # fmt: skip
def test_people_read_where_the_month_will_end_and_what_must_be_won_back(
    language: Language, lines: tuple[str, str]
) -> None:
    (signal,) = rule().on_forecasts({"east": BAD}, 5 * DAY, ManualClock().now())
    kept = evidence_from(evidence_json(signal.evidence))
    assert kept == signal.evidence, "as it comes back from the ledger"
    at = WallMs(1_780_000_000_000)
    notice = Notice(NoticeKind.OPENED, signal.severity, signal.cause, "东区", at, since=at, evidence=kept)
    text = render(notice, language, Form.PHONE, ZONE).body
    assert all(line in text.splitlines() for line in lines), text
