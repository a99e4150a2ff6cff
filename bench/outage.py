"""The database is gone for a day and comes back: ``python -m bench.outage --json`` (needs ``influxd`` 1.x).

A day of 1,000 points a second is written into the spool at full speed under a virtual clock, while nothing
listens at the server's address. Then a real influxd starts, a new sink takes up the spool, and 1,000 live
points a second come on top of the backlog.

- ``spool_gb_day``: what the day takes on disk. ``rss_mb``: memory of the process at its end.
- ``recover_s``: until the new sink knows what lies on disk.
- ``replay_points_per_s``: backlog that the server took, per second, while live data came in beside it.
- ``live_lag_s``: the longest that the newest live point was behind, asked for in InfluxQL ten times a second.
- ``exact``: the points in the database are those that the sink says were written, not one more or less.
- ``gap_exact``: the same after an outage that the spool's bound was too small for: what is missing in the
  database is what the sink says it dropped.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench.output import show
from bench.sink import SWEEP, T0, fleet, sweep
from monitor.clock import Clock, ManualClock, SystemClock
from monitor.model import Point, Result, WallMs
from monitor.storage.influx import InfluxSink
from monitor.storage.settings import InfluxSettings
from tests.sink_support import Influxd, influxd_in

RATE = 1000
"""Points a second."""
SWEEPS = 20
"""Measured once, used in turn with later times: batches are compressed one by one, so it is no easier."""
PART = 10


@dataclass(slots=True)
class Source:
    """A second's results at a time."""

    sweeps: list[list[Result]]
    turn: int = 0

    def second(self, at: WallMs) -> list[Result]:
        number, part = divmod(self.turn, PART)
        self.turn += 1
        base = self.sweeps[number % len(self.sweeps)]
        results = base[part * RATE : (part + 1) * RATE]
        for result in results:  # written and on disk before it is used again
            result.at = WallMs(at + result.at % 1000)
        return results


def settings(url: str, spool: Path, max_bytes: int) -> InfluxSettings:
    return InfluxSettings.model_validate(
        {"type": "influxdb", "url": url, "spool": {"path": spool, "max_bytes": max_bytes}}
    )


def new_sink(configured: InfluxSettings, clock: Clock) -> InfluxSink:
    sink = InfluxSink(configured, clock, random.Random(1))
    sink.devices_changed(fleet())
    return sink


async def outage(configured: InfluxSettings, source: Source, start: WallMs, seconds: int) -> InfluxSink:
    """Write so many virtual seconds; the stopped sink tells what became of them."""
    clock = ManualClock(start)
    sink = new_sink(configured, clock)
    await sink.start()
    for second in range(seconds):
        sink.write_results(source.second(clock.now().wall))
        await sink.flush()
        clock.advance(1000)
        if second % 600 == 0:
            await asyncio.sleep(0)
            tell(f"{second / 3600:.1f} h, {sink.stats().spool_bytes / 1e9:.2f} GB")
    await asyncio.sleep(configured.spool.sync_interval * 1.5)  # bounds are held on a timer
    await sink.stop()
    return sink


@dataclass(slots=True)
class Replay:
    points_per_s: float = 0.0
    live_lag_s: float = 0.0
    recover_s: float = 0.0
    written: int = 0
    live: int = 0


async def replay(configured: InfluxSettings, source: Source, seconds: float) -> Replay:
    """Take up the spool against the running server, with live data coming in; stop after so long."""
    clock, found = SystemClock(), Replay()
    loop = asyncio.get_running_loop()
    sink = new_sink(configured, clock)
    began = loop.time()
    await sink.start()
    found.recover_s = loop.time() - began
    began = loop.time()
    before = sink.stats().spool_points
    watch = asyncio.create_task(watch_lag(configured, found, clock))
    while loop.time() < began + seconds and sink.stats().spool_points > 3 * RATE:
        sink.write_results(source.second(WallMs(clock.now().wall // 1000 * 1000)))
        sink.write_points([Point("camwatch_test", (), (("number", 1),), clock.now().wall)])
        found.live += RATE + 1
        await asyncio.sleep(began + found.live // (RATE + 1) - loop.time())
    stats = sink.stats()
    found.points_per_s = (before + found.live - stats.spool_points - stats.queue_points) / (
        loop.time() - began
    ) - RATE
    watch.cancel()
    await sink.stop()
    found.written = sink.stats().written
    return found


async def watch_lag(configured: InfluxSettings, found: Replay, clock: Clock) -> None:
    """How far behind the newest live point is, as a dashboard sees it, beyond the second between two."""
    query = 'SELECT last("number") FROM "camwatch_test"'
    async with aiohttp.ClientSession() as session:
        while True:
            asked = clock.now().wall
            form = {"q": query, "db": configured.database, "epoch": "ms"}
            async with session.post(f"{configured.url}/query", data=form) as answer:
                series = (await answer.json())["results"][0].get("series")
            if series:
                lag = (asked - series[0]["values"][0][0]) / 1000 - 1.0
                found.live_lag_s = max(found.live_lag_s, lag)
            await asyncio.sleep(0.1)


def in_database(server: Influxd, database: str) -> int:
    """Points of every measurement that the sink writes here."""
    total = 0
    for measurement, field in (
        ("ping", "result_code"),
        ("camwatch_test", "number"),
        ("camwatch_sink", "posts"),
    ):
        found = server.query(f'SELECT count("{field}") FROM "{measurement}"', database)
        total += found[0]["values"][0][1] if found else 0
    return total


def tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


async def day(
    server: Influxd, folder: Path, source: Source, hours: float, seconds: float
) -> dict[str, float]:
    configured = settings(server.url, folder / "spool", 4 * 1024**3)
    points = round(hours * 3600) * RATE
    began = time.perf_counter()
    start = WallMs(SystemClock().now().wall // 1000 * 1000 - round(hours * 3_600_000))
    sink = await outage(configured, source, start, points // RATE)
    took, stats = time.perf_counter() - began, sink.stats()
    assert (stats.dropped, stats.written) == (0, 0), stats
    own = stats.received - points  # its own books
    assert stats.spool_points == points + own, stats
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    server.start()
    server.create(configured.database)
    found = await replay(configured, source, seconds)
    return {
        "hours": hours,
        "points": points,
        "spool_gb_day": round(stats.spool_bytes / 1e9 * 24 / hours, 3),
        "spooled_points_per_s": round(points / took),
        "rss_mb": round(rss),
        "recover_s": round(found.recover_s, 2),
        "replayed": found.written,
        "replay_points_per_s": round(found.points_per_s),
        "live_lag_s": round(found.live_lag_s, 2),
        "exact": in_database(server, configured.database) == found.written,
    }


async def gap(server: Influxd, folder: Path, source: Source) -> dict[str, float]:
    """Half an hour into a spool for a third of it."""
    server.kill()
    configured = settings(server.url, folder / "small", 15_000_000).model_copy(update={"database": "gap"})
    start = WallMs(SystemClock().now().wall // 1000 * 1000 - 1_800_000)
    stats = (await outage(configured, source, start, 1800)).stats()
    server.start()
    server.create("gap")
    sink = new_sink(configured, SystemClock())
    await sink.start()
    await sink.drained()
    await sink.stop()
    wanted = stats.received - stats.dropped + sink.stats().received  # and what it writes about itself
    there = in_database(server, "gap")
    tell(f"{stats.received} received, {stats.dropped} dropped, {there} in the database, {wanted} wanted")
    return {"gap_dropped": stats.dropped, "gap_exact": there == wanted}


async def measure(hours: float, seconds: float) -> dict[str, float]:
    rng = random.Random(1)
    source = Source([sweep(number, rng) for number in range(SWEEPS)])
    assert SWEEP == PART * RATE and T0 % 1000 == 0
    gc.collect()
    gc.freeze()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "influxd").mkdir()
        with influxd_in(folder / "influxd") as server:
            server.kill()
            found = await day(server, folder, source, hours, seconds)
            return found | await gap(server, folder, source)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--hours", type=float, default=24.0, help="length of the outage")
    parser.add_argument("--replay", type=float, default=120.0, help="seconds of replay to measure")
    arguments = parser.parse_args()
    found = asyncio.run(measure(arguments.hours, arguments.replay))
    show(found, arguments.json)


if __name__ == "__main__":
    main()
