"""What goes wrong around the daemon: channels, disks, name servers, clocks; and what must never get out."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.clock import ManualClock
from monitor.resolve import Resolver
from monitor.simulate.phone import Phone
from tests import notify_fakes as fakes
from tests.daemon_support import KEY, House, spans_are_whole
from tests.street_support import SmallDisk, Street, camera, config, told

SECRET = "planted-4f1d0c77-secret"


@pytest.mark.parametrize(
    "mode",
    [
        fakes.Mode.HANG,
        pytest.param(fakes.Mode.ERROR_500, marks=pytest.mark.long),
        pytest.param(fakes.Mode.TOO_MANY_429, marks=pytest.mark.long),
        pytest.param(fakes.Mode.RESET, marks=pytest.mark.long),
        pytest.param(fakes.Mode.LOGIN_PAGE, marks=pytest.mark.long),
        pytest.param("refused", marks=pytest.mark.long),
        pytest.param("200 with an error", marks=pytest.mark.long),
    ],
)
async def test_a_bad_channel_delays_no_other_loses_nothing_and_shows_no_secret(
    tmp_path: Path, street: Street, phone: Phone, mode: fakes.Mode | str
) -> None:
    with fakes.serving(fakes.wecom) as bad:
        if isinstance(mode, fakes.Mode):
            bad.mode = mode
        elif mode != "refused":
            bad.forced = 200, {"errcode": -1, "errmsg": f"system busy {SECRET}"}
        base = "http://127.0.0.1:9" if mode == "refused" else bad.base
        more = f"""
[channel.bad]
url = "wecombot://{{key}}?at={base}"
secrets = {{ key = {{ env = "BAD_KEY" }} }}
deadline = "1s"
timeout = "900ms"
retry_first = "300ms"
retry_longest = "500ms"
breaker_failures = 2
probe = "300ms"
"""
        house = House(tmp_path, {KEY: phone.key, "BAD_KEY": SECRET})
        text = config(street, phone, level="debug", more=more, channels='["bad", "phone"]')
        house.furnish(street.devices, text)
        async with house.running():
            await house.all_measured()
            street.unplug([camera(street).address])
            await told(phone, camera(street).name)
            slow = mode is fakes.Mode.TOO_MANY_429  # it asks for 17 s of patience, and gets them
            status = await house.until(
                lambda s: any(lane["channel"] == "bad" and (lane["failing"] or slow) for lane in s["outbox"])
            )
            lane = next(lane for lane in status["outbox"] if lane["channel"] == "bad")
            assert lane["waiting"] >= 1 and lane["delivered"] == 0
            assert SECRET not in str(status)
            if not slow:
                await told(phone, "bad")  # that a channel fails is told on the others
            await house.stop()
        assert SECRET not in house.log()
        assert phone.key not in house.log()
        with house.books() as db:
            dump = "\n".join(db.iterdump())
        assert SECRET not in dump
        assert "'pending'" in dump  # nothing is lost: it is tried again after a restart


def test_a_name_server_that_hangs_holds_up_no_other_name_and_not_the_end() -> None:
    hang = threading.Event()

    def lookup(name: str) -> str:
        if name.startswith("bad"):
            hang.wait(20)
            raise OSError("no answer")
        return "127.0.0.9"

    resolver = Resolver(ManualClock(), lookup)
    resolver.watch([*(f"bad{n}.example" for n in range(8)), "good.example", "127.0.0.1", "\0odd"])
    while resolver.ip("good.example") is None:
        time.sleep(0.001)
    assert resolver.ip("127.0.0.1") == "127.0.0.1"
    assert resolver.ip("bad0.example") is None
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "resolve")
    resolver.close()
    hang.set()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    made = SmallDisk(tmp_path)
    yield made
    made.close()


@pytest.mark.long
async def test_a_full_disk_is_told_messages_go_out_and_the_books_are_complete_once_there_is_room(
    tmp_path: Path, street: Street, phone: Phone, disk: SmallDisk
) -> None:
    house = House(tmp_path, {KEY: phone.key}, disk.wrap)
    house.furnish(street.devices, config(street, phone))
    async with house.running():
        await house.all_measured()
        disk.fill()
        street.unplug([camera(street).address])
        await told(phone, camera(street).name)
        await told(phone, "台账")
        assert "full" in (await house.ask("status"))["ledger"]["trouble"]
        disk.make_room()
        await told(phone, "台账", "恢复")
        await house.until(lambda s: not s["ledger"]["waiting"] and not s["ledger"]["trouble"])
        assert await house.stop() == 0
    await books_are_complete(house, disk, camera(street).id)


@pytest.mark.parametrize(
    "ledger",
    [*(pytest.param(name, marks=pytest.mark.long) for name in ("fresh", "of an earlier run")), "of a crash"],
)
async def test_a_disk_that_is_full_at_start_up_makes_no_crash_loop(
    tmp_path: Path, street: Street, phone: Phone, disk: SmallDisk, ledger: str
) -> None:
    house = House(tmp_path, {KEY: phone.key}, disk.wrap)
    house.furnish(street.devices, config(street, phone))
    if ledger != "fresh":
        async with house.running():
            await house.all_measured()
            if ledger == "of an earlier run":
                await house.stop()
    disk.fill()
    async with house.running():
        await house.all_measured()
        await told(phone, "台账")
        street.unplug([camera(street).address])
        await told(phone, camera(street).name)
        disk.make_room()
        await house.until(lambda s: not s["ledger"]["waiting"] and not s["ledger"]["trouble"])
        assert await house.stop() == 0
    await books_are_complete(house, disk, camera(street).id)


async def books_are_complete(house: House, disk: SmallDisk, fallen: str) -> None:
    copy = house.folder / "copy.db"
    shutil.copyfile(disk.inside / "ledger.db", copy)
    db = sqlite3.connect(copy)
    try:
        spans_are_whole(db)
        found = db.execute(
            "SELECT state FROM state_change WHERE device = ? ORDER BY rowid", (fallen,)
        ).fetchall()
        assert found[-1] == ("down",)
        assert db.execute("SELECT count(*) FROM outbox").fetchone()[0] >= 2
    finally:
        db.close()


STEPPED = """
import sys, time
from pathlib import Path
shift = Path(sys.argv.pop(1))
true_ns = time.time_ns
def time_ns():
    try:
        return true_ns() + int(shift.read_text() or 0) * 10**9
    except OSError:
        return true_ns()
time.time_ns = time_ns
time.time = lambda: time_ns() / 1e9
from monitor.cli import main
main()
"""
"""The daemon on a machine whose clock we can set: ``time`` answers by a file that holds seconds."""


@pytest.mark.long
@pytest.mark.parametrize("by_s", [-3600, 3600])
async def test_a_clock_that_is_set_makes_no_downtime_and_no_false_alert(
    tmp_path: Path, street: Street, phone: Phone, by_s: int
) -> None:
    shift = tmp_path / "shift"
    house = House(tmp_path, {KEY: phone.key}, program=("-c", STEPPED, str(shift)))
    house.furnish(street.devices, config(street, phone))
    async with house.running():
        await house.all_measured()
        street.unplug([camera(street).address])
        await told(phone, camera(street).name)
        shift.write_text(str(by_s))
        await told(phone, "时钟")
        status = await house.until(lambda s: not s["states"].get("unknown") and s["offline"] == 1)
        assert status["states"] == {"up": len(street.devices) - 1, "down": 1}
        street.unplug([camera(street, 1).address])  # it goes on finding
        await house.until(lambda s: s["offline"] == 2)
        street.plug([camera(street).address, camera(street, 1).address])
        await house.until(lambda s: not s["offline"])
        assert (await house.ask("status"))["task_failures"] == 0
        assert await house.stop() == 0
    with house.books() as db:
        spans_are_whole(db)
        longest = 0
        rows = db.execute("SELECT device, at, state FROM state_change ORDER BY device, rowid").fetchall()
        for (device, at, state), (other, until, _) in pairwise(rows):
            if device == other and state in ("down", "unreachable"):
                longest = max(longest, until - at)
        assert longest < 60_000  # the hour that nobody lived through is no downtime
        told_of = {row[0] for row in db.execute("SELECT DISTINCT device FROM alert WHERE device IS NOT NULL")}
        assert told_of == {camera(street).id, camera(street, 1).id}
