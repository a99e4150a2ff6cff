"""``kill -9`` of the daemon and of influxd: the count and the sum in the database are exact."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.clock import SystemClock
from monitor.model import Point, WallMs
from monitor.storage.influx import InfluxSink
from tests.daemon_support import PATIENCE_S, ROOT, House
from tests.sink_noting import NOTES
from tests.sink_storm import CONFIG, Accepted, Number, by_device, cameras, load, noted, rows, stored
from tests.sink_support import Influxd, influxd_in, settings_v1

T0 = 1_800_000_000_000


class Killer:
    """Kills influxd ``times`` times at random instants, and starts it again, until it is done."""

    def __init__(self, server: Influxd, rng: random.Random, times: int, mean_s: float) -> None:
        self._server, self._rng, self._times, self._mean_s = server, rng, times, mean_s
        self.kills = 0
        self._thread = threading.Thread(target=self._run, name="influxd's killer")
        self._thread.start()

    def _run(self) -> None:
        while self.kills < self._times:
            time.sleep(self._rng.uniform(0, 2 * self._mean_s))
            self._server.kill()
            self.kills += 1
            time.sleep(self._rng.uniform(0, 0.3))
            self._server.start()

    def join(self) -> None:
        self._thread.join()


async def storm(folder: Path, *, kills: int, influxd_kills: int, life_s: float, seed: int) -> int:
    """Lives of the daemon, each ended at a random instant, while influxd is killed, too; then what is left in
    the spool is sent, and the database is held against the books. Returns how many numbers were accepted."""
    rng = random.Random(seed)
    (folder / "influxd").mkdir()
    spool = folder / "spool"
    accepted = Accepted(spool)
    all_noted: list[Number] = []
    all_accepted: list[Number] = []
    tail = 0
    with influxd_in(folder / "influxd") as server:
        async with cameras(24) as fleet:
            server.create("storm")
            text = CONFIG.format(interval="250ms", port=fleet.port, url=server.url, database="storm")
            house = House(folder, program=("-m", "tests.sink_noting"))
            house.furnish(fleet.devices, text)
            killer = Killer(server, rng, influxd_kills, kills * life_s / influxd_kills)
            for life in range(kills):
                notes = folder / f"notes-{life}"
                house.environment = {NOTES: str(notes)}
                enough = fleet.asked + rng.randrange(1, 48)
                async with house.running():
                    if life == 0:
                        await until(house, lambda: any(f.stat().st_size for f in spool.glob("*.seg")))
                    elif rng.random() < 0.9:  # else perhaps in the middle of its start
                        await until(house, lambda enough=enough: fleet.asked >= enough)
                    await asyncio.sleep(rng.uniform(0, life_s))
                    assert house.process is not None and house.process.returncode is None, house.log()
                    await house.end(signal.SIGKILL)
                given, taken = noted(notes), accepted.after_a_kill()
                tail = max(tail, in_order_but_for_a_tail(given, taken))
                all_noted += given
                all_accepted += taken
            await asyncio.to_thread(killer.join)
        backfill = [sys.executable, "-m", "monitor", "sink", "backfill", "-c", str(house.config)]
        done = subprocess.run(backfill, cwd=ROOT, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0 and done.stdout.endswith("refused 0, left 0\n"), done
        assert not list(spool.glob("*.seg")) and not (spool / "dead.lp").exists()

        # The cameras gave out each number once, and nobody made up another.
        assert len({(n.device, n.number) for n in all_noted}) == len(all_noted)
        assert all(1 <= n.number <= fleet.handed[n.device] for n in all_noted)
        # What was accepted is there, once, and nothing else: so count and sum are exact.
        there = stored(server, "storm")
        assert len(there) == len(all_accepted)
        assert sum(n.number for n in there) == sum(n.number for n in all_accepted)
        assert sorted(there) == sorted(all_accepted)
        # So it is with all else that the daemon writes: states, rates, our own health.
        load(server, "accepted", accepted.lines)
        assert rows(server, "storm") == rows(server, "accepted")
    print(
        f"{kills} kills of the daemon, {killer.kills} of influxd; numbers handed out "
        f"{fleet.asked}, given to the sink {len(all_noted)}, accepted {len(all_accepted)}, "
        f"in the database {len(there)}, their sum {sum(n.number for n in there)}; "
        f"all points {len(accepted.lines)}; oldest reading lost by a kill {tail} ms"
    )
    return len(all_accepted)


async def until(house: House, good: Callable[[], bool]) -> None:
    """Wait for something that the running daemon will bring about."""
    async with asyncio.timeout(PATIENCE_S):
        while not good():
            assert house.process is not None and house.process.returncode is None, house.log()
            await asyncio.sleep(0.01)


def in_order_but_for_a_tail(given: list[Number], taken: list[Number]) -> int:
    """What the spool took in one life is what the sink was given, without its end: no gap, nothing invented.

    Returns how old the oldest lost reading was by the time of the last one, in ms.
    """
    kept = by_device(taken)
    oldest = 0
    for device, numbers in by_device(given).items():
        mine = kept.pop(device, [])
        assert mine == numbers[: len(mine)], f"{device}: given {numbers}, kept {mine}"
        if len(mine) < len(numbers):
            oldest = max(oldest, given[-1].at - numbers[len(mine)].at)
    assert not kept, "numbers that nobody gave"
    return oldest


async def test_kills_of_the_daemon_and_of_influxd_lose_and_invent_nothing(tmp_path: Path) -> None:
    assert await storm(tmp_path, kills=3, influxd_kills=1, life_s=0.3, seed=1)


@pytest.mark.long
async def test_300_kills_of_the_daemon_and_30_of_influxd_lose_and_invent_nothing(tmp_path: Path) -> None:
    assert await storm(tmp_path, kills=300, influxd_kills=30, life_s=1.0, seed=2) > 3000


def exact(server: Influxd, database: str, total: int) -> bool:
    found = server.query('SELECT count(n), sum(n) FROM "kill"', database)
    return bool(found) and found[0]["values"][0][1:] == [total, total * (total - 1) // 2]


@pytest.mark.long
async def test_30_kills_of_influxd_alone_lose_nothing_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "influxd"
    folder.mkdir()
    with influxd_in(folder) as server:
        database = server.create("kills")
        sink = InfluxSink(
            settings_v1(server.url, database, tmp_path / "spool"), SystemClock(), random.Random(1)
        )
        await sink.start()
        killer = Killer(server, random.Random(3), 30, 0.3)
        n = 0
        while killer.kills < 30:
            sink.write_points([Point("kill", (), (("n", m),), WallMs(T0 + m)) for m in range(n, n + 100)])
            n += 100
            await asyncio.sleep(0.02)
        await asyncio.to_thread(killer.join)
        async with asyncio.timeout(120):
            await sink.drained()
        assert sink.stats().dropped == 0
        await sink.stop()
        assert exact(server, database, n)


@pytest.mark.long
async def test_an_outage_at_1000_points_a_second_fits_and_comes_back_to_the_point() -> None:
    """Six minutes stand for the day, which ``bench.outage`` writes in full and whose speed it measures."""
    from bench.outage import measure

    if shutil.which("influxd") is None:
        pytest.skip("needs the Debian package influxdb")
    found = await measure(hours=0.1, seconds=60)
    print(found)
    assert found["spool_gb_day"] <= 2.2
    assert found["gap_dropped"] > 0
    assert found["exact"] and found["gap_exact"]
