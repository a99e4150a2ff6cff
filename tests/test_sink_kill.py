"""``kill -9`` of the daemon's sink and of influxd: the count and the sum in the database are exact."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from monitor.clock import SystemClock
from monitor.model import Point, WallMs
from monitor.storage.influx import InfluxSink
from tests.sink_child import T0
from tests.sink_support import Influxd, influxd, influxd_in, settings_v1  # noqa: F401 (fixture)

ROOT = Path(__file__).parents[1]


def run_child(url: str, database: str, spool: Path, first: int, last: int, kill_after: int) -> int:
    """Let it write until ``kill_after`` more numbers are on disk, kill it, and say what the last one was."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.sink_child", url, database, str(spool), str(first), str(last)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert child.stdout is not None
    durable = first - 1
    with child.stdout as out:
        for line in out:
            durable = int(line)
            if durable - first >= kill_after:
                child.kill()
                break
        rest = out.read().split(b"\n")[:-1]  # told before the signal came; the last may be half a line
    child.wait()
    return max([durable, *map(int, filter(None, rest))])


def exact(server: Influxd, database: str, total: int) -> bool:
    found = server.query('SELECT count(n), sum(n) FROM "kill"', database)
    return bool(found) and found[0]["values"][0][1:] == [total, total * (total - 1) // 2]


def test_a_kill_of_the_daemon_loses_and_invents_nothing(influxd: Influxd, tmp_path: Path) -> None:  # noqa: F811
    database = influxd.create("once")
    at = run_child(influxd.url, database, tmp_path / "spool", 0, 10_000, 150) + 1
    assert at < 10_000
    run_child(influxd.url, database, tmp_path / "spool", at, at + 200, 10_000)
    assert exact(influxd, database, at + 200)


@pytest.mark.long
def test_300_kills_of_the_daemon_lose_and_invent_nothing(influxd: Influxd, tmp_path: Path) -> None:  # noqa: F811
    database = influxd.create("many")
    at, kills, rng = 0, 0, random.Random(2)
    while kills < 300:
        before = at
        at = run_child(influxd.url, database, tmp_path / "spool", at, at + 10_000, rng.randrange(300)) + 1
        kills += at < before + 10_000
    run_child(influxd.url, database, tmp_path / "spool", at, at, 1)
    assert exact(influxd, database, at) or exact_range(influxd, database, at)


def exact_range(server: Influxd, database: str, at: int) -> bool:
    """A killed child may have stored up to one batch more than it told: numbers are still whole, from 0."""
    [series] = server.query('SELECT count(n), sum(n), max(n) FROM "kill"', database)
    count, total, highest = series["values"][0][1:]
    return count == highest + 1 >= at and total == highest * (highest + 1) // 2 and count <= at + 20


@pytest.mark.long
async def test_30_kills_of_influxd_lose_and_invent_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "influxd"
    folder.mkdir()
    with influxd_in(folder) as server:
        database = server.create("kills")
        sink = InfluxSink(
            settings_v1(server.url, database, tmp_path / "spool"), SystemClock(), random.Random(1)
        )
        await sink.start()
        stop, rng = threading.Event(), random.Random(3)

        def killer() -> None:
            for _ in range(30):
                time.sleep(rng.uniform(0.05, 0.6))
                server.kill()
                time.sleep(rng.uniform(0.0, 0.2))
                server.start()
            stop.set()

        thread = threading.Thread(target=killer)
        thread.start()
        n = 0
        while not stop.is_set():
            sink.write_points([Point("kill", (), (("n", m),), WallMs(T0 + m)) for m in range(n, n + 100)])
            n += 100
            await asyncio.sleep(0.02)
        thread.join()
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
