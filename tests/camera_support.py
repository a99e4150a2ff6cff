"""What the tests of camera checks share: a simulated fleet on the loopback, and collectors to ask it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from monitor.clock import SystemClock
from monitor.collectors.base import Collector, Env
from monitor.model import Device, DeviceId, Kind, Reading, Result, Target
from monitor.simulate.camera import SimCamera, make_fleet
from monitor.simulate.cameras import CameraServer, Ports

USER, PASSWORD = "admin", "gate-7-east"
RECORDED = Path(__file__).parents[1].parent / "shared" / "data" / "onvif"


@asynccontextmanager
async def fleet(count: int = 8, first: str = "127.31.0.1") -> AsyncIterator[CameraServer]:
    server = CameraServer(make_fleet(first, count, USER, PASSWORD, random.Random(7)), SystemClock())
    await server.start(Ports())
    try:
        yield server
    finally:
        await server.stop()


def cameras(server: CameraServer) -> list[SimCamera]:
    return list(server.fleet.cameras.values())


def target(address: str, **tags: str) -> Target:
    return Target(Device(DeviceId(address), f"Camera {address}", Kind.CAMERA, address, tags=tags), address)


def env() -> Env:
    return Env(SystemClock(), random.Random(11))


def credentials(password_file: Path, password: str = PASSWORD) -> list[dict[str, object]]:
    password_file.write_text(password + "\n")
    return [{"name": "fleet", "user": USER, "password": {"file": str(password_file)}}]


async def ask(collector: Collector, targets: Sequence[Target], within: float = 60.0) -> dict[str, Result]:
    """One result per device; fails if one is answered twice."""
    results: dict[str, Result] = {}
    deadline = asyncio.get_running_loop().time() + within
    async for batch in collector.collect(targets, deadline):
        for result in batch:
            assert result.device not in results
            results[result.device] = result
    return results


def reading(result: Result, metric: str) -> Reading | None:
    return next((each for each in result.readings if each.metric == metric), None)


def value(result: Result, metric: str) -> float | int | bool | str | None:
    found = reading(result, metric)
    return None if found is None else found.value
