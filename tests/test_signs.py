"""Signs of failure: seen when something grows worse, silent when nothing does, and held to their record."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.books.settings import Terms
from monitor.model import Device, DeviceId, Kind, Reading, Reason, Result, State, WallMs
from monitor.reports.advice import advice
from monitor.reports.document import Paragraph, Table
from monitor.reports.figures import read_figures
from monitor.signs.books import CallSaved, read_calls, read_foretold
from monitor.signs.calls import LONG_FAULT_MS, WITHIN_MS, Call, Calls, Outcome
from monitor.signs.keeper import SignKeeper
from monitor.signs.kinds import SIGNS, WEIGHINGS, Sign
from monitor.signs.means import WIDTH, Means
from monitor.signs.score import Finding, Scored, score_of, scored
from monitor.signs.watch import SignWatch, snapshot
from monitor.states import Track, Transition
from monitor.storage.ledger import Ledger
from monitor.storage.ledger.writer import open_ledger
from monitor.words import Language, words
from tests.reports_support import AFTER, JUNE, town

CAMERA = Device(DeviceId("c1"), "Gate 1", Kind.CAMERA, "10.0.0.1", site="North")
HOUR = 3_600_000
DAY = 24 * HOUR
START = 1_800_000_000_000


def days(watch: SignWatch, n: int, first: int, metric: str, value, tags=()) -> WallMs:
    """``value(day)`` read every hour for ``n`` days; the moment after."""
    for hour in range(n * 24):
        at = WallMs(START + first * DAY + hour * HOUR)
        reading = Reading(metric, value(first + hour / 24), tags)
        watch.on_results([Result(CAMERA.id, "x", at, Reason.OK, (reading,))])
    return WallMs(START + (first + n) * DAY)


def fall(watch: SignWatch, at: int, devices=(CAMERA,), planned: bool = False) -> None:
    falls = [Transition(d.id, State.UP, State.DOWN, WallMs(at), Reason.TIMEOUT) for d in devices]
    watch.on_transitions(falls, {d.id: d for d in devices}, lambda device: planned)


def signs_of(watch: SignWatch, at: int) -> dict[Sign, Finding]:
    return {f.sign: f for one in scored(watch.means.remembered(), WallMs(at)) for f in one.findings}


WORSE = {
    "ping.average_response_ms": (Sign.ROUND_TRIP, lambda day: 5.0 if day < 21 else 5.0 + 2 * (day - 21)),
    "ping.percent_packet_loss": (Sign.LOSS, lambda day: 0.0 if day < 21 else 8.0),
    "onvif.clock_drift_s": (Sign.CLOCK, lambda day: -1.0 if day < 21 else -1.0 - 20 * (day - 21)),
    "rtsp.bit_rate_bps": (Sign.BIT_RATE, lambda day: 4e6 if day < 21 else 1e6),
    "poe_port.watts": (Sign.POE, lambda day: 6.0 + (0.0 if day < 21 else 0.6 * (day - 21))),
    "recorder_disk.bad_sectors": (Sign.SECTORS, lambda day: 0.0 if day < 21 else 2.0 * int(day - 20)),
}


@pytest.mark.parametrize("metric", WORSE)
def test_what_grows_worse_is_a_sign_and_what_stays_is_none(metric: str) -> None:
    sign, value = WORSE[metric]
    watch = SignWatch.of(Calls())
    assert signs_of(watch, days(watch, 21, 0, metric, value)) == {}
    now = days(watch, 7, 21, metric, value)
    found = signs_of(watch, now)
    assert set(found) == {sign}
    assert found[sign].recent != pytest.approx(found[sign].before)


def test_only_the_port_that_creeps_is_named() -> None:
    watch = SignWatch.of(Calls())
    for port, creep in (("1", 0.0), ("2", 0.6)):
        now = days(
            watch, 28, 0, "poe_port.watts", lambda d, c=creep: 6 + c * max(0, d - 21), (("port", port),)
        )
    assert [f.tags for one in scored(watch.means.remembered(), now) for f in one.findings] == [
        (("port", "2"),)
    ]


def test_faults_of_its_own_count_and_those_of_others_do_not() -> None:
    watch, town = (
        SignWatch.of(Calls()),
        [Device(DeviceId(f"n{n}"), "x", Kind.CAMERA, "", site="S") for n in range(6)],
    )
    for day in range(6):
        fall(watch, START + day * DAY)
        fall(watch, START + day * DAY, town)  # a power cut
        fall(watch, START + day * DAY, town[:1], planned=True)
    found = scored(watch.means.remembered(), WallMs(START + 6 * DAY))
    assert [one.device for one in found] == [CAMERA.id]
    assert 3 < found[0].findings[0].recent < 6
    assert scored(watch.means.remembered(), WallMs(START + 60 * DAY)) == []


def test_a_device_that_is_down_loses_no_packets_of_its_own() -> None:
    watch = SignWatch.of(Calls())
    days(watch, 21, 0, "ping.percent_packet_loss", lambda day: 0.0)
    assert signs_of(watch, days(watch, 7, 21, "ping.percent_packet_loss", lambda day: 100.0)) == {}


def test_one_wild_reading_is_no_sign() -> None:
    watch = SignWatch.of(Calls())
    days(watch, 21, 0, "ping.average_response_ms", lambda day: 5.0)
    days(watch, 1, 21, "ping.average_response_ms", lambda day: 9e9 if day == 21 else 5.0)
    assert signs_of(watch, START + 22 * DAY) == {}


@settings(max_examples=50)
@given(
    values=st.lists(
        st.tuples(
            st.sampled_from(SIGNS), st.floats(allow_nan=True, allow_infinity=True), st.integers(0, 10 * DAY)
        ),
        max_size=60,
    )
)
def test_a_score_lies_between_0_and_100_whatever_goes_in(values: list[tuple[Sign, float, int]]) -> None:
    means, at = Means(), START
    for sign, value, later in values:
        at += later - DAY  # now and then backwards
        means.feed((CAMERA.id, ()), sign, value, WallMs(at))
        means.count((CAMERA.id, ()), Sign.FLAPS, WallMs(at))
    for one in scored(means.remembered(), WallMs(at)):
        assert 0 <= one.score <= 100
        assert all(0 <= f.share <= WEIGHINGS[f.sign].weight for f in one.findings)


@given(
    shares=st.lists(st.tuples(st.sampled_from(SIGNS), st.floats(0, 0.99)), max_size=8),
    more=st.floats(0, 0.99),
)
def test_another_sign_never_makes_a_device_safer(shares: list[tuple[Sign, float]], more: float) -> None:
    found = [Finding(sign, 1.0, 0.0, share) for sign, share in shares]
    assert score_of([*found, Finding(Sign.FLAPS, 1.0, 0.0, more)]) >= score_of(found)


def test_memory_does_not_grow_with_time() -> None:
    means, rng = Means(), random.Random(1)
    for n in range(3000):
        means.feed((CAMERA.id, ()), Sign.LOSS, rng.random(), WallMs(START + n * HOUR))
    assert len(means) == 1 and means.remembered().table.shape == (1, WIDTH)


# ---------------------------------------------------------------- calls and their record


def tracks(since: int | None = None) -> dict[DeviceId, Track]:
    track = Track(CAMERA)
    track.state, track.since = (State.UP, WallMs(START)) if since is None else (State.DOWN, WallMs(since))
    return {CAMERA.id: track}


def shaken(calls: Calls | None = None) -> SignWatch:
    """A camera with all the signs of flapping and restarting."""
    watch = SignWatch.of(calls or Calls())
    for n in range(14):
        fall(watch, START + n * DAY // 2)
        reading = Reading("onvif.rebooted", True)
        watch.on_results([Result(CAMERA.id, "onvif", WallMs(START + n * DAY // 2), Reason.OK, (reading,))])
    return watch


def judged(watch: SignWatch, held, offline, at: WallMs) -> list[Call]:
    return watch.judge(scored(watch.means.remembered(), at), held, offline, at)


NOW = START + 7 * DAY


def test_a_likely_failure_is_called_once_and_comes_true() -> None:
    watch = shaken()
    [call] = judged(watch, tracks(), [], WallMs(NOW))
    assert call.score >= 50 and {f.sign for f in call.findings} == {Sign.FLAPS, Sign.REBOOTS}
    assert judged(watch, tracks(), [], WallMs(NOW + HOUR)) == []
    down = NOW + DAY
    assert judged(watch, tracks(down), [CAMERA.id], WallMs(down + LONG_FAULT_MS - 1)) == []
    [settled] = judged(watch, tracks(down), [CAMERA.id], WallMs(down + LONG_FAULT_MS))
    assert (settled.at, settled.outcome) == (call.at, Outcome.FAILED)
    assert judged(watch, tracks(down), [CAMERA.id], WallMs(down + 2 * LONG_FAULT_MS)) == []
    assert (watch.calls.record.failed, watch.calls.record.missed) == (1, 0)


def test_a_call_that_does_not_come_true_is_kept_against_us() -> None:
    watch = shaken()
    judged(watch, tracks(), [], WallMs(NOW))
    [settled] = judged(watch, tracks(), [], WallMs(NOW + WITHIN_MS))
    assert settled.outcome is Outcome.HELD
    assert watch.calls.record.held == 1


def test_a_failure_that_nobody_called_is_kept_against_us() -> None:
    watch = SignWatch.of(Calls())
    [missed] = judged(watch, tracks(START), [CAMERA.id], WallMs(START + LONG_FAULT_MS))
    assert missed.outcome is Outcome.MISSED
    assert watch.calls.record.missed == 1


def test_a_call_made_after_the_fault_had_begun_foretold_nothing() -> None:
    call = Call(CAMERA.id, WallMs(NOW), 80, ())
    calls = Calls([call])
    [missed] = calls.judge([Scored(CAMERA.id, 80, ())], {CAMERA.id: WallMs(NOW)}, WallMs(NOW + LONG_FAULT_MS))
    assert missed.outcome is Outcome.MISSED


def test_all_of_it_survives_a_restart(tmp_path: Path) -> None:
    watch = shaken()
    db = open_ledger(tmp_path / "ledger.db")
    for call in judged(watch, tracks(), [], WallMs(NOW)):
        db.execute(CallSaved.sql, CallSaved(call).values())
    again = SignWatch.of(read_calls(db))
    assert again.adopt(snapshot(watch.means.remembered(), watch.calls.failing))
    assert scored(again.means.remembered(), WallMs(NOW)) == scored(watch.means.remembered(), WallMs(NOW))
    down = NOW + DAY
    [settled] = judged(again, tracks(down), [CAMERA.id], WallMs(down + LONG_FAULT_MS))
    assert settled.outcome is Outcome.FAILED
    db.execute(CallSaved.sql, CallSaved(settled).values())
    third = SignWatch.of(read_calls(db))
    assert third.adopt(snapshot(again.means.remembered(), again.calls.failing))
    assert judged(third, tracks(down), [CAMERA.id], WallMs(down + 2 * LONG_FAULT_MS)) == []
    assert third.calls.record.failed == 1
    before = read_foretold(db, down)
    assert [call.device for call in before.calls] == [CAMERA.id] and before.record.failed == 0
    after = read_foretold(db, down + LONG_FAULT_MS + 1)
    assert after.calls == () and after.record.failed == 1
    db.close()


async def test_the_keeper_books_calls_and_shows_them(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.start()
    policy = SimpleNamespace(maintenance=())
    pipeline = SimpleNamespace(
        plan=SimpleNamespace(devices={CAMERA.id: CAMERA}, policy=policy),
        states=SimpleNamespace(tracks=tracks(), blind=False),
        tally=SimpleNamespace(offline=[]),
    )
    config = SimpleNamespace(daemon=SimpleNamespace(state_dir=tmp_path))
    core = SimpleNamespace(config=config, ledger=ledger, pipeline=pipeline)
    keeper = SignKeeper(core)
    keeper.watch = shaken()
    await keeper.judge(WallMs(NOW))
    await keeper.save()
    await ledger.stop(5.0)

    core.ledger = Ledger(tmp_path / "ledger.db")
    again = SignKeeper(core)
    again.take_up()
    assert set(again.watch.calls.open) == {CAMERA.id}
    await again.judge(WallMs(NOW + HOUR))
    [likely] = again.status()["likely"]
    assert likely["name"] == "Gate 1" and likely["score"] >= 50
    assert {sign["sign"] for sign in likely["signs"]} == {"flaps", "reboots"}
    await core.ledger.stop(5.0)


def test_the_advice_names_who_is_likely_to_fail_and_how_often_that_came_true() -> None:
    db = town()
    at = WallMs(JUNE.since * 1000)
    finding = Finding(Sign.FLAPS, 7.0, 1.5, 0.4)
    for call in (
        Call(DeviceId("cam-0"), at, 72, (finding,)),
        Call(DeviceId("cam-2"), at, 60, (), Outcome.FAILED, WallMs(at + DAY)),
        Call(DeviceId("cam-4"), at, 60, (), Outcome.HELD, WallMs(at + DAY)),
        Call(DeviceId("cam-5"), at, 10, (), Outcome.MISSED, WallMs(at + DAY)),
    ):
        db.execute(CallSaved.sql, CallSaved(call).values())
    blocks = advice(read_figures(db, JUNE, Terms(), AFTER), words(Language.EN)).blocks
    [table] = [b for b in blocks if isinstance(b, Table) and b.title == "Likely to fail next"]
    [(name, _, _, score, _, signs)] = table.rows
    assert (name, score, signs) == ("0号枪机", 72, "7 faults a week (before: 1.5)")
    texts = [b.text for b in blocks if isinstance(b, Paragraph)]
    assert "So far 1 of 2 such calls came true; 1 failures came without one." in texts
