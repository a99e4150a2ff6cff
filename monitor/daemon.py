"""The daemon: starts the rooms, keeps the jobs going, stops them in order. Nothing is decided here.

    schedule → checks → pipeline → ledger → lanes → people
                              └──→ sink

Everything that moves is a task of one group: when one of them dies of a bug it is started again and counted.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from monitor import __version__
from monitor.clock import SystemClock
from monitor.config import Config
from monitor.control.baselines import BaselineCommands
from monitor.control.explain import explain
from monitor.control.incidents import IncidentCommands
from monitor.control.ports import ports_of
from monitor.control.server import ControlServer
from monitor.core import Core
from monitor.deliveries import open_channels
from monitor.export import Exporter
from monitor.guard.guardian import Guardian
from monitor.jobs.accounts import AccountWatch
from monitor.jobs.exclusions import ExclusionWatch
from monitor.jobs.forecaster import Forecaster
from monitor.jobs.keyguard import KeyGuard
from monitor.jobs.learned import Learned
from monitor.jobs.links import Links
from monitor.jobs.lookout import Lookout
from monitor.jobs.paperwork import Paperwork
from monitor.jobs.traps import Traps
from monitor.jobs.verifier import Verifier
from monitor.memory import settle
from monitor.presence import LIMIT_MS
from monitor.reload import Reloader
from monitor.remedies.healer import Healer
from monitor.service.attend import Attendant
from monitor.service.notify import Notifier
from monitor.signs.keeper import SignKeeper
from monitor.status import snapshot
from monitor.storage.ledger.records import RunAlive, RunStarted
from monitor.storage.sink import Sink

log = structlog.get_logger(room="daemon")

_TICK_S = 0.1
_ALIVE_S = 5.0
_STOP_S = 2.0
"""At the end: what sends under way get, and what the disk gets."""


class Daemon:
    """One configuration at work. ``run`` returns after ``stop`` was called."""

    def __init__(
        self,
        config: Config,
        sink: Sink,
        *,
        clock: SystemClock,
        rng: random.Random,
        notifier: Notifier | None = None,
        standby_of: str = "",
    ) -> None:
        """``notifier``: the service manager, where there is one. ``standby_of``: the address of the instance
        that sends while it lives."""
        self._stopping = asyncio.Event()
        self._notifier = notifier or Notifier()
        core = self._core = Core(config, sink, clock, rng)
        self._lookout = Lookout(core)
        self._traps = Traps(core)
        self._exporter = Exporter(core, self._traps)
        self._learned = Learned(core, core.saved.past.alive or core.started.wall)
        self._signs = SignKeeper(core)
        self._attendant = Attendant(core, self._notifier)
        self._guardian = Guardian(core, self._attendant.pulse, standby_of)
        self.reloader = Reloader(core, self._lookout, self._traps, self._notifier)
        links = Links(config.daemon, core.ledger.db)
        self._control = ControlServer(
            config.daemon.control_socket,
            {
                "status": self._cmd_status,
                "reload": self.reloader.command,
                "explain": self._cmd_explain,
                "ports": lambda _: ports_of(core),
                **IncidentCommands(core, links).handlers(),
                **BaselineCommands(core, self._learned).handlers(),
            },
        )
        core.on_results.append(self._signs.on_results)
        core.on_transitions += [self._exporter.changed, self._signs.on_transitions]
        core.on_waking.append(self._guardian.woke)
        core.deliveries.link = links.of
        core.deliveries.gate = self._guardian.admit

    # ---------------------------------------------------------------- life

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._start()
            self._notifier.ready("started, the first sweep is under way")
            ready()
            tasks += [asyncio.create_task(self._keep(*job), name=job[0]) for job in self._jobs().items()]
            tasks.append(asyncio.create_task(self._attendant.run(), name="attend"))
            await self._stopping.wait()
        finally:
            self._notifier.stopping()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close()

    def stop(self) -> None:
        self._stopping.set()

    def _jobs(self) -> dict[str, Callable[[], Awaitable[None]]]:
        core = self._core
        return {
            "tick": self._tick,
            "watch": self._watch_ourselves,
            "sight": self._lookout.run,
            "exclusions": ExclusionWatch(core).run,
            "points": self._exporter.run,
            "learned": self._learned.run,
            "signs": self._signs.run,
            "forecast": Forecaster(core).run,
            "verify": Verifier(core).run,
            "guard": self._guardian.run,
            "accounts": AccountWatch(core).run,
            "remedies": Healer(core, lambda: self._guardian.leads).run,
            "paperwork": Paperwork(core).run,
            "keyguard": KeyGuard(core).run,
        }

    async def _start(self) -> None:
        core, config = self._core, self._core.config
        await self._control.start()
        await self._exporter.start()
        core.ledger.start()
        now = core.clock.now()
        core.health.ticked = core.health.measured = now.mono
        core.ledger.write([RunStarted(core.saved.next_run, now.wall, __version__)])
        await core.deliveries.start(config, open_channels(config))
        core.carry(core.pipeline.begin())
        core.deliveries.take_up(core.saved.pending)
        self._learned.take_up()
        self._signs.take_up()
        core.sink.schema_changed(config.schema)
        core.sink.devices_changed(config.inventory.devices)
        await core.sink.start()
        await self._lookout.start()
        fresh = await core.checks.prepare(config.checks)
        core.checks.configure(config.checks, config.inventory.devices, fresh, core.events)
        self._traps.configure(await self._traps.prepare(config.traps), config.inventory.devices)
        self._traps.take_up()
        settle()
        log.info("started", devices=len(config.inventory), channels=len(config.channels), version=__version__)

    async def _close(self) -> None:
        core = self._core
        await self._traps.stop()
        await core.checks.stop()
        await self._lookout.stop()
        core.resolver.close()
        await asyncio.gather(self._learned.save(), self._signs.save())
        # Side by side, since whoever stops us does not wait for long.
        await asyncio.gather(
            self._control.stop(), self._exporter.stop(), core.deliveries.stop(_STOP_S), core.sink.stop()
        )
        core.ledger.write([RunAlive(core.saved.next_run, core.clock.now().wall, stopped=True)])
        await core.ledger.stop(_STOP_S)
        log.info("stopped")

    async def _keep(self, name: str, job: Callable[[], Awaitable[None]]) -> None:
        """Run a job for ever; one that dies of a bug is logged, counted and started again."""
        while True:
            try:
                await job()
            except Exception:
                self._core.health.task_failures += 1
                log.exception("task died, starting it again", task=name)
                await asyncio.sleep(1.0)

    # ---------------------------------------------------------------- the two pulses

    async def _tick(self) -> None:
        loop, core = asyncio.get_running_loop(), self._core
        while True:
            due = loop.time() + _TICK_S
            now = core.presence.now()
            core.checks.start_rounds()
            core.health.ticked = now.mono
            core.carry(core.pipeline.on_tick(now))
            await asyncio.sleep(max(0.0, due - loop.time()))
            late_ms = (loop.time() - due) * 1000
            if late_ms < LIMIT_MS:  # else we were stopped, which is told as such
                core.health.loop_lag_ms = max(core.health.loop_lag_ms * 0.95, late_ms)

    async def _watch_ourselves(self) -> None:
        core = self._core
        last = core.clock.now()
        while True:
            await asyncio.sleep(1.0)
            now = core.presence.now()
            core.presence.tell(now)
            core.own_trouble("ledger", core.ledger.trouble(), now)
            core.own_trouble("sink", core.sink.trouble(), now)
            core.deliveries.watch_ledger()
            core.resolver.refresh()
            self._traps.tick()
            if now.mono // int(_ALIVE_S * 1000) != last.mono // int(_ALIVE_S * 1000):
                core.ledger.write([RunAlive(core.saved.next_run, now.wall)])
            last = now

    # ---------------------------------------------------------------- commands

    async def _cmd_status(self, arguments: dict[str, Any]) -> Any:
        return {
            **snapshot(self._core),
            "failure_signs": self._signs.status(),
            "traps": self._traps.snapshot(),
        }

    async def _cmd_explain(self, arguments: dict[str, Any]) -> Any:
        return explain(self._core, str(arguments.get("device", "")))
