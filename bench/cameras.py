"""What the camera benchmarks share: a simulator in its own process, workers, how they are measured."""

from __future__ import annotations

import asyncio
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address

from monitor.clock import SystemClock
from monitor.collectors.base import Collector, Env
from monitor.model import Device, DeviceId, Kind, Reason, Target

USER, PASSWORD = "admin", "camwatch-bench"
FIRST = "127.40.0.1"
_LAG_TICK_S = 0.005


@dataclass(frozen=True, slots=True)
class Simulator:
    http: int
    rtsp: int
    wsd: int


@contextmanager
def simulator(count: int, *more: str) -> Iterator[Simulator]:
    """``camwatch simulate`` for ``count`` cameras from ``FIRST`` on."""
    command = [sys.executable, "-c", "from monitor.cli.simulate import simulate; simulate()"]
    ports = ["--http-port", "0", "--rtsp-port", "0", "--wsd-port", "0"]
    account = ["--first", FIRST, "--count", str(count), "--password", PASSWORD]
    process = subprocess.Popen(
        [*command, *account, *ports, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        line = ""
        while "cameras:" not in line:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise RuntimeError("the simulator did not start")
        words = line.replace(",", "").split()
        yield Simulator(int(words[3]), int(words[5]), int(words[7]))
    finally:
        process.kill()
        process.communicate()


def worker(module: str, *arguments: str) -> dict[str, float]:
    """Runs ``python -m module --worker …`` and gives the JSON object that it prints."""
    command = [sys.executable, "-m", module, "--worker", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def targets(count: int, wsse_only: bool = False) -> list[Target]:
    start, found, index = IPv4Address(FIRST), [], 0
    while len(found) < count:
        address = str(start + index)
        if not wsse_only or index % 4 != 3:  # see monitor.simulate.camera.make_fleet
            found.append(Target(Device(DeviceId(address), address, Kind.CAMERA, address), address))
        index += 1
    return found


def env() -> Env:
    return Env(SystemClock(), random.Random(5))


class Lag:
    """How late the loop comes round, seen by a task that sleeps 5 ms at a time; and the processor time that
    went by between its turns, which other load on the machine does not lengthen."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        self.busy_ms: list[float] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Lag:
        self._task = asyncio.ensure_future(self._watch())
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        while True:
            began, used = time.perf_counter(), time.thread_time()
            await asyncio.sleep(_LAG_TICK_S)
            self.busy_ms.append((time.thread_time() - used) * 1000)
            self.late_ms.append((time.perf_counter() - began - _LAG_TICK_S) * 1000)

    @property
    def p99_ms(self) -> float:
        return sorted(self.late_ms)[int(len(self.late_ms) * 0.99)]

    @property
    def busy_p99_ms(self) -> float:
        return sorted(self.busy_ms)[int(len(self.busy_ms) * 0.99)]

    @property
    def max_ms(self) -> float:
        return max(self.late_ms)


async def collect(collector: Collector, due: list[Target], within_s: float) -> dict[str, float]:
    """One round of a collector: CPU, wall time, lag, memory, and how many came out well."""
    ok = 0
    async with Lag() as lag:
        cpu, wall = time.process_time(), time.perf_counter()
        async for batch in collector.collect(due, asyncio.get_running_loop().time() + within_s):
            ok += sum(result.reason is Reason.OK for result in batch)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {
        "ms_cpu": 1000 * cpu / len(due),
        "core": cpu / wall,
        "wall_s": wall,
        "ok": ok,
        "lag_p99_ms": lag.p99_ms,
        "lag_max_ms": lag.max_ms,
        "busy_p99_ms": lag.busy_p99_ms,
        "rss_mb": rss_mb(),
    }


def rss_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
