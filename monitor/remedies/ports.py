"""The ports whose power we took away. Each gets it back, whatever happens to the switch or to us.

A port is in the ledger *before* its switch is asked to take the power away, and leaves it once the switch has
confirmed that the power is back. So a daemon that is killed in between gives it back when it starts again,
whatever the configuration says of remedies by then; while the switch does not take the order it is repeated,
and people are told.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from monitor.clock import Clock
from monitor.collectors.http1 import WireError
from monitor.collectors.snmp.messages import SnmpError
from monitor.collectors.snmp.setting import SetRefused
from monitor.model import DeviceId, Reason, WallMs
from monitor.remedies.poe import PoePort, PoeSettings, PortAgent
from monitor.remedies.steps import Action, Remedied, Step
from monitor.secrets import SecretError
from monitor.storage.ledger.records import Record, SqlValue

log = structlog.get_logger(room="remedies")

_TELL_AFTER = 2
"""So many times without an answer in a row are told to people; a refusal at once."""
_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_LAST_TRY_S = 8.0
"""When we are stopped: how long to see to the ports that are still dark."""


@dataclass(frozen=True, slots=True)
class DarkPort:
    """A port that is owed power; as a record: write that down."""

    port: PoePort
    device: DeviceId
    """What hangs on it."""
    rule: str
    """What asked for the remedy."""
    since: WallMs

    sql = "INSERT OR REPLACE INTO dark_port (switch, port, device, rule, since) VALUES (?,?,?,?,?)"

    def values(self) -> tuple[SqlValue, ...]:
        return self.port.switch, self.port.port, self.device, self.rule, self.since


@dataclass(frozen=True, slots=True)
class PortLit:
    """It has its power, or never lost it."""

    port: PoePort

    sql = "DELETE FROM dark_port WHERE switch=? AND port=?"

    def values(self) -> tuple[SqlValue, ...]:
        return self.port.switch, self.port.port


def dark_ports(db: sqlite3.Connection) -> list[DarkPort]:
    """Those that the last run left dark."""
    rows = db.execute("SELECT switch, port, device, rule, since FROM dark_port ORDER BY since")
    return [
        DarkPort(PoePort(switch, port), DeviceId(device), rule, WallMs(since))
        for switch, port, device, rule, since in rows
    ]


class Journal(Protocol):
    """Writes records to the ledger in one transaction; returns when they are durable."""

    async def __call__(self, *records: Record) -> None: ...


class Ports:
    """``settings``: how switches are asked, as configured now. ``tell``: what is wrong with a port, empty
    when it is well again, for people."""

    def __init__(
        self,
        settings: Callable[[], PoeSettings],
        journal: Journal,
        tell: Callable[[DarkPort, str], None],
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._tell = tell
        self._clock = clock
        self._random = rng
        self._dark: dict[PoePort, DarkPort] = {}
        self._restoring: dict[PoePort, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()

    def take_up(self, left: Iterable[DarkPort]) -> None:
        """Give the ports their power back that the last run left dark."""
        for dark in left:
            self._dark[dark.port] = dark
            self._begin(dark)

    async def take_away(self, port: PoePort, device: DeviceId, rule: str) -> bool:
        """Asks once. True when the switch did it, False when nobody can tell: ``give_back`` must follow.
        ``WireError`` when the port certainly has its power still."""
        if port in self._dark:
            raise WireError(Reason.UNEXPECTED, f"{port} is being treated already")
        try:
            agent = self._agent(port)
            # A harmless question first: it finds out whether the switch answers to us at all.
            if not await agent.powered():
                raise WireError(Reason.UNEXPECTED, f"{port} has been switched off by somebody else")
        except (SnmpError, SecretError) as error:
            raise WireError(Reason.UNEXPECTED, f"{port}: {error}") from error
        dark = self._dark[port] = DarkPort(port, device, rule, self._clock.now().wall)
        try:
            await self._journal(self._step(dark, Step.POWER_OFF), dark)
            await agent.switch(on=False)
        except SetRefused as error:
            del self._dark[port]
            await self._journal(PortLit(port))
            raise WireError(Reason.UNEXPECTED, f"{port}: {error.detail}") from error
        except SnmpError as error:
            log.warning("a switch left open whether it took the power away", port=str(port), why=error.detail)
            return False
        except BaseException:
            self.give_back(port)
            raise
        return True

    def give_back(self, port: PoePort) -> None:
        """Begins to; at once if it is not under way. Nothing is done to a port that is not ours."""
        dark = self._dark.get(port)
        if dark is not None and port not in self._restoring:
            self._begin(dark)

    async def lit(self, device: DeviceId) -> None:
        """Waits until no port of this device is owed power."""
        while waiting := [
            self._restoring[port]
            for port, dark in self._dark.items()
            if dark.device == device and port in self._restoring
        ]:
            await asyncio.wait(waiting)

    async def stop(self) -> None:
        """One last try for each that is dark. What does not work now is done by the next run."""
        self._stopping.set()
        for port in list(self._dark):
            self.give_back(port)
        if self._restoring:
            _, late = await asyncio.wait(self._restoring.values(), timeout=_LAST_TRY_S)
            for task in late:
                task.cancel()

    # ---------------------------------------------------------------- giving power back

    def _begin(self, dark: DarkPort) -> None:
        task = asyncio.create_task(self._restore(dark), name=f"power {dark.port}")
        self._restoring[dark.port] = task
        task.add_done_callback(lambda _: self._restoring.pop(dark.port, None))

    async def _restore(self, dark: DarkPort) -> None:
        pause, failures = _PAUSE_S, 0
        while failed := await self._try(dark.port):
            failures += 1
            if failed.certain or failures >= _TELL_AFTER:
                self._tell(dark, failed.why)
            if self._stopping.is_set():
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
        await self._light(dark)

    async def _light(self, dark: DarkPort) -> None:
        self._dark.pop(dark.port, None)
        await self._journal(self._step(dark, Step.POWER_ON), PortLit(dark.port))
        self._tell(dark, "")

    async def _try(self, port: PoePort) -> _Failed | None:
        """Giving power twice does no harm, and a port that is left dark does."""
        try:
            agent = self._agent(port)
            try:
                await agent.switch(on=True)
            except SnmpError as error:
                with suppress(SnmpError):
                    if await agent.powered():  # the answer was lost, or somebody else did it
                        return None
                return _Failed(error.detail, isinstance(error, SetRefused))
        except (SnmpError, SecretError) as error:
            return _Failed(str(error), certain=True)
        except Exception as error:  # a bug must not leave a camera dark: it is tried again, and told
            log.exception("giving a port its power back broke off", port=str(port))
            return _Failed(type(error).__name__, certain=True)
        return None

    def _agent(self, port: PoePort) -> PortAgent:
        return PortAgent(port, self._settings(), self._random)

    def _step(self, dark: DarkPort, step: Step) -> Remedied:
        now = self._clock.now().wall
        return Remedied(dark.device, now, Action.POE_CYCLE, step, dark.rule, str(dark.port))


@dataclass(frozen=True, slots=True)
class _Failed:
    why: str
    certain: bool
    """Trying again soon will hardly help: people are told at once."""
