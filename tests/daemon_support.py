"""A real daemon for tests and benchmarks: its files, its process, and what it says of itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from monitor.control.wire import ControlError, ask
from monitor.model import Device, DeviceId, Kind
from monitor.simulate.city import write_csv

ROOT = Path(__file__).parents[1]
KEY = "CAMWATCH_TEST_KEY"
PATIENCE_S = 180.0
OF_THE_MACHINE = ("overrun", "lag", "disk")
"""What a daemon rightly tells of itself where the machine has too much to do, or too little room: incidents
that come and go beside whatever a test is about."""

RULES = """
[[rule]]
name = "camera-online-rate"
type = "online_rate"
select = { kind = "camera" }
below = 96
severity = "major"

[[rule]]
name = "camera-online-rate-by-area"
type = "online_rate"
select = { kind = "camera" }
group_by = ["area"]
below = 96
severity = "major"

[[rule]]
name = "key-site-online-rate"
type = "online_rate"
select = { kind = "camera", key_site = true }
group_by = ["site"]
below = 100
severity = "critical"

[[rule]]
name = "device-down"
type = "threshold"
state = "down"
severity = "warning"
"""
"""The contract's rules without their ``for``, and one alert for each device."""


def moved(devices: Iterable[Device], address: Callable[[int], str]) -> list[Device]:
    """The devices at other addresses: ``address`` of their number."""
    return [replace(device, address=address(number)) for number, device in enumerate(devices)]


@dataclass(slots=True)
class House:
    """One daemon's folder and process. ``start`` and ``stop`` as often as wanted."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    wrap: Sequence[str] = ()
    """A command in front of the daemon's."""
    program: Sequence[str] = ("-m", "monitor")
    """What Python is to run."""
    options: Sequence[str] = ()
    """Of ``camwatch run``."""
    process: asyncio.subprocess.Process | None = None

    @property
    def config(self) -> Path:
        return self.folder / "camwatch.toml"

    @property
    def socket(self) -> Path:
        return self.folder / "run" / "control.sock"

    @property
    def ledger(self) -> Path:
        return self.folder / "state" / "ledger.db"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def furnish(self, devices: Iterable[Device], config: str) -> None:
        write_csv(devices, self.folder / "cameras.csv")
        self.config.write_text(config, "utf-8")

    # ---------------------------------------------------------------- the process

    async def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.wrap, sys.executable, *self.program, "run", "-c", str(self.config), *self.options,
                cwd=ROOT, env={**os.environ, **self.environment}, stdout=log, stderr=log,
            )  # fmt: skip

    async def stop(self) -> int:
        """SIGTERM; the exit status."""
        return await self.end(signal.SIGTERM)

    async def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
        return await self.process.wait()

    @contextlib.asynccontextmanager
    async def running(self) -> Any:
        await self.start()
        try:
            yield self
        finally:
            if self.process is not None and self.process.returncode is None:
                await self.end(signal.SIGKILL)

    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    # ---------------------------------------------------------------- what it says

    async def ask(self, command: str, **arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, lambda: ask(self.socket, command, **arguments))

    async def status(self) -> dict[str, Any]:
        """But for what is the machine's fault."""
        found: dict[str, Any] = await self.ask("status")
        found["incidents"] = [i for i in found["incidents"] if i["cause"] not in OF_THE_MACHINE]
        return found

    async def until(
        self, good: Callable[[dict[str, Any]], bool], patience_s: float = PATIENCE_S
    ) -> dict[str, Any]:
        """Its status, once that is as wanted."""
        end = time.monotonic() + patience_s
        status: dict[str, Any] = {}
        while time.monotonic() < end:
            assert self.process is not None
            if self.process.returncode is not None:
                raise AssertionError(f"the daemon ended ({self.process.returncode}):\n{self.log()[-3000:]}")
            began = time.monotonic()
            with contextlib.suppress(ControlError):
                status = await self.status()
                if good(status):
                    return status
            await asyncio.sleep(max(0.05, 4 * (time.monotonic() - began)))  # asking must not be the load
        raise AssertionError(f"never came to that; last seen: {str(status)[:2000]}\n{self.log()[-3000:]}")

    async def all_measured(self, patience_s: float = PATIENCE_S) -> dict[str, Any]:
        return await self.until(lambda s: not s["states"].get("unknown"), patience_s)

    async def all_delivered(self) -> dict[str, Any]:
        """No message waits, and that is on disk."""
        return await self.until(
            lambda s: not any(lane["waiting"] for lane in s["outbox"]) and not s["ledger"]["waiting"]
        )

    @contextlib.contextmanager
    def books(self) -> Iterator[sqlite3.Connection]:
        """The ledger, to read."""
        db = sqlite3.connect(f"{self.ledger.resolve().as_uri()}?mode=ro", uri=True)
        try:
            yield db
        finally:
            db.close()


SMALL = """\
inventory = ["cameras.csv"]

[daemon]
state_dir = "state"
run_dir = "run"
uplink = {{ references = ["127.0.0.1"] }}
timezone = "{timezone}"

[channel.mail]
url = "webhook://127.0.0.1:9/"

[receiver.boss]
channels = ["mail"]

[[route]]
receiver = "boss"
"""


def small_house(folder: Path, more: str, timezone: str = "Asia/Shanghai") -> House:
    """A camera ``c0`` (site ``s``, area ``east``), a receiver ``boss`` that nothing reaches, and ``more``."""
    house = House(folder)
    house.furnish(
        [Device(DeviceId("c0"), "camera c0", Kind.CAMERA, "127.0.0.1", "s", "east")],
        SMALL.format(timezone=timezone) + textwrap.dedent(more),
    )
    return house


def children(pid: int) -> list[int]:
    """The processes below this one."""
    found = []
    todo = [pid]
    while todo:
        at = todo.pop()
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{at}/task").iterdir():
                below = [int(child) for child in (task / "children").read_text().split()]
                found += below
                todo += below
    return found


def alive(pid: int) -> bool:
    """It runs: an orphan that only waits for init to take note of its end does not."""
    try:
        return state_of(Path(f"/proc/{pid}")) != "Z"
    except OSError:
        return False


def state_of(process: Path) -> str:
    """Its letter, by proc(5). ``OSError`` when there is none."""
    return (process / "stat").read_text().rpartition(")")[2].split()[0]


def messages(db: sqlite3.Connection) -> list[tuple[int, str, int, str]]:
    """Number, state, incident and kind of each message that is not about the machine's being busy."""
    return db.execute(
        "SELECT outbox.id, state, incident, kind FROM outbox LEFT JOIN incident ON incident.id = incident"
        f" WHERE coalesce(cause, '') NOT IN {OF_THE_MACHINE} ORDER BY outbox.id"
    ).fetchall()


def open_incidents(db: sqlite3.Connection) -> list[str]:
    """The causes of those that are not about the machine's being busy."""
    found = db.execute("SELECT cause FROM incident WHERE resolved IS NULL").fetchall()
    return [cause for (cause,) in found if cause not in OF_THE_MACHINE]


async def stopped(pid: int) -> None:
    """Wait until a SIGSTOP has reached every thread: until then they go on with what they were at."""
    async with asyncio.timeout(PATIENCE_S):
        while {state_of(task) for task in Path(f"/proc/{pid}/task").iterdir()} != {"T"}:
            await asyncio.sleep(0.01)


async def gone(pids: Iterable[int]) -> None:
    """Wait until none of these processes runs: one that was killed needs a moment for it."""
    async with asyncio.timeout(PATIENCE_S):
        while any(alive(pid) for pid in pids):
            await asyncio.sleep(0.02)


def spans_are_whole(db: sqlite3.Connection) -> None:
    """Each device's changes of state follow one another in time, and no state follows itself."""
    last: dict[str, tuple[int, str]] = {}
    for device, at, state in db.execute("SELECT device, at, state FROM state_change ORDER BY rowid"):
        before = last.get(device)
        if before is not None:
            assert at >= before[0], (device, before, at, state)
            assert state != before[1] or state == "unknown", (device, before, at, state)
        last[device] = (at, state)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
