"""The daemon: wires the rooms together. Nothing is decided here.

    schedule → checks → pipeline → ledger → lanes → people
                              └──→ sink

Everything that moves is a task of one group: when one of them dies of a bug it is started again and counted.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from monitor import __version__
from monitor.alerts.desk import Desk
from monitor.checks import Checks
from monitor.clock import SystemClock
from monitor.collectors.base import Env
from monitor.config import Config
from monitor.control.baselines import BaselineCommands
from monitor.control.explain import explain
from monitor.control.incidents import IncidentCommands
from monitor.control.ports import ports_of
from monitor.control.server import ControlServer
from monitor.deliveries import Deliveries, open_channels
from monitor.export import Exporter
from monitor.guard.guardian import Guardian
from monitor.jobs.accounts import AccountWatch
from monitor.jobs.exclusions import ExclusionWatch
from monitor.jobs.forecaster import Forecaster
from monitor.jobs.keyguard import KeyGuard
from monitor.jobs.lapse import LIMIT_MS, Presence
from monitor.jobs.learned import Learned
from monitor.jobs.links import Links
from monitor.jobs.lookout import Lookout
from monitor.jobs.paperwork import Paperwork
from monitor.jobs.traps import Traps
from monitor.jobs.verifier import Verifier
from monitor.memory import settle
from monitor.model import DeviceId, Instant, Result, WallMs
from monitor.notifiers.notice import OutboxEntry
from monitor.pipeline import Pipeline, Step
from monitor.points import incident_point
from monitor.reload import Reloader
from monitor.remedies.healer import Healer
from monitor.resolve import Resolver
from monitor.resume import Saved, resume
from monitor.schedule import Schedule
from monitor.service.attend import Attendant
from monitor.service.notify import Notifier
from monitor.signs.keeper import SignKeeper
from monitor.status import snapshot
from monitor.storage.ledger import Ledger
from monitor.storage.ledger.records import RunAlive, RunStarted
from monitor.storage.sink import Sink

log = structlog.get_logger(room="daemon")

_TICK_S = 0.1
_ALIVE_S = 5.0
_STOP_S = 2.0
"""At the end: what sends under way get, and what the disk gets."""


@dataclass(slots=True)
class Health:
    """Figures about ourselves."""

    loop_lag_ms: float = 0.0
    task_failures: int = 0
    ticked: int = 0
    measured: int = 0
    """When the daemon last looked, and a sweep last brought results: on the clock of timers."""


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
        self.config = config
        self.notifier = notifier or Notifier()
        self.clock = clock
        self.sink = sink
        self.health = Health()
        self.rng = rng
        self._stopping = asyncio.Event()
        self.ledger = Ledger(config.daemon.state_dir / "ledger.db")
        saved = resume(self.ledger.db)
        self._run_id = saved.next_run
        self._saved: Saved = saved
        now = clock.now()
        self.lookout = Lookout(self, Env(clock, rng))
        self.keyguard = KeyGuard(self)
        self.pipeline = Pipeline(self.keyguard.plan(), self.lookout.uplink, saved.past, now)
        self.schedule = Schedule()
        self.resolver = Resolver(clock)
        self.checks = Checks(Env(clock, rng), self.resolver, self.schedule, self._on_results)
        self.traps = Traps(self, Env(clock, rng))
        self.links = Links(config.daemon, self.ledger.db)
        self.deliveries = Deliveries(self.ledger, clock, rng, self._on_channel_health, self._on_dead)
        self.deliveries.link = self.links.of
        self.reloader = Reloader(self)
        self.control = ControlServer(
            config.daemon.control_socket,
            {
                "status": self._cmd_status,
                "reload": self.reloader.command,
                "explain": self._cmd_explain,
                "ports": lambda _: ports_of(self),
                **IncidentCommands(self).handlers(),
                **BaselineCommands(self).handlers(),
            },
        )
        self.exporter = Exporter(self)
        self.learned = Learned(self, saved.past.alive or now.wall)
        self.signs = SignKeeper(self)
        self.presence = Presence(clock, self._time_lost, self._own)
        self.attendant = Attendant(self, self.notifier)
        self.guardian = Guardian(self, standby_of)
        self.deliveries.gate = self.guardian.admit
        self.started = now

    # ---------------------------------------------------------------- life

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        tasks: list[asyncio.Task[None]] = []
        try:
            await self.start()
            self.notifier.ready("started, the first sweep is under way")
            ready()
            tasks += [asyncio.create_task(self._keep(*job), name=job[0]) for job in self._jobs().items()]
            tasks.append(asyncio.create_task(self.attendant.run(), name="attend"))
            await self._stopping.wait()
        finally:
            self.notifier.stopping()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close()

    def _jobs(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "tick": self._tick,
            "watch": self._watch_ourselves,
            "sight": self.lookout.run,
            "exclusions": ExclusionWatch(self).run,
            "points": self.exporter.run,
            "learned": self.learned.run,
            "signs": self.signs.run,
            "forecast": Forecaster(self).run,
            "verify": Verifier(self).run,
            "guard": self.guardian.run,
            "accounts": AccountWatch(self).run,
            "remedies": Healer(self).run,
            "paperwork": Paperwork(self).run,
            "keyguard": self.keyguard.run,
        }

    def stop(self) -> None:
        self._stopping.set()

    async def start(self) -> None:
        config = self.config
        await self.control.start()
        await self.exporter.start()
        self.ledger.start()
        now = self.clock.now()
        self.health.ticked = self.health.measured = now.mono
        self.ledger.write([RunStarted(self._run_id, now.wall, __version__)])
        await self.deliveries.start(config, open_channels(config))
        self.carry(self.pipeline.begin())
        self.deliveries.take_up(self._saved.pending)
        self.learned.take_up()
        self.signs.take_up()
        self.sink.schema_changed(config.schema)
        self.sink.devices_changed(config.inventory.devices)
        await self.sink.start()
        await self.lookout.start()
        fresh = await self.checks.prepare(config.checks)
        self.checks.configure(config.checks, config.inventory.devices, fresh, self.keyguard.events)
        self.traps.configure(await self.traps.prepare(config.traps), config.inventory.devices)
        self.traps.take_up()
        settle()
        log.info("started", devices=len(config.inventory), channels=len(config.channels), version=__version__)

    async def _close(self) -> None:
        await self.traps.stop()
        await self.checks.stop()
        await self.lookout.stop()
        self.resolver.close()
        await asyncio.gather(self.learned.save(), self.signs.save())
        # Side by side, since whoever stops us does not wait for long.
        await asyncio.gather(
            self.control.stop(), self.exporter.stop(), self.deliveries.stop(_STOP_S), self.sink.stop()
        )
        self.ledger.write([RunAlive(self._run_id, self.clock.now().wall, stopped=True)])
        await self.ledger.stop(_STOP_S)
        log.info("stopped")

    async def _keep(self, name: str, job: Callable[[], Awaitable[None]]) -> None:
        """Run a job for ever; one that dies of a bug is logged, counted and started again."""
        while True:
            try:
                await job()
            except Exception:
                self.health.task_failures += 1
                log.exception("task died, starting it again", task=name)
                await asyncio.sleep(1.0)

    # ---------------------------------------------------------------- the way of the data

    def _on_results(self, results: list[Result]) -> None:
        now = self.presence.now()
        self.health.measured = now.mono
        self.sink.write_results(results)
        self.signs.on_results(results)
        step = self.pipeline.on_results(results, now)
        self.carry(step, {(r.device, r.check): r.at for r in results} if step.rechecks else {})

    def carry(self, step: Step, sent: Mapping[tuple[DeviceId, str], WallMs] | None = None) -> None:
        """A step's books to the ledger, its messages to the lanes, its wishes to the schedule.

        ``sent``: when the probes went out whose results made this step. Another probe of the same device
        follows ``recheck`` after that, as echoes a second apart do; of its parents or children, at once.
        """
        if not step:
            return
        self.deliveries.queue(step.records, step.messages)
        now = self.clock.now()
        pause = int(self.config.states.recheck * 1000)
        for key in step.rechecks:
            waited = 0 if sent is None else now.wall - sent.get(key, WallMs(0))
            self.schedule.soon(*key, max(0, pause - waited), now)
        for incident in step.opened:
            log.info("incident opened", incident=incident.id, cause=incident.cause, subject=incident.subject,
                     place=incident.place, severity=incident.severity.label)  # fmt: skip
        for incident in step.resolved:
            log.info("incident resolved", incident=incident.id, cause=incident.cause,
                     subject=incident.subject)  # fmt: skip
        if step.transitions:
            self.exporter.changed(step.transitions)
            self.signs.on_transitions(step.transitions)
        points = [incident_point(i, now.wall) for i in (*step.opened, *step.resolved)]
        if points:
            self.sink.write_points(points)

    def replan(self) -> None:
        """Go on by the configuration, and the key events in force, as they are now."""
        self.carry(self.pipeline.reload(self.keyguard.plan(), self.lookout.uplink, self.clock.now()))

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _TICK_S
            now = self.presence.now()
            self.checks.start_rounds()
            self.health.ticked = now.mono
            self.carry(self.pipeline.on_tick(now))
            await asyncio.sleep(max(0.0, due - loop.time()))
            late_ms = (loop.time() - due) * 1000
            if late_ms < LIMIT_MS:  # else we were stopped, which is told as such
                self.health.loop_lag_ms = max(self.health.loop_lag_ms * 0.95, late_ms)

    # ---------------------------------------------------------------- ourselves

    async def _watch_ourselves(self) -> None:
        last = self.clock.now()
        while True:
            await asyncio.sleep(1.0)
            now = self.presence.now()
            self.presence.tell(now)
            self._own("ledger", self.ledger.trouble(), now)
            self._own("sink", self.sink.trouble(), now)
            self.deliveries.watch_ledger()
            self.resolver.refresh()
            self.traps.tick()
            if now.mono // int(_ALIVE_S * 1000) != last.mono // int(_ALIVE_S * 1000):
                self.ledger.write([RunAlive(self._run_id, now.wall)])
            last = now

    def _own(self, name: str, trouble: str, now: Instant) -> None:
        self.pipeline.own_trouble(name, bool(trouble), now.wall, now, trouble)

    def _time_lost(self, since: WallMs, now: Instant) -> None:
        """Nobody measured between ``since`` and now; nor could any part of us show that it is alive."""
        self.health.ticked = self.health.measured = now.mono
        self.guardian.woke(now.mono)
        self.carry(self.pipeline.time_lost(since, now))

    def _on_channel_health(self, channel: str, failing: bool, detail: str) -> None:
        now = self.clock.now()
        self.pipeline.own_trouble("channel", failing, now.wall, now, detail, subject=channel)

    def troubles(self) -> str:
        """What is wrong with us now, in a few words; empty when all is well."""
        found = {"ledger": self.ledger.trouble(), "sink": self.sink.trouble()}
        words = [f"{name}: {trouble}" for name, trouble in found.items() if trouble]
        return "; ".join(["our own uplink is lost", *words] if self.pipeline.states.blind else words)

    # ---------------------------------------------------------------- commands

    async def _cmd_status(self, arguments: dict[str, Any]) -> Any:
        return snapshot(self)

    async def _cmd_explain(self, arguments: dict[str, Any]) -> Any:
        return explain(self, str(arguments.get("device", "")))

    def at_desk(self, act: Callable[[Desk, Instant], Any], now: Instant) -> Any:
        """Something that a person does; what ``act`` returns."""
        answers: list[Any] = []
        self.carry(self.pipeline.by_hand(lambda desk: answers.append(act(desk, now)), now))
        return answers[0]

    def _on_dead(self, entry: OutboxEntry) -> None:
        self.carry(self.pipeline.by_hand(lambda desk: desk.message_died(entry), self.clock.now()))
