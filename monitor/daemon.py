"""The daemon: wires the rooms together. Nothing is decided here.

    schedule → checks → pipeline → ledger → lanes → people
                              └──→ sink

Everything that moves is a task of one group: when one of them dies of a bug it is started again and counted.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from monitor import __version__
from monitor.alerts.desk import Desk
from monitor.checks import Checks
from monitor.clock import SystemClock
from monitor.collectors.base import Collector, Env
from monitor.config import Config, ConfigError, load
from monitor.control.baselines import BaselineCommands
from monitor.control.explain import explain
from monitor.control.incidents import IncidentCommands
from monitor.control.ports import ports_of
from monitor.control.server import ControlServer
from monitor.control.wire import ControlError
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
from monitor.jobs.paperwork import Paperwork
from monitor.jobs.traps import Traps
from monitor.jobs.verifier import Verifier
from monitor.memory import settle
from monitor.model import DeviceId, Instant, Result, Target, WallMs
from monitor.notifiers.notice import OutboxEntry
from monitor.pipeline import Pipeline, Step
from monitor.points import incident_point
from monitor.remedies.healer import Healer
from monitor.resolve import Resolver
from monitor.resume import Saved, resume
from monitor.schedule import Schedule
from monitor.secrets import SecretError
from monitor.service.attend import Attendant
from monitor.service.notify import Notifier
from monitor.sight import SightWatch, default_route, open_eyes, reference_devices
from monitor.signs.keeper import SignKeeper
from monitor.status import snapshot
from monitor.storage.ledger import Ledger
from monitor.storage.ledger.records import RunAlive, RunStarted
from monitor.storage.sink import Sink
from monitor.uplink import Uplink

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
        self._eyes: Collector | None = None
        self.uplink = self._new_uplink(config)
        self.keyguard = KeyGuard(self)
        self.pipeline = Pipeline(self.keyguard.plan(), self.uplink, saved.past, now)
        self.schedule = Schedule()
        self.resolver = Resolver(clock)
        self.checks = Checks(Env(clock, rng), self.resolver, self.schedule, self._on_results)
        self.traps = Traps(self, Env(clock, rng))
        self.links = Links(config.daemon, self.ledger.db)
        self.deliveries = Deliveries(self.ledger, clock, rng, self._on_channel_health, self._on_dead)
        self.deliveries.link = self.links.of
        self.control = ControlServer(
            config.daemon.control_socket,
            {
                "status": self._cmd_status,
                "reload": self._cmd_reload,
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
        self._sight_task: asyncio.Task[None] | None = None
        self._reloading = asyncio.Lock()
        self.started = now

    def _new_uplink(self, config: Config) -> Uplink:
        settings = config.daemon.uplink
        self._references = reference_devices(settings.references, config.inventory.devices)
        return Uplink(settings, has_references=bool(self._references) and self._eyes is not None)

    # ---------------------------------------------------------------- life

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        jobs: list[asyncio.Task[None]] = []
        try:
            await self.start()
            self.notifier.ready("started, the first sweep is under way")
            ready()
            jobs += [
                asyncio.create_task(self._keep(self._tick), name="tick"),
                asyncio.create_task(self._keep(self._watch_ourselves), name="watch"),
                asyncio.create_task(self._keep(ExclusionWatch(self).run), name="exclusions"),
                asyncio.create_task(self._keep(self.exporter.run), name="points"),
                asyncio.create_task(self._keep(self.learned.run), name="learned"),
                asyncio.create_task(self._keep(self.signs.run), name="signs"),
                asyncio.create_task(self._keep(Forecaster(self).run), name="forecast"),
                asyncio.create_task(self._keep(Verifier(self).run), name="verify"),
                asyncio.create_task(self._keep(self.guardian.run), name="guard"),
                asyncio.create_task(self._keep(AccountWatch(self).run), name="accounts"),
                asyncio.create_task(self._keep(Healer(self).run), name="remedies"),
                asyncio.create_task(self._keep(Paperwork(self).run), name="paperwork"),
                asyncio.create_task(self._keep(self.keyguard.run), name="keyguard"),
                asyncio.create_task(self.attendant.run(), name="attend"),
            ]
            await self._stopping.wait()
        finally:
            self.notifier.stopping()
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            await self._close()

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
        self._eyes = await open_eyes(Env(self.clock, self.rng))
        self.uplink.has_references = bool(self._references) and self._eyes is not None
        fresh = await self.checks.prepare(config.checks)
        self.checks.configure(config.checks, config.inventory.devices, fresh, self.keyguard.events)
        self._watch_sight()
        self.traps.configure(await self.traps.prepare(config.traps), config.inventory.devices)
        self.traps.take_up()
        settle()
        log.info("started", devices=len(config.inventory), channels=len(config.channels), version=__version__)

    async def _close(self) -> None:
        if self._sight_task is not None:
            self._sight_task.cancel()
        await self.traps.stop()
        await self.checks.stop()
        if self._eyes is not None:
            await self._eyes.stop()
        self.resolver.close()
        await asyncio.gather(self.learned.save(), self.signs.save())
        # Side by side, since whoever stops us does not wait for long.
        await asyncio.gather(
            self.control.stop(), self.exporter.stop(), self.deliveries.stop(_STOP_S), self.sink.stop()
        )
        self.ledger.write([RunAlive(self._run_id, self.clock.now().wall, stopped=True)])
        await self.ledger.stop(_STOP_S)
        log.info("stopped")

    async def _keep(self, job: Callable[[], Awaitable[None]]) -> None:
        """Run a job for ever; one that dies of a bug is logged, counted and started again."""
        while True:
            try:
                await job()
            except Exception:
                self.health.task_failures += 1
                log.exception("task died, starting it again", task=job.__name__)
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

    def _watch_sight(self) -> None:
        if self._sight_task is not None:
            self._sight_task.cancel()
        self.resolver.watch({d.address for d in (*self.config.inventory.devices.values(), *self._references)})
        interface = self.config.daemon.uplink.interface or default_route()[0]
        watch = SightWatch(interface, self._eyes, self._reference_targets, self._on_sight)
        self._sight_task = asyncio.create_task(self._keep(watch.run), name="sight")

    def _reference_targets(self) -> list[Target]:
        found = ((device, self.resolver.ip(device.address)) for device in self._references)
        return [Target(device, ip) for device, ip in found if ip is not None]

    def _on_sight(self, carrier: bool, results: Sequence[Result]) -> None:
        now = self.presence.now()
        self.uplink.observe_carrier(carrier, now)
        self.pipeline.on_references(results, now)

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

    async def _cmd_reload(self, arguments: dict[str, Any]) -> Any:
        return await self.reload()

    async def reload(self) -> dict[str, Any]:
        """Read, validate, swap. On an error the old configuration goes on, and ``ControlError`` says why."""
        async with self._reloading:
            self.notifier.reloading()
            try:
                return await self._reload()
            except (ConfigError, SecretError, OSError) as error:
                log.error("reload refused, the old configuration goes on", why=str(error))
                raise ControlError(str(error)) from error
            finally:
                self.notifier.ready()

    async def _reload(self) -> dict[str, Any]:
        old, config = self.config, await asyncio.to_thread(load, self.config.path)
        # Whatever can fail comes first, and changes nothing.
        channels = open_channels(config)
        receiver = await self.traps.prepare(config.traps)
        try:
            fresh = await self.checks.prepare(config.checks)
        except BaseException:
            self.traps.abandon(receiver)
            raise
        before, after = old.inventory.devices, config.inventory.devices
        self.config = config
        self._renew_uplink(old, config)
        self.sink.schema_changed(config.schema)
        self.sink.devices_changed(after)
        self.carry(self.pipeline.reload(self.keyguard.plan(), self.uplink, self.clock.now()))
        replaced = self.checks.configure(config.checks, after, fresh, self.keyguard.events)
        self._watch_sight()
        self.traps.configure(receiver, after)
        for collector in replaced:
            await collector.stop()
        await self.deliveries.reconfigure(channels)
        settle()
        result = {
            "added": len(after.keys() - before.keys()),
            "removed": len(before.keys() - after.keys()),
            "changed": sum(1 for id_ in after.keys() & before.keys() if after[id_] != before[id_]),
            "restart_for": _only_by_restart(old, config),
        }
        log.info("reloaded", **result)
        return result

    def _renew_uplink(self, old: Config, config: Config) -> None:
        """What is known of our sight stays, unless it is now judged by other things."""
        references = [device.address for device in self._references]
        uplink = self._new_uplink(config)
        same = references == [device.address for device in self._references]
        if not same or old.daemon.uplink != config.daemon.uplink:
            self.uplink = uplink


def _only_by_restart(old: Config, new: Config) -> list[str]:
    """Sections that have changed and are only read at start-up."""
    before, after = old.daemon, new.daemon
    changed = [
        f"daemon.{name}"
        for name in ("language", "timezone", "base_url", "state_dir", "run_dir", "log", "peer")
        if getattr(before, name) != getattr(after, name)
    ]
    return changed + (["sink"] if old.sink != new.sink else [])
