"""Faults, repair times, recurring problems and deadlines as docs/contract.md defines them."""

from __future__ import annotations

from monitor.books.outages import power_cuts, problems_of, repair
from monitor.books.service import Deadlines, Kept
from monitor.books.settings import Terms
from monitor.model import IncidentId, Kind, WallMs
from monitor.reports.figures import Figures, read_figures
from monitor.storage.ledger import commit
from monitor.storage.ledger.records import IncidentEvent
from tests.books_oracle import Change, Facts, Member
from tests.books_support import empty_ledger, write
from tests.reports_support import AFTER, DAY, JUNE, ZONE, town


def figures(now: int = AFTER) -> Figures:
    db = town()
    found = read_figures(db, JUNE, Terms(), now)
    db.close()
    return found


def test_a_fault_is_own_unless_what_carries_the_device_was_off_line() -> None:
    faults = figures().faults
    assert {x.stretch.device for x in faults if x.own} == {"cam-0", "sw"}
    carried = [x for x in faults if not x.own]
    assert len(carried) == 9 and {x.parent for x in carried} == {"sw"}


def test_excluded_seconds_of_a_fault_are_told_apart() -> None:
    (fault,) = (x for x in figures().faults if x.stretch.device == "cam-1")
    assert (fault.offline, fault.excluded, fault.counted) == (1800, 900, 900)


def test_a_gap_that_was_not_measured_does_not_end_a_fault() -> None:
    since = JUNE.since
    facts = Facts(
        runs=[(since * 1000, (since + 100) * 1000), ((since + 200) * 1000, (since + 900) * 1000)],
        members=[Member("a", since * 1000, (since + 900) * 1000, "s", "area", False, "")],
        changes=[
            Change("a", (since + 50) * 1000, "down"),
            Change("a", (since + 100) * 1000, "unknown"),
            Change("a", (since + 230) * 1000, "down"),
            Change("a", (since + 300) * 1000, "up"),
        ],
    )
    db = empty_ledger()
    write(db, facts)
    (fault,) = read_figures(db, JUNE, Terms(), AFTER).faults
    db.close()
    assert (fault.span.since - since, fault.span.until - since, fault.offline) == (50, 300, 120)
    assert fault.ended and fault.own


def test_three_own_faults_in_thirty_days_make_a_problem() -> None:
    found = figures()
    assert [p.stretch.device for p in found.problems] == ["cam-0"]
    assert problems_of(found.faults, at_least=3, within_s=3 * DAY) == []
    assert len(problems_of(found.faults, at_least=3, within_s=4 * DAY)) == 1


def test_mean_times_to_repair_and_between_failures() -> None:
    cameras = [x for x in figures().faults if x.stretch.kind is Kind.CAMERA]
    found = repair(cameras, online=14 * DAY)
    assert (found.faults, found.ended, found.to_repair, found.between) == (14, 14, 7200, DAY)
    assert repair([], 5).to_repair is None


def test_half_a_feeder_falling_within_a_minute_votes_for_a_power_cut() -> None:
    found = figures()
    (cut,) = found.cuts
    assert (cut.feeder, cut.devices, cut.of, cut.span.until - cut.span.since) == ("f1", 9, 10, 1800)
    assert power_cuts(found.faults, found.everything.stretches, at_least=10) == []


def test_an_incident_is_measured_against_its_deadlines_with_pauses_taken_off() -> None:
    quick, slow, _ = figures().services
    assert (quick.told, quick.response, quick.paused, quick.repair) == (quick.found + 9, 0, 900, 900)
    assert quick.acknowledged == quick.found + 600  # within the exclusion: no clock ran
    assert (quick.responded(3600), quick.in_time(86_400)) == (Kept.YES, Kept.YES)
    assert (slow.responded(3600), slow.in_time(86_400)) == (Kept.NO, Kept.NO)


def test_what_was_merged_into_another_incident_is_no_case_of_its_own() -> None:
    db = town()
    at = WallMs((JUNE.since + 12 * DAY) * 1000)
    commit(db, [IncidentEvent(IncidentId(2), at, "merged", text="into #1")])
    assert [s.id for s in read_figures(db, JUNE, Terms(), AFTER).services] == [1, 3]
    db.close()


def test_a_service_level_brings_its_own_deadlines() -> None:
    terms = Terms(levels={"一级": Deadlines(60, 3 * DAY)})
    quick, slow, _ = figures().services
    assert terms.deadlines(quick.level) == Deadlines(3600, DAY)
    assert slow.in_time(terms.deadlines(slow.level).repair) is Kept.YES


def test_what_is_not_done_yet_is_running_until_its_time_is_up() -> None:
    at = JUNE.since + 11 * DAY + 5 * 3600
    (_, open_, _) = figures(now=at + 1800).services
    assert (open_.responded(3600), open_.in_time(86_400)) == (Kept.RUNNING, Kept.RUNNING)
    (_, open_, _) = figures(now=at + 7200).services
    assert (open_.responded(3600), open_.in_time(86_400)) == (Kept.NO, Kept.RUNNING)


def test_what_people_wrote_and_which_limits_were_exceeded_are_in_the_books() -> None:
    found = figures()
    assert found.services[-1].record == "录像保存天数过长; =已清理"
    (disk,) = found.exceeded
    assert (disk.rule, disk.name, disk.area, disk.times) == ("disk", "录像机", "城东", 1)
    assert disk.detail == "disk 96% > 95%"


def test_samples_are_taken_at_the_contracts_times_of_day() -> None:
    samples = figures().samples
    assert len(samples) == 60
    assert {JUNE.local(at).strftime("%H:%M") for at in samples} == {"10:00", "15:00"}
    assert str(ZONE) == "Asia/Shanghai"
