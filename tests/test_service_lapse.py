"""A monitor that did not run books that time as not measured, and tells that it stood still."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitor.clock import SystemClock
from monitor.guard.standby import Standby
from monitor.model import Instant, MonoMs, WallMs
from monitor.presence import LIMIT_MS, Lapse, Lapses, Presence
from tests.daemon_support import spans_are_whole, stopped
from tests.service_support import furnish, hook, town


@dataclass
class Machine:
    """Clocks that a test moves. ``wall`` of ``now`` never decreases, as with ``SystemClock``."""

    wall: int = 1_800_000_000_000
    mono: int = 0
    asleep: int = 0
    offset: int = 1_700_000_000_000
    high: int = 0

    def now(self) -> Instant:
        self.high = max(self.high, self.wall)
        return Instant(WallMs(self.high), MonoMs(self.mono))

    def set_ms(self) -> int:
        return self.offset

    def slept_ms(self) -> int:
        return self.asleep

    def runs(self, ms: int) -> None:
        self.wall += ms
        self.mono += ms

    def sleeps(self, ms: int) -> None:
        self.wall += ms
        self.asleep += ms

    def is_set(self, ms: int) -> None:
        self.wall += ms
        self.offset += ms


def test_time_that_the_process_was_stopped_or_the_machine_slept_or_the_clock_skipped_is_told_apart() -> None:
    machine = Machine()
    lapses = Lapses(machine)

    def look() -> Lapse | None:
        return lapses.look(machine.now())

    machine.runs(100)
    assert look() is None
    before = machine.now().wall
    machine.runs(60_000)
    assert look() == Lapse(before, 60_000, 0)
    before = machine.now().wall
    machine.sleeps(3_600_000)
    machine.runs(100)
    assert look() == Lapse(before, 3_600_100, 0)
    before = machine.now().wall
    machine.is_set(7200_000)
    machine.runs(100)
    assert look() == Lapse(before, 0, 7200_000)
    machine.is_set(-3600_000)
    machine.runs(100)
    assert look() == Lapse(WallMs(before + 7200_100), 0, -3600_000)
    machine.is_set(40)
    machine.runs(LIMIT_MS - 1)
    assert look() is None


def test_the_machines_own_clocks_agree_that_nothing_happened() -> None:
    clock = SystemClock()
    lapses = Lapses(clock)
    assert [lapses.look(clock.now()) for _ in range(1000)] == [None] * 1000
    assert clock.slept_ms() >= 0


def test_a_slow_start_is_no_lapse_and_a_lapse_is_told_for_a_minute() -> None:
    machine = Machine()
    lost: list[WallMs] = []
    told: dict[str, str] = {}
    presence = Presence(
        machine, lambda since, _: lost.append(since), lambda name, words, _: told.update({name: words})
    )
    machine.runs(30_000)
    presence.now()
    assert not lost
    before = machine.now().wall
    machine.runs(9000)
    presence.tell(presence.now())
    assert lost == [before] and told == {"clock": "", "pause": "9 s"}
    machine.is_set(-600_000)
    presence.tell(presence.now())
    assert lost == [before] and told["clock"] == "-600 s", "a clock set back skips no time"
    for _ in range(20):
        machine.runs(3000)
        presence.tell(presence.now())
    assert told == {"clock": "-600 s", "pause": ""}, "until it has caught up"


def test_a_standby_that_was_stopped_does_not_take_its_own_deafness_for_the_others_death() -> None:
    standby = Standby(MonoMs(0), 20_000)
    standby.peer_alive(MonoMs(5_000))
    standby.woke(MonoMs(600_000))
    standby.tick(MonoMs(619_999))
    assert not standby.leading
    standby.tick(MonoMs(620_000))
    assert standby.leading


SHORT = ("-c", "import monitor.presence as l; l.LIMIT_MS = 3000; from monitor.cli import main; main()")
"""A daemon that calls 3 s a lapse, so that the test need not stop it for longer; and no less, since on a busy
machine any program is held up for a second."""


@pytest.mark.parametrize(
    ("stopped_s", "program"),
    [
        pytest.param(3.5, SHORT, id="short"),
        pytest.param(20.0, ("-m", "monitor"), id="as it is", marks=pytest.mark.long),
    ],
)
async def test_a_process_that_was_stopped_books_that_time_as_not_measured_and_tells(
    tmp_path: Path, stopped_s: float, program: tuple[str, ...]
) -> None:
    with town(6, net=9) as fleet:
        async with hook() as phone:
            house = furnish(tmp_path, fleet, phone.port, interval="2s")
            house.program = program
            async with house.running():
                await house.all_measured()
                house.process.send_signal(signal.SIGSTOP)
                await stopped(house.pid)
                await asyncio.sleep(stopped_s / 2)
                fallen = fleet.devices[4]
                fleet.unplug(fallen)
                await asyncio.sleep(stopped_s / 2)
                woken = SystemClock().now().wall
                house.process.send_signal(signal.SIGCONT)
                await house.until(lambda s: any(i["cause"] == "pause" for i in s["incidents"]))
                await house.until(lambda s: s["offline"] == 1 and not s["states"].get("unknown"))
                status = await house.ask("status")
                causes = {i["cause"] for i in status["incidents"]}
                assert causes == {"pause", "device_down"}, "neither late nor blind: it was not there"
                assert status["task_failures"] == 0
                await house.all_delivered()
                assert any("停顿" in body for body in phone.bodies)
                assert await house.stop() == 0
    with house.books() as db:
        spans_are_whole(db)
        rows = db.execute("SELECT device, at, state FROM state_change ORDER BY device, rowid").fetchall()
    for device in fleet.devices:
        ours = [(at, state) for id_, at, state in rows if id_ == device.id]
        states = [state for _, state in ours]
        assert states == ["unknown", "up", "unknown", "down" if device is fallen else "up"], ours
        assert ours[2][0] <= woken - stopped_s * 900  # from when it was stopped …
        assert ours[3][0] >= woken - 50  # … until it was measured anew; the wall clock counts milliseconds
