"""Parts of the daemon by themselves: what holds whatever breaks."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.checks import Checks
from monitor.clock import ManualClock
from monitor.collectors.base import CheckSettings, Env
from monitor.config.daemon import LogFormat
from monitor.model import Device, DeviceId, Instant, Kind, MonoMs, Reason, Result, State, Target, WallMs
from monitor.resolve import Resolver, is_address
from monitor.schedule import Schedule
from monitor.simulate.wires import TCP_PORT, TcpWires
from monitor.storage.ledger import Ledger
from monitor.storage.ledger.records import DeviceJoined, StateChanged
from monitor.tally import Tally
from monitor.uplink import Sight, Uplink, UplinkSettings
from tests.core_support import town
from tests.daemon_support import ROOT

EVENTS = ("cut", "heal", "switch", "blind", "see", "crash", "reload", "lost")


@settings(max_examples=30)
@given(
    st.lists(
        st.sampled_from(["cut", "heal", "switch", "blind", "see", "crash", "reload", "lost"]), max_size=8
    )
)
def test_the_tally_is_what_counting_gives_whatever_happened(story: list[str]) -> None:
    world = town()
    for event in story:
        match event:
            case "cut":
                world.unplug("cam0.0.0", "cam1.1.2")
            case "switch":
                world.unplug("sw0.1")
            case "heal":
                world.unplugged.clear()
            case "blind" | "see":
                world.uplink_up = event == "see"
            case "crash":
                world.crash(3000)
            case "reload":
                world.reload(list(world.devices.values())[:-1] or None)
            case "lost":
                before = world.clock.now()
                world.pipeline.time_lost(before.wall, world.clock.step_wall(3_600_000))
        world.advance(7)
        kept, counted = world.pipeline.tally, Tally(world.pipeline.states)
        assert kept.scopes == counted.scopes
        assert +kept.states == +counted.states
        assert kept.offline.keys() == counted.offline.keys()


def test_an_hour_that_was_lost_is_no_downtime_of_what_was_down_before() -> None:
    world = town()
    world.unplug("cam0.0.1")
    world.advance(30)
    assert world.pipeline.states.state(DeviceId("cam0.0.1"))[0] is State.DOWN
    before = world.clock.now()
    after = world.clock.step_wall(3_600_000)
    world.pipeline.time_lost(before.wall, after)
    world.advance(30)
    state, since = world.pipeline.states.state(DeviceId("cam0.0.1"))
    assert state is State.DOWN
    assert since >= after.wall


def test_whoever_was_held_up_himself_is_not_blind() -> None:
    """Ten seconds without an answer, but also without a question."""
    uplink = Uplink(UplinkSettings(), has_references=True)

    def at(ms: int) -> Instant:
        return Instant(WallMs(1_000_000 + ms), MonoMs(ms))

    def round_of_probes(ms: int, ok: bool) -> None:
        reason = Reason.OK if ok else Reason.TIMEOUT
        uplink.observe([Result(DeviceId("gate"), "icmp", at(ms).wall, reason)], at(ms))

    round_of_probes(0, True)
    assert uplink.judge(at(10_000))[0] is Sight.CLEAR
    round_of_probes(11_000, False)  # one may be lost
    assert uplink.judge(at(11_000))[0] is Sight.CLEAR
    round_of_probes(12_500, False)
    assert uplink.judge(at(12_500))[0] is Sight.BLIND
    round_of_probes(13_000, True)
    assert uplink.judge(at(13_000))[0] is Sight.CLEAR


async def test_a_record_that_is_refused_takes_no_neighbour_with_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.start()
    camera = Device(DeviceId("cam"), "Gate", Kind.CAMERA, "10.0.0.1")
    done = asyncio.Event()
    ledger.write(
        [
            DeviceJoined(camera, WallMs(1)),
            DeviceJoined(camera, WallMs(2)),  # twice: refused by the schema
            StateChanged(DeviceId("cam"), WallMs(3), State.DOWN, Reason.TIMEOUT, "\ud800"),  # no text at all
            StateChanged(DeviceId("cam"), WallMs(4), State.UP, Reason.OK),
        ],
        done.set,
    )
    await done.wait()
    assert ledger.alive
    assert ledger.trouble() == ""
    assert (ledger.written, ledger.dropped) == (2, 2)
    await ledger.stop()
    db = sqlite3.connect(tmp_path / "ledger.db")
    assert db.execute("SELECT at FROM state_change").fetchall() == [(4,)]
    assert db.execute("SELECT since FROM membership").fetchall() == [(1,)]
    db.close()


class Broken:
    """A collector with a bug."""

    Settings = CheckSettings

    def __init__(self, settings: CheckSettings, env: Env) -> None:
        self.stopped = False

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        self.stopped = True

    async def collect(self, targets: Sequence[Target], deadline: float) -> AsyncIterator[list[Result]]:
        yield [Result(targets[0].device.id, "icmp", WallMs(0), Reason.OK)]
        raise RuntimeError("bug")


async def test_devices_of_a_check_that_broke_off_were_not_measured_and_their_turn_comes_again() -> None:
    clock, schedule, found = ManualClock(), Schedule(), list[Result]()
    env = Env(clock, random.Random(1))
    checks = Checks(env, Resolver(clock), schedule, found.extend)
    section = CheckSettings.model_validate({"interval": "500ms"})
    devices = {DeviceId(n): Device(DeviceId(n), n, Kind.CAMERA, "127.0.0.1") for n in ("a", "b")}
    checks.configure({"icmp": section}, devices, {"icmp": Broken(section, env)})
    for turn in (1, 2):
        checks.start_rounds()
        while checks.failures < turn:
            await asyncio.sleep(0)
        assert {r.device for r in found if r.reason is Reason.OWN_LOSS} == {"a", "b"}
        found.clear()
        clock.advance(500)
    await checks.stop()
    assert schedule.overruns() == {"icmp": 0}


async def test_a_check_that_cannot_start_changes_nothing() -> None:
    """All or nothing: the collectors that had started are stopped again."""
    clock = ManualClock()
    env = Env(clock, random.Random(1))
    checks = Checks(env, Resolver(clock), Schedule(), lambda _: None)
    section = CheckSettings.model_validate({})
    old = Broken(section, env)
    checks.configure({"icmp": section}, {}, {"icmp": old})
    tcp_like = CheckSettings.model_validate({"interval": "3s"})
    try:
        await checks.prepare({"icmp": section, "tcp": tcp_like})  # TcpCollector refuses these settings
    except TypeError:
        pass
    else:
        raise AssertionError("it was taken")
    assert not old.stopped
    await checks.stop()
    assert old.stopped


def test_the_first_round_never_takes_longer_than_the_interval() -> None:
    schedule, now = Schedule(), ManualClock()
    ids = [DeviceId(str(n)) for n in range(100)]
    schedule.load({"icmp": (1.0, ids)}, now.now())
    seen = [d for _ in range(11) for r in (schedule.due(now.advance(100))) for d in r.devices]
    assert set(seen) == set(ids)


def test_addresses_are_told_from_names() -> None:
    for text in ("10.0.0.1", "::1", "fe80::1%eth0", "2001:db8::5"):
        assert is_address(text)
    for text in ("cam.example", "10.0.0", "10.0.0.1%eth0", "", "a:b", "1.2.3.4\0"):
        assert not is_address(text)


@pytest.mark.parametrize("form", list(LogFormat))
def test_a_logged_exception_shows_no_local_variable(form: LogFormat) -> None:
    """In a process of its own, since logging is set up once for each."""
    script = f"""
import structlog
from monitor.config.daemon import LogFormat, LogSettings
from monitor.logs import configure_logging
configure_logging(LogSettings(format=LogFormat({form.value!r}), level="debug"))
def send(key):
    raise RuntimeError("the channel broke")
try:
    send("".join(["planted", "-", "secret"]))
except RuntimeError:
    structlog.get_logger(room="test").exception("died")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert "the channel broke" in done.stderr
    assert "planted-secret" not in done.stderr + done.stdout


async def test_a_simulated_camera_takes_any_number_of_connections() -> None:
    wires = TcpWires()
    wires.plug(["127.0.77.1"])
    try:
        for _ in range(30):
            _, writer = await asyncio.wait_for(asyncio.open_connection("127.0.77.1", TCP_PORT), 60)
            writer.close()
            await writer.wait_closed()
    finally:
        wires.unplug(["127.0.77.1"])
