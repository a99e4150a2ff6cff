"""Hours in minutes: a large fleet with faults, reloads and a sink that comes and goes, and nothing grows.

Needs root (network namespaces). The fleet is the kernel of another namespace, so that ten thousand devices
really answer, one by one.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import random
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiohttp import web

from bench.fleet import address, cut, open_streets
from monitor.alerts.incident import Fingerprint
from monitor.alerts.restless import Restless
from monitor.clock import ManualClock
from monitor.model import Device
from monitor.simulate.city import city, write_csv
from tests.daemon_support import (
    PATIENCE_S,
    RULES,
    House,
    children,
    messages,
    moved,
    open_incidents,
    spans_are_whole,
)
from tests.icmp_support import FLEET_ADDRESS, Network, network
from tests.service_support import Hook, hook

CONFIG = """\
inventory = ["cameras.csv"]

[daemon]
state_dir = "state"
run_dir = "run"
uplink = {{ references = ["{reference}"] }}
log = {{ level = "warning" }}

[sink]
type = "influxdb"
url = "{sink}"
version = "2"
timeout = "2s"
[sink.spool]
path = "spool"

[checks.icmp]
interval = "{interval:g}s"
echoes = 1
timeout = "200ms"
rate = 20000

[states]
boot_grace = "1s"
recheck = "200ms"

[storm]
incidents_per_minute = 100000

[channel.hook]
url = "webhook://127.0.0.1:{phone}/hook"
per_minute = 6000
retry_first = "500ms"

[receiver.duty]
channels = ["hook"]

[[route]]
receiver = "duty"
group_wait = "0s"
"""


@dataclass(frozen=True, slots=True)
class Course:
    """How long, and how hard."""

    cameras: int
    interval_s: float
    step_s: float
    """Between two faults; between two reloads; half the time that the sink is up or down."""
    warm_s: float
    seconds: float
    """After the warm-up."""
    growth_percent: float
    faults: int
    """At most: what has ended for the second time is only told to be over after five calm minutes."""
    late_a_second: float
    """Turns that may be skipped. With rounds of a second there are two turns in it, and other programs that
    are busy make some of them late; a daemon that does not keep pace skips every other one."""


@dataclass(slots=True)
class Bucket:
    """An InfluxDB that takes points, hangs up, or answers 503, by turns. Holds no points, only counts."""

    url: str = ""
    mood: int = 0
    lines: int = 0
    refused: int = 0

    async def write(self, request: web.Request) -> web.Response:
        if self.mood % 2:
            self.refused += 1
            if self.mood % 4 == 1 and request.transport is not None:
                request.transport.close()
            return web.Response(status=503, text="down")
        body = await request.read()  # aiohttp has undone the gzip
        self.lines += (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).count(b"\n") + 1
        return web.Response(status=204)

    async def ping(self, request: web.Request) -> web.Response:
        return web.Response(status=204, headers={"X-Influxdb-Version": "v2.7.11"})


@asynccontextmanager
async def bucket() -> AsyncIterator[Bucket]:
    made = Bucket()
    app = web.Application(client_max_size=50_000_000)
    app.router.add_get("/ping", made.ping)
    app.router.add_post("/api/v2/write", made.write)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()


@dataclass(frozen=True, slots=True)
class Look:
    """What the daemon holds at one moment; ``courier_*``: its helper process."""

    memory: int
    descriptors: int
    tasks: int
    courier_memory: int
    courier_descriptors: int


@dataclass(slots=True)
class Record:
    looks: list[Look] = field(default_factory=list)

    def early_and_late(self, of: Callable[[Look], int]) -> tuple[float, float]:
        """The median of the first quarter and of the last."""
        values = [of(look) for look in self.looks]
        share = max(1, len(values) // 4)
        return statistics.median(values[:share]), statistics.median(values[-share:])

    def __str__(self) -> str:
        return ", ".join(
            "{} {:g} → {:g}".format(name, *self.early_and_late(lambda look, name=name: getattr(look, name)))
            for name in Look.__dataclass_fields__
        )


def memory_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors_of(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def courier_of(pid: int) -> int:
    """The helper process, and not a child that it has made for a send."""
    (courier,) = [child for child in children(pid) if parent_of(child) == pid]
    return courier


def parent_of(pid: int) -> int:
    """0 when it has just ended."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


async def look_at(house: House) -> Look:
    courier = courier_of(house.pid)
    return Look(
        memory_of(house.pid),
        descriptors_of(house.pid),
        (await house.ask("status"))["tasks"],
        memory_of(courier),
        descriptors_of(courier),
    )


class Trouble:
    """Faults by turns: some cameras, a switch with all behind it, one camera that flaps."""

    def __init__(self, net: Network, devices: list[Device], rng: random.Random, most: int) -> None:
        self._net, self._rng, self._most = net, rng, most
        self._cameras = [d for d in devices if d.kind.value == "camera"]
        self._switches = [d for d in devices if d.kind.value == "switch" and d.parents]
        self._behind = {
            switch.id: [d.address for d in devices if switch.id in d.parents] for switch in self._switches
        }
        self._cut: list[str] = []
        self.steps = 0

    def step(self) -> None:
        self.heal()
        if self.steps == self._most:
            return
        sort = self.steps % 3
        self.steps += 1
        if sort == 0:
            self._cut = [d.address for d in self._rng.sample(self._cameras, 10)]
        elif sort == 1:
            switch = self._rng.choice(self._switches)
            self._cut = [switch.address, *self._behind[switch.id]]
        else:
            self._cut = [self._cameras[len(self._cameras) // 2 + 100].address]
        cut(self._net, self._cut)

    def heal(self) -> None:
        cut(self._net, self._cut, heal=True)
        self._cut = []


def inventories(devices: list[Device]) -> Iterator[list[Device]]:
    """What the list of devices becomes, again and again: some leave, some get another name, all come back."""
    while True:
        yield devices[:-20]
        yield [replace(d, name=f"{d.name}（新）") if n % 500 == 0 else d for n, d in enumerate(devices)]
        yield devices


async def every(seconds: float, act: Callable[[], object], over: asyncio.Event) -> None:
    while not over.is_set():
        await asyncio.to_thread(act)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), seconds)


async def live(course: Course, net: Network, folder: Path) -> tuple[Record, Bucket, Hook, Trouble, int]:
    """Start, warm up, and look at the daemon until the time is over."""
    devices = moved(city(course.cameras), address)
    open_streets(net)
    fleet = Trouble(net, devices, random.Random(1), course.faults)
    shapes, record, reloads = inventories(devices), Record(), 0
    house = House(folder)
    async with bucket() as sink, hook() as phone:
        settings = CONFIG.format(
            reference=FLEET_ADDRESS, sink=sink.url, interval=course.interval_s, phone=phone.port
        )
        house.furnish(devices, settings + RULES)

        def turn() -> None:
            sink.mood += 1

        async with house.running():
            await house.all_measured()
            over = asyncio.Event()
            jobs = [
                asyncio.create_task(every(course.step_s, fleet.step, over)),
                asyncio.create_task(every(course.step_s * 1.7, turn, over)),
            ]
            began = time.monotonic()
            next_reload = 0.0

            def enough(passed: float) -> bool:
                """Of time, and of all that was to happen meanwhile: a slow machine takes longer for it."""
                happened = reloads > 3 and fleet.steps > 3 and phone.bodies and sink.refused
                return passed >= course.warm_s + course.seconds and bool(happened) and len(record.looks) >= 12

            while not enough(passed := time.monotonic() - began):
                assert passed < course.warm_s + course.seconds + PATIENCE_S
                if passed >= next_reload:
                    next_reload = passed + course.step_s * 0.9
                    write_csv(next(shapes), folder / "cameras.csv")
                    await house.ask("reload")
                    reloads += 1
                await asyncio.sleep(min(5.0, course.seconds / 40))
                if passed >= course.warm_s and reloads > 2 and phone.bodies:
                    record.looks.append(await look_at(house))
                    with (folder / "looks").open("a") as file:
                        print(round(passed), record.looks[-1], file=file)
                assert not any(job.done() for job in jobs)
            over.set()
            await asyncio.gather(*jobs)
            sink.mood = 0
            fleet.heal()
            write_csv(devices, folder / "cameras.csv")
            await house.ask("reload")
            status = await house.until(
                lambda s: (
                    not s["offline"]
                    and not s["incidents"]
                    and not s["sink"]["trouble"]
                    # The sink's back-off may have slept through every spell in which it was up.
                    and sink.lines > course.cameras
                    and not any(lane["waiting"] for lane in s["outbox"])
                ),
                patience_s=400,
            )
            late = sum(check["overruns"] for check in status["checks"])
            assert late <= course.late_a_second * (status["now"] - status["started"]) / 1000, record
            assert status["task_failures"] == 0
            assert await house.stop() == 0
    assert "Traceback" not in house.log()
    with house.books() as db:
        spans_are_whole(db)
        sent = dict(db.execute("SELECT kind, count(*) FROM outbox WHERE state = 'delivered' GROUP BY kind"))
        assert {state for _, state, _, _ in messages(db)} == {"delivered"}
        assert open_incidents(db) == []
        assert sent["opened"] and sent["resolved"]
    return record, sink, phone, fleet, reloads


def nothing_has_grown(record: Record, growth_percent: float) -> None:
    for name in ("memory", "courier_memory"):
        early, late = record.early_and_late(lambda look, name=name: getattr(look, name))
        assert late <= early * (1 + growth_percent / 100), (name, early, late, str(record))
    for name in ("descriptors", "courier_descriptors", "tasks"):
        early, late = record.early_and_late(lambda look, name=name: getattr(look, name))
        assert late <= early + 3, (name, early, late, str(record))


@pytest.mark.parametrize(
    "course",
    [
        pytest.param(
            Course(1500, 1.0, 1.6, 1, 5, growth_percent=10, faults=4, late_a_second=0.5), id="seconds"
        ),
        pytest.param(
            Course(9800, 10.0, 10.0, 300, 1200, growth_percent=2, faults=1000, late_a_second=0),
            id="25 minutes",
            marks=pytest.mark.long,
        ),
    ],
)
def test_faults_reloads_and_a_flapping_sink_leave_nothing_behind(course: Course, tmp_path: Path) -> None:
    with network() as net:
        record, sink, phone, fleet, reloads = asyncio.run(live(course, net, tmp_path))
    counts = f"{reloads} reloads, {fleet.steps} faults, {len(phone.bodies)} messages, {sink.lines} points"
    print(counts, record, sep="\n")
    assert reloads > 3 and fleet.steps > 3 and phone.bodies
    assert sink.refused and sink.lines > course.cameras
    nothing_has_grown(record, course.growth_percent)


def test_what_has_ended_long_ago_is_not_remembered() -> None:
    """A year of faults, each of another device, leaves no more behind than half an hour of them."""
    restless, clock = Restless(), ManualClock()
    for number in range(2000):
        restless.holds_end(Fingerprint("device-down", (("device", str(number)),)), clock.advance(60_000))
        restless.calm(clock.now())
    assert restless.remembered <= 30 + 5 + 1
