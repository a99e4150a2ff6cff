"""The demo: the real daemon on a simulated city, with faults that it finds and messages that arrive.

phone (a real HTTP server)  ◄── messages ── camwatch run (the real daemon, a process of its own)
                                                 │ real echoes or connections
wires (real listeners on 127.x.y.z)  ◄───────────┘
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from monitor.clock import SystemClock
from monitor.control.wire import ControlError, ask
from monitor.model import Device, Kind
from monitor.simulate.city import AREAS, city, write_csv
from monitor.simulate.demo_cameras import PASSWORD_VARIABLE, TalkingCameras
from monitor.simulate.demo_switches import BUDGET_W, COMMUNITY_VARIABLE, SpeakingSwitches
from monitor.simulate.phone import Phone
from monitor.simulate.wires import IcmpWires, TcpWires, Wires, behind

INTERVAL_S = 2
_TALKING = 20
"""Cameras that are asked by ONVIF and RTSP too."""
_SPEAKING = 8
"""Access switches that are asked by SNMP too."""
_KEY = "CAMWATCH_DEMO_KEY"
_PATIENCE_S = 40.0

_CONFIG = """\
inventory = ["cameras.csv"]

[daemon]
state_dir = "state"
run_dir = "run"
uplink = {{ references = ["127.0.0.1"] }}
log = {{ level = "warning" }}

[checks.{check}]
interval = "{interval}s"
{options}

[kind.camera]
checks = ["{check}"]
[kind.switch]
checks = ["{check}"]

[states]
boot_grace = "5s"

[channel.wecom]
url = "{url}"
secrets = {{ key = {{ env = "{key}" }} }}

[receiver.duty]
channels = ["wecom"]

[[route]]
match = {{ cause = ["no_video", "wrong_clock"] }}
receiver = "duty"
group_by = ["id"]
group_wait = "0s"

[[route]]
receiver = "duty"
group_by = ["area"]
group_wait = "4s"

[[rule]]
name = "key-sites"
type = "online_rate"
select = {{ kind = "camera", key_site = true }}
group_by = ["site"]
below = 100
severity = "critical"

[[rule]]
name = "area-rate"
type = "online_rate"
select = {{ kind = "camera" }}
group_by = ["area"]
below = 96
severity = "major"

[[rule]]
name = "city-rate"
type = "online_rate"
select = {{ kind = "camera" }}
below = 96
severity = "major"

[[rule]]
name = "device-down"
type = "threshold"
state = "down"
severity = "warning"
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens to the city, and what the phone must say of it."""

    title: str
    devices: tuple[Device, ...]
    subject: str
    """The message about it names this."""
    begin: Callable[[], None] | None = None
    """What happens, where it is not that the devices lose their network."""


@dataclass(frozen=True, slots=True)
class Found:
    fault: Fault
    cut_off: int
    told_after_s: float
    ended_after_s: float


class Demo:
    def __init__(self, cameras: int, wires: Wires, console: Console) -> None:
        self.console = console
        whole = list(city(cameras))
        some = [d for d in whole if d.kind is Kind.CAMERA and d.area == AREAS[3] and not d.key_site]
        self.talking = TalkingCameras(some[:_TALKING], wires.check)
        access = [d for d in whole if d.kind is Kind.SWITCH and d.parents]
        self.speaking = SpeakingSwitches(access[-_SPEAKING:], whole, wires.check)
        instead = {device.id: device for device in (*self.talking.devices, *self.speaking.devices)}
        self.devices = [instead.get(device.id, device) for device in whole]
        self.wires = wires
        self.phone = Phone(SystemClock(), console)
        self.daemon: asyncio.subprocess.Process | None = None
        self._fallen: set[str] = set()
        self._silent: set[str] = set()

    async def run(self, keep: bool) -> bool:
        """The story; whether everything was found and told."""
        with tempfile.TemporaryDirectory(prefix="camwatch-demo-") as folder:
            try:
                await self._start(Path(folder))
                found = await self._story()
                self._summary(found)
                if keep:
                    self.console.print(
                        f"\nGoing on until Ctrl-C. Look: camwatch status -c {folder}/camwatch.toml"
                    )
                    await asyncio.Event().wait()
                return all(f.told_after_s < _PATIENCE_S and f.ended_after_s < _PATIENCE_S for f in found)
            finally:
                await self._stop()

    # ---------------------------------------------------------------- setting up

    async def _start(self, folder: Path) -> None:
        await self.wires.start([d.address for d in self.devices])
        await self.phone.start()
        await self.talking.start()
        await self.speaking.start()
        write_csv(self.devices, folder / "cameras.csv")
        options = "" if self.wires.check == "icmp" else "port = 5540"
        config = _CONFIG.format(
            check=self.wires.check, options=options, interval=INTERVAL_S, url=self.phone.url, key=_KEY
        )
        (folder / "camwatch.toml").write_text(config + self.talking.config + self.speaking.config, "utf-8")
        self._socket = folder / "run" / "control.sock"
        self.daemon = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "monitor", "run", "-c", str(folder / "camwatch.toml"),
            env={
                **os.environ, _KEY: self.phone.key, PASSWORD_VARIABLE: self.talking.password,
                COMMUNITY_VARIABLE: self.speaking.community,
            },
        )  # fmt: skip
        started = asyncio.get_running_loop().time()
        status = await self._until(
            lambda s: s["cameras"]["online"] == s["cameras"]["counted"] and not _unknown(s)
        )
        took = asyncio.get_running_loop().time() - started
        self.console.print(
            f"[bold]{status['cameras']['online']} cameras on line[/] and {status['devices']} devices in all, "
            f"each measured {took:.1f} s after the daemon was started.\n"
        )

    async def _until(self, good: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Ask the daemon until its status is as wanted."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _PATIENCE_S
        while loop.time() < end:
            if self.daemon is not None and self.daemon.returncode is not None:
                raise RuntimeError(f"the daemon ended with status {self.daemon.returncode}")
            try:
                status: dict[str, Any] = await loop.run_in_executor(None, ask, self._socket, "status")
                if good(status):
                    return status
            except ControlError:
                pass
            await asyncio.sleep(0.2)
        raise TimeoutError("the daemon did not come to the state expected")

    async def _stop(self) -> None:
        if self.daemon is not None and self.daemon.returncode is None:
            self.daemon.terminate()
            await self.daemon.wait()
        await self.phone.stop()
        await self.talking.stop()
        await self.speaking.stop()
        await self.wires.stop()

    # ---------------------------------------------------------------- the story

    def faults(self) -> list[Fault]:
        cameras = [d for d in self.devices if d.kind is Kind.CAMERA]
        key = next(d for d in cameras if d.key_site and d.area == AREAS[0])
        area = [d for d in cameras if d.area == AREAS[1] and not d.key_site]
        part = area[:: len(area) // (len(area) // 20 + 1)][: len(area) // 20 + 1]
        switches = [d for d in self.devices if d.kind is Kind.SWITCH and d.parents and d.area == AREAS[2]]
        switch = switches[1] if len(switches) > 1 else switches[0]
        silent, late = self.talking.devices[:2]
        hungry = self.speaking.devices[-1]
        return [
            Fault("one camera of a key site loses its power", (key,), key.name),
            Fault(f"5 % of one area go dark ({AREAS[1]}, {len(part)} cameras)", tuple(part), AREAS[1]),
            Fault(f"a switch dies ({switch.name})", (switch,), switch.name),
            Fault(
                "a camera answers every ping and sends no video",
                (silent,),
                silent.name,
                lambda: self.talking.lose_video(silent),
            ),
            Fault(
                "a camera's clock is set a minute ahead",
                (late,),
                late.name,
                lambda: self.talking.set_clock(late, 60.0),
            ),
            Fault(
                f"a switch gives 96 % of its PoE budget ({hungry.name})",
                (hungry,),
                hungry.name,
                lambda: self.speaking.draw(hungry, BUDGET_W * 96 // 100),
            ),
        ]

    async def _story(self) -> list[Found]:
        loop = asyncio.get_running_loop()
        told = []
        for number, fault in enumerate(self.faults(), start=1):
            self.console.print(f"[bold yellow]▶ {number}. {fault.title}[/]")
            before = len(self.phone.received)
            at = loop.time()
            if fault.begin is not None:
                fault.begin()
            cut_off = self._cut([d.id for d in fault.devices] if fault.begin is None else [])
            await self._message_about(fault.subject, before)
            told.append((fault, cut_off, loop.time() - at))
        self.console.print("[bold yellow]▶ Everything is repaired[/]")
        before, at = len(self.phone.received), loop.time()
        self._fallen.clear()
        self._apply()
        self.talking.mend()
        self.speaking.mend()
        ended: dict[str, float] = {}
        for fault, _, _ in told:
            await self._message_about(fault.subject, before)
            ended[fault.subject] = loop.time() - at
        await self._until(lambda s: not s["incidents"])
        return [Found(fault, cut, after, ended[fault.subject]) for fault, cut, after in told]

    def _cut(self, ids: Iterable[str]) -> int:
        silent = len(self._silent)
        self._fallen.update(ids)
        self._apply()
        return len(self._silent) - silent

    def _apply(self) -> None:
        """Let the wires agree with what has fallen."""
        silent = behind([(d.id, d.address, tuple(d.parents)) for d in self.devices], self._fallen)
        self.wires.unplug(silent - self._silent)
        self.wires.plug(self._silent - silent)
        self._silent = silent

    async def _message_about(self, subject: str, after: int) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            count = after
            while not any(subject in message.text for message in self.phone.received[after:]):
                count = max(count, len(self.phone.received)) + 1
                await self.phone.wait_for(count)

    # ---------------------------------------------------------------- what came of it

    def _summary(self, found: Sequence[Found]) -> None:
        table = Table(title="\nWhat was found", title_justify="left", title_style="bold", box=None)
        for heading in ("fault", "devices cut off", "phone rang after", "end told after"):
            table.add_column(heading)
        for f in found:
            table.add_row(
                f.fault.title, str(f.cut_off), f"{f.told_after_s:.1f} s", f"{f.ended_after_s:.1f} s"
            )
        self.console.print(table)
        changes = 2 * sum(f.cut_off or 1 for f in found)
        self.console.print(
            f"\n{len(self.phone.received)} messages for {changes} changes of state "
            f"(one for each would have been {changes // max(1, len(self.phone.received))} times as many); "
            f"each device is checked every {INTERVAL_S} s over {self.wires.check.upper()}, "
            f"{_TALKING} cameras by ONVIF and RTSP too: with real log-ins, real video; and "
            f"{len(self.speaking.devices)} switches by SNMP: {self._on_ports()} of {self.speaking.cameras} "
            "cameras found on the ports that the inventory says."
        )

    def _on_ports(self) -> int:
        """How many of the inventory's parents the switches' own tables agree with."""
        found = ask(self._socket, "ports")
        return sum(seen["book"] == "agrees" for seen in found["attachments"])


def _unknown(status: dict[str, Any]) -> int:
    return int(status["states"].get("unknown", 0))


def choose_wires(icmp: bool) -> Wires:
    return IcmpWires(random.Random()) if icmp else TcpWires()
