"""The sink beside ``influxdb-client``, in one run: ``python -m bench.sink --json``.

- ``points_per_s_core``: results (4 tags, 6 fields) encoded, compressed, spooled and posted to a server
  that takes everything, per second of this process's CPU time, all threads.
- ``ratio_point``: that against the same points as ``Point`` objects through ``InfluxDBClientAsync``.
- ``spool_points_per_s``, ``bytes_per_point``: encoded batches of 5,000 compressed, written and synced, by the
  wall clock; and what they take on disk. ``spool_points_per_s_core``: the same by CPU time.
- ``stall_ms``: the longest that the event loop was late while the sink worked at full speed;
  ``stall_paced_ms`` the same at 20,000 points a second; ``stall_idle_ms`` with nothing to do at all: what the
  machine's other work adds to both. ``turn_ms``, ``turn_paced_ms``: the longest turn of the loop by its own
  thread's CPU time, which nobody else's work adds to.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import multiprocessing
import random
import selectors
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from influxdb_client import Point as PeerPoint
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync

from bench.output import show
from monitor.clock import SystemClock
from monitor.model import Device, DeviceId, Kind, Reading, Reason, Result, WallMs
from monitor.storage.batches import gzipped
from monitor.storage.encoder import Encoder
from monitor.storage.influx import InfluxSink
from monitor.storage.settings import InfluxSettings
from monitor.storage.spool import Spool
from monitor.storage.tables import SCHEMA

T0 = 1_800_000_000_000
FIELDS = (
    "average_response_ms",
    "minimum_response_ms",
    "maximum_response_ms",
    "standard_deviation_ms",
    "percent_packet_loss",
    "result_code",
)
METRICS = tuple(f"ping.{field}" for field in FIELDS)
"""Constants, as collectors have them."""
SWEEP = 10_000

T = TypeVar("T")


def null_server(listener: socket.socket) -> None:
    """Reads bodies, answers 204; in a process of its own, so that its CPU time is not ours."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = 0
                for line in head.split(b"\r\n"):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                await reader.readexactly(length)
                writer.write(b"HTTP/1.1 204 No Content\r\nX-Influxdb-Version: v2.7.11\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, sock=listener, limit=2**20)
        await server.serve_forever()

    asyncio.run(run())


def fleet() -> dict[DeviceId, Device]:
    """Four tags: kind, key site, site, device."""
    ids = [DeviceId(f"cam-{n:05d}") for n in range(SWEEP)]
    return {id_: Device(id_, id_, Kind.CAMERA, "", site=f"site-{n // 20}") for n, id_ in enumerate(ids)}


def sweep(number: int, rng: random.Random) -> list[Result]:
    """All devices pinged once, spread over three seconds."""
    results = []
    for n in range(SWEEP):
        trip = rng.lognormvariate(0, 0.5)
        values = (trip, trip * 0.9, trip * 1.1, trip * 0.05, 0.0, 0)
        readings = tuple(map(Reading, METRICS, values))
        at = WallMs(T0 + number * 30_000 + n * 3000 // SWEEP)
        results.append(Result(DeviceId(f"cam-{n:05d}"), "icmp", at, Reason.OK, readings))
    return results


class Turns(selectors.DefaultSelector):  # type: ignore[misc, valid-type]  # a class by platform
    """A selector that knows the CPU time of the longest turn between two looks at the sockets."""

    def __init__(self) -> None:
        super().__init__()
        self.worst_ms = 0.0
        self._began = time.thread_time()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.worst_ms = max(self.worst_ms, (time.thread_time() - self._began) * 1000)
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(timeout)
        self._began = time.thread_time()
        return ready


class Stall:
    """How late the event loop comes at worst, and the CPU time of its longest turn."""

    def __init__(self, turns: Turns) -> None:
        self.worst_ms = 0.0
        self._turns = turns
        turns.worst_ms = 0.0
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 0.002
            await asyncio.sleep(0.002)
            self.worst_ms = max(self.worst_ms, (loop.time() - due) * 1000)

    def stop(self) -> tuple[float, float]:
        self._task.cancel()
        return self.worst_ms, self._turns.worst_ms


def run(job: Callable[[Turns], Coroutine[Any, Any, T]]) -> T:
    """In a loop of its own whose turns are measured."""
    turns = Turns()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(turns)) as runner:
        return runner.run(job(turns))


def settings(url: str, folder: str) -> InfluxSettings:
    return InfluxSettings.model_validate(
        {"type": "influxdb", "url": url, "version": "2", "bucket": "b", "spool": {"path": folder}}
    )


async def ours(url: str, sweeps: list[list[Result]], turns: Turns) -> tuple[float, float, float]:
    """Points per CPU second, the worst stall and the longest turn."""
    with tempfile.TemporaryDirectory() as folder:
        sink = InfluxSink(settings(url, folder), SystemClock(), random.Random(1))
        sink.devices_changed(fleet())
        await sink.start()
        sink.write_results(sweeps[0])  # prefixes and shapes are made once in a daemon's life
        await sink.drained()
        began = time.process_time()
        await flood(sink, sweeps[1:])
        took = time.process_time() - began
        stall = Stall(turns)  # not before: its looks at the clock would count as ours
        await flood(sink, sweeps[1:])
        worst = stall.stop()
        stats = sink.stats()
        assert (stats.written, stats.dropped) == ((2 * len(sweeps) - 1) * SWEEP, 0), stats
        await sink.stop()
    return (len(sweeps) - 1) * SWEEP / took, *worst


async def flood(sink: InfluxSink, sweeps: list[list[Result]]) -> None:
    """Until the server has all of it."""
    for batch in sweeps:
        for start in range(0, SWEEP, 1000):
            sink.write_results(batch[start : start + 1000])
            await asyncio.sleep(0)
    await sink.drained()


async def paced(url: str, sweeps: list[list[Result]], turns: Turns) -> tuple[float, float]:
    """The worst stall and the longest turn at 20,000 points a second."""
    with tempfile.TemporaryDirectory() as folder:
        sink = InfluxSink(settings(url, folder), SystemClock(), random.Random(1))
        sink.devices_changed(fleet())
        await sink.start()
        stall = Stall(turns)
        for batch in sweeps[:4]:
            for start in range(0, SWEEP, 500):
                sink.write_results(batch[start : start + 500])
                await asyncio.sleep(0.025)
        await sink.drained()
        worst = stall.stop()
        await sink.stop()
    return worst


async def idle(turns: Turns) -> float:
    stall = Stall(turns)
    await asyncio.sleep(2.0)
    return stall.stop()[0]


async def peer(url: str, results: list[Result]) -> float:
    """Points per CPU second through ``Point`` objects."""
    devices = fleet()
    async with InfluxDBClientAsync(url, "t", "o") as client:
        api = client.write_api()
        began = time.process_time()
        for start in range(0, len(results), 5000):
            points = []
            for result in results[start : start + 5000]:
                device = devices[result.device]
                point = PeerPoint("ping").tag("kind", device.kind.value).tag("key_site", "false")
                point.tag("site", device.site).tag("device", device.id).time(result.at, "ms")
                for metric, value, _ in result.readings:
                    point.field(metric.partition(".")[2], value)
                points.append(point)
            await api.write("b", record=points, write_precision="ms")  # type: ignore[arg-type]
        return len(results) / (time.process_time() - began)


def spooled(sweeps: list[list[Result]]) -> tuple[float, float, float]:
    """Points per second of the wall clock and of the CPU, and bytes on disk a point."""
    encoder = Encoder(SCHEMA)
    encoder.devices_changed(fleet())
    chunks = [encoder.results(batch[s : s + 5000]) for batch in sweeps for s in (0, 5000)]
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder), 2**32, 10**12)
        spool.open()
        began, began_cpu = time.perf_counter(), time.process_time()
        for chunk in chunks:
            spool.append(gzipped([chunk.body]), chunk.points, T0)
            spool.sync()
        took, cpu = time.perf_counter() - began, time.process_time() - began_cpu
        size, points = spool.bytes, spool.points
        spool.close()
    return points / took, points / cpu, size / points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = multiprocessing.get_context("fork").Process(target=null_server, args=(listener,), daemon=True)
    server.start()
    rng = random.Random(1)
    sweeps = [sweep(number, rng) for number in range(11)]
    # As the daemon does: what is here to stay is not walked by the collector, for neither side.
    gc.collect()
    gc.freeze()
    rows: list[dict[str, float]] = []
    try:
        for _ in range(arguments.rounds):
            rate, stall, turn = run(lambda turns: ours(url, sweeps, turns))
            stall_paced, turn_paced = run(lambda turns: paced(url, sweeps, turns))
            per_s, per_s_core, size = spooled(sweeps)
            rows.append(
                {
                    "points_per_s_core": rate,
                    "peer_points_per_s_core": asyncio.run(peer(url, sweeps[0])),
                    "spool_points_per_s": per_s,
                    "spool_points_per_s_core": per_s_core,
                    "bytes_per_point": size,
                    "stall_ms": stall,
                    "stall_idle_ms": run(idle),
                    "stall_paced_ms": stall_paced,
                    "turn_ms": turn,
                    "turn_paced_ms": turn_paced,
                }
            )
            print({name: round(value, 2) for name, value in rows[-1].items()}, file=sys.stderr)
    finally:
        server.terminate()
        server.join()
    result: dict[str, Any] = {name: round(median(row[name] for row in rows), 2) for name in rows[0]}
    result["ratio_point"] = round(
        median(row["points_per_s_core"] / row["peer_points_per_s_core"] for row in rows), 2
    )
    show(result, arguments.json)


if __name__ == "__main__":
    main()
