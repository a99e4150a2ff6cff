"""What every job and command of the daemon works on: the configuration in force, the rooms that the data
passes, and the one way by which a step becomes books, messages, probes and points.

    results → pipeline → step → ledger → lanes
                           └──→ schedule, sink
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from monitor.alerts.desk import Desk
from monitor.checks import Checks
from monitor.clock import SystemClock
from monitor.collectors.base import Env
from monitor.config import Config
from monitor.deliveries import Deliveries
from monitor.key_event import KeyEvent, guarded, in_force
from monitor.model import DeviceId, Instant, MonoMs, Result, WallMs
from monitor.notifiers.notice import OutboxEntry
from monitor.pipeline import Pipeline, Plan, Step
from monitor.points import incident_point
from monitor.presence import Presence
from monitor.resolve import Resolver
from monitor.resume import resume
from monitor.schedule import Schedule
from monitor.states import Transition
from monitor.storage.ledger import Ledger
from monitor.storage.sink import Sink
from monitor.uplink import Uplink

log = structlog.get_logger(room="core")

T = TypeVar("T")


@dataclass(slots=True)
class Health:
    """Figures about ourselves."""

    loop_lag_ms: float = 0.0
    task_failures: int = 0
    ticked: int = 0
    measured: int = 0
    """When the daemon last looked, and a sweep last brought results: on the clock of timers."""


class Core:
    """One configuration, and what works by it. Nothing here moves by itself: the daemon's jobs do."""

    def __init__(self, config: Config, sink: Sink, clock: SystemClock, rng: random.Random) -> None:
        self.config = config
        self.sink = sink
        self.clock = clock
        self.rng = rng
        self.env = Env(clock, rng)
        self.started = clock.now()
        self.health = Health()
        self.ledger = Ledger(config.daemon.state_dir / "ledger.db")
        self.saved = resume(self.ledger.db)
        self.events: tuple[KeyEvent, ...] = ()
        """Key events in force as of the last plan."""
        self.uplink = Uplink(config.daemon.uplink, has_references=False)
        self.pipeline = Pipeline(self._plan(), self.uplink, self.saved.past, self.started)
        self.schedule = Schedule()
        self.resolver = Resolver(clock)
        self.checks = Checks(self.env, self.resolver, self.schedule, self._on_results)
        self.deliveries = Deliveries(self.ledger, clock, rng, self._on_channel_health, self._on_dead)
        self.presence = Presence(clock, self._time_lost, self.own_trouble)
        self.on_results: list[Callable[[Sequence[Result]], None]] = []
        self.on_transitions: list[Callable[[Sequence[Transition]], None]] = []
        self.on_waking: list[Callable[[MonoMs], None]] = []
        """Called when time has gone by without us."""

    # ---------------------------------------------------------------- the way of the data

    def _on_results(self, results: list[Result]) -> None:
        now = self.presence.now()
        self.health.measured = now.mono
        self.sink.write_results(results)
        for listener in self.on_results:
            listener(results)
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
            for listener in self.on_transitions:
                listener(step.transitions)
        points = [incident_point(i, now.wall) for i in (*step.opened, *step.resolved)]
        if points:
            self.sink.write_points(points)

    def at_desk(self, act: Callable[[Desk, Instant], T], now: Instant) -> T:
        """Something that a person does; what ``act`` returns."""
        answers: list[T] = []
        self.carry(self.pipeline.by_hand(lambda desk: answers.append(act(desk, now)), now))
        return answers[0]

    def replan(self) -> None:
        """Go on by the configuration, the key events and the uplink as they are now."""
        self.carry(self.pipeline.reload(self._plan(), self.uplink, self.clock.now()))

    def _plan(self) -> Plan:
        config = self.config
        self.events = self.events_now()
        plan = Plan(config.inventory.devices, config.states, config.rules, config.policy)
        return guarded(plan, self.events)

    def events_now(self) -> tuple[KeyEvent, ...]:
        return in_force(self.config.key_events, self.clock.now().wall)

    # ---------------------------------------------------------------- ourselves

    def own_trouble(self, name: str, trouble: str, now: Instant) -> None:
        """``trouble``: what is wrong with this part of us; empty: nothing."""
        self.pipeline.own_trouble(name, bool(trouble), now.wall, now, trouble)

    def troubles(self) -> str:
        """What is wrong with us now, in a few words; empty when all is well."""
        found = {"ledger": self.ledger.trouble(), "sink": self.sink.trouble()}
        words = [f"{name}: {trouble}" for name, trouble in found.items() if trouble]
        return "; ".join(["our own uplink is lost", *words] if self.pipeline.states.blind else words)

    def _time_lost(self, since: WallMs, now: Instant) -> None:
        """Nobody measured between ``since`` and now; nor could any part of us show that it is alive."""
        self.health.ticked = self.health.measured = now.mono
        for listener in self.on_waking:
            listener(now.mono)
        self.carry(self.pipeline.time_lost(since, now))

    def _on_channel_health(self, channel: str, failing: bool, detail: str) -> None:
        now = self.clock.now()
        self.pipeline.own_trouble("channel", failing, now.wall, now, detail, subject=channel)

    def _on_dead(self, entry: OutboxEntry) -> None:
        self.carry(self.pipeline.by_hand(lambda desk: desk.message_died(entry), self.clock.now()))
