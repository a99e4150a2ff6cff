"""Reports that are made by themselves: when they are due, each period once, what was missed made up for."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.books.period import Length, period_of
from monitor.books.service import Deadlines
from monitor.books.settings import ContractSettings
from monitor.model import DeviceId
from monitor.notifiers.notice import Notice, NoticeKind
from monitor.reports.kinds import Format, ReportKind
from monitor.reports.settings import CATCH_UP, ReportSettings, due_periods
from monitor.reports.worker import Job, run
from monitor.words import Language
from tests.books_support import past_of_small_house
from tests.daemon_support import House, small_house
from tests.icmp_support import icmp_or_skip
from tests.reports_support import AFTER, JUNE, ZONE, town, zone_at_noon


def report(every: str, **more: object) -> ReportSettings:
    return ReportSettings.model_validate({"name": "r", "every": every, **more})


def at(text: str, zone: ZoneInfo = ZONE) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


def test_a_month_is_due_on_the_first_of_the_next_at_its_time_of_day() -> None:
    monthly = report("month", at="07:30")
    assert due_periods(monthly, ZONE, at("2026-07-01T07:29"), JUNE.since) == []
    assert due_periods(monthly, ZONE, at("2026-07-01T07:30"), JUNE.since) == [JUNE]
    assert due_periods(monthly, ZONE, at("2026-07-01T07:30"), JUNE.until) == []


def test_what_was_missed_is_made_up_for_the_oldest_first_and_within_bounds() -> None:
    daily, now = report("day"), at("2026-07-10T12:00")
    days = [p.first_day.day for p in due_periods(daily, ZONE, now, at("2026-07-06T00:00"))]
    assert days == [6, 7, 8, 9]
    assert len(due_periods(daily, ZONE, now, at("2025-01-01T00:00"))) == CATCH_UP


def test_a_new_report_begins_with_the_last_whole_period_and_not_before_its_time() -> None:
    weekly = report("week", at="06:00")
    (week,) = due_periods(weekly, ZONE, at("2026-07-08T12:00"), None)
    assert (week.first_day, week.last_day) == (date(2026, 6, 29), date(2026, 7, 5))
    assert due_periods(weekly, ZONE, at("2026-07-06T05:59"), None) == []


@given(
    st.sampled_from(list(Length)),
    st.lists(st.integers(1, 40 * 86_400), min_size=1, max_size=30),
    st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/St_Johns"]),
)
def test_each_period_is_made_once_and_none_is_left_out(every: Length, waits: list[int], name: str) -> None:
    """However long the daemon was away between two looks: the periods follow one another without a gap."""
    zone, settings, now = ZoneInfo(name), report(every.value), at("2026-01-15T00:00")
    made: list[tuple[int, int]] = []
    for wait in waits:
        now += wait
        for period in due_periods(settings, zone, now, made[-1][1] if made else None):
            assert period == period_of(every, period.first_day, zone) and period.until <= now
            made.append((period.since, period.until))
    for (_, end), (begin, _) in pairwise(made):
        assert begin == end or (every is Length.DAY and begin > end)  # beyond what is made up for


def job(folder: Path, **changes: object) -> Job:
    values: dict[str, object] = {
        "ledger": folder / "ledger.db", "zone": "Asia/Shanghai", "language": Language.ZH_CN, "now": AFTER,
        "since": JUNE.since, "until": JUNE.until, "length": Length.MONTH,
        "kinds": (ReportKind.STATEMENT,), "formats": (Format.HTML,), "folder": folder / "out",
        "contract": ContractSettings.model_validate({"respond": "1h30m", "customer": "甲方"}),
        "levels": {"一级": Deadlines(60, 3600)},
    }  # fmt: skip
    return Job(**(values | changes))  # type: ignore[arg-type]  # a test's table of values


def test_a_job_survives_its_way_to_the_worker(tmp_path: Path) -> None:
    sent = job(tmp_path, devices=frozenset({DeviceId("cam-1")}), stamp="两会", length=None)
    assert Job.from_json(sent.to_json()) == sent


def test_a_job_of_some_devices_is_of_these_alone_and_of_a_time_without_books_is_empty(tmp_path: Path) -> None:
    town(tmp_path / "ledger.db").close()
    some = job(tmp_path, devices=frozenset({DeviceId("cam-7"), DeviceId("cam-8")}), stamp="保障")
    (path,) = run(some)
    assert path.name == "camwatch-statement-保障.html"
    text = path.read_text()
    assert "@城西" in text and "7号枪机" in text and "0号枪机" not in text
    assert run(job(tmp_path, since=0, until=86_400)) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"every": "year"}, "'day', 'week', 'month' or 'quarter'"),
        ({"every": "day", "at": "7:00"}, 'not a time of day: "7:00"'),
        ({"every": "day", "reports": ["poem"]}, "'statement'"),
    ],
)
def test_a_wrong_report_is_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ReportSettings.model_validate({"name": "x", **settings})


async def test_the_daemon_makes_a_report_once_over_restarts_and_sends_it(tmp_path: Path) -> None:
    icmp_or_skip()
    house = small_house(
        tmp_path,
        f"""
        [[report]]
        name = "日报"
        every = "day"
        at = "00:00"
        reports = ["ledger"]
        formats = ["html"]
        receivers = ["boss"]
        [[key_event]]
        name = "马拉松 2026/11"
        select = {{ area = "east" }}
        begin = {datetime.fromtimestamp(time.time() - 90_000, UTC).isoformat(timespec="seconds")}
        end = {datetime.fromtimestamp(time.time() - 9000, UTC).isoformat(timespec="seconds")}
        online_rate = 99.5
        reports = ["statement"]
        formats = ["html"]
        receivers = ["boss"]
        """,
        zone_at_noon(),
    )
    now = int(time.time())
    past_of_small_house(house, "up", (now - 3 * 86_400) * 1000, now * 1000)
    made = "SELECT name, files FROM report_made"
    for _ in range(2):
        async with house.running():
            await house.until(lambda _: len(rows(house, made)) == 2)
            assert await house.stop() == 0
    (guard, daily) = rows(house, made)
    (paper,), (path,) = (map(Path, json.loads(files)) for _, files in (guard, daily))
    assert guard[0] == "key_event:马拉松 2026/11" and paper.name == "camwatch-statement-马拉松_2026_11.html"
    assert "99.50%" in paper.read_text(), "what the event asks for"
    assert daily[0] == "日报" and "运维工作台账" in path.read_text()
    # Beside them a busy machine may be told of.
    sent = rows(house, f"SELECT kind, notice FROM outbox WHERE kind = '{NoticeKind.REPORT}' ORDER BY id")
    assert len(sent) == 2
    (attachment,) = Notice.from_json(sent[0][1]).attachments
    assert attachment.name == path.name
    assert (tmp_path / "state" / "attachments" / attachment.digest).read_bytes() == path.read_bytes()


def rows(house: House, question: str) -> list[tuple[str, ...]]:
    with house.books() as books:
        return books.execute(question).fetchall()
