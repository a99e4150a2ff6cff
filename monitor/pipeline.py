"""The pipeline: results → states → rules → incidents → messages, one step at a time.

Synchronous and pure but for its own memory: results, reference probes and the time go in, a ``Step`` comes
out. The daemon carries steps to the ledger, the lanes, the sink and the schedule; a test carries them
nowhere and replays a month in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isinf

from monitor.alerts.desk import Desk
from monitor.alerts.incident import Fingerprint, Incident
from monitor.alerts.output import Output
from monitor.alerts.policy import Policy
from monitor.alerts.suppress import Silence
from monitor.books.exclusion import Exclusion
from monitor.books.forecast import Forecast
from monitor.fleet import Fleet
from monitor.ladder import Findings, Ladder
from monitor.model import (
    Device,
    DeviceId,
    IncidentId,
    Instant,
    MonoMs,
    Reason,
    Result,
    Severity,
    State,
    WallMs,
)
from monitor.notifiers.notice import OutboxEntry
from monitor.rules.base import RuleSettings, Signal
from monitor.rules.book import RuleBook
from monitor.states import Changes, States, StateSettings, Transition
from monitor.storage.ledger.records import DeviceJoined, DeviceLeft, Record, StateChanged, membership_of
from monitor.tally import Tally
from monitor.uplink import Sight, Uplink


@dataclass(frozen=True, slots=True)
class Plan:
    """The part of the configuration that the pipeline works by."""

    devices: Mapping[DeviceId, Device]
    states: StateSettings
    rules: Sequence[RuleSettings]
    policy: Policy


@dataclass(frozen=True, slots=True)
class Past:
    """What the last run left, as far as the pipeline takes it up (see ``resume``)."""

    alive: WallMs | None = None
    states: Mapping[DeviceId, tuple[State, WallMs]] = field(default_factory=dict)
    memberships: Mapping[DeviceId, tuple[str | int, ...]] = field(default_factory=dict)
    incidents: Sequence[Incident] = ()
    silences: Sequence[Silence] = ()
    next_incident: IncidentId = field(default=IncidentId(1))
    next_message: int = 1
    exclusions: Sequence[Exclusion] = ()


@dataclass(slots=True)
class Step:
    """What one step came to. ``records`` belong in one transaction; ``messages`` go to the lanes once that
    has committed."""

    records: list[Record]
    messages: list[OutboxEntry]
    rechecks: set[tuple[DeviceId, str]]
    transitions: list[Transition]
    opened: list[Incident]
    resolved: list[Incident]

    def __bool__(self) -> bool:
        return bool(self.records or self.messages or self.rechecks or self.transitions)


class Pipeline:
    def __init__(self, plan: Plan, uplink: Uplink, past: Past, now: Instant) -> None:
        self.plan = plan
        self.uplink = uplink
        self.states = States(plan.devices, plan.states, uplink)
        self.states.exclusions.replace(past.exclusions)
        self.states.exclude(now.wall)
        self.fleet = Fleet(self.states)
        self.tally = Tally(self.states)
        self.ladder = Ladder(self.states)
        self.desk = Desk(
            plan.policy,
            self.fleet,
            next_incident=past.next_incident,
            next_message=past.next_message,
        )
        self._own: dict[Fingerprint, WallMs] = {}
        self.desk.teller.pauses.replace(past.exclusions)
        self._first = self._resume(past, now)

    def _resume(self, past: Past, now: Instant) -> Step:
        """Take up the last run: time since it ended is booked as not measured."""
        records: list[Record] = list(_memberships(past.memberships, self.plan.devices, now))
        for id_, (state, since) in past.states.items():
            track = self.states.tracks.get(id_)
            if track is None:
                continue
            track.since = max(since, past.alive or since)
            if state is not State.UNKNOWN:
                records.append(StateChanged(id_, track.since, State.UNKNOWN, Reason.OWN_LOSS, "not running"))
        records.extend(_new(self.plan.devices.keys() - past.states.keys(), now))
        self.states.start(now)
        self._new_book(None)
        self.desk.restore(past.incidents, past.silences, now)
        own = {f"{OWN}{name}" for name in OWN_TROUBLES}
        self.desk.end_rules_except([*self.book.rules, *own], now)
        self.desk.on_signals(_final(self.book.restore(self.desk.firing())), now)
        for rule, keys in self.desk.firing().items():
            if rule in own:
                self._own.update({Fingerprint(rule, key): since for key, since in keys})
        return self._step(Changes(), records)

    def _new_book(self, old: RuleBook | None) -> None:
        book = RuleBook(self.plan.rules, self.states)
        if old is not None:
            book.inherit(old)
        self.book = book
        self.desk.rate_now = lambda fingerprint: book.rate(*fingerprint)

    def begin(self) -> Step:
        """The first step, made by taking up the last run."""
        return self._first

    # ---------------------------------------------------------------- steps

    def on_results(self, results: Sequence[Result], now: Instant) -> Step:
        self.uplink.observe_devices(results, now)
        changes = self.states.apply(results, now)
        signals = self.book.on_changes(changes, now)
        signals += self.book.on_results(results, now)
        signals += self._climb(Findings() if self.states.blind else self.ladder.apply(results), changes, now)
        self.desk.on_signals(signals, now)
        self.desk.on_flaps(changes.flaps, now)
        if signals:
            self.desk.on_tick(now)
        return self._step(changes)

    def _climb(self, found: Findings, changes: Changes, now: Instant) -> list[Signal]:
        """What the ladder has found: faults for the rules, and what it wants asked again."""
        changes.rechecks |= found.rechecks
        return self.book.on_faults(found.changes, now)

    def on_references(self, results: Sequence[Result], now: Instant) -> None:
        self.uplink.observe(results, now)

    def on_exclusions(self, found: Sequence[Exclusion], now: Instant) -> None:
        """The ledger's exclusions as they stand: who is left out of the rates, and whose clocks stand still,
        from the next tick on."""
        self.states.exclusions.replace(found)
        teller = self.desk.teller
        if teller.pauses.replace(found):
            teller.review(now)

    def on_forecasts(self, rule: str, found: Mapping[str, Forecast], passed_s: int, now: Instant) -> Step:
        """Where the month will end, by the ledger, for one rule; the rule may be gone by now."""
        for forecaster in self.book.forecasters:
            if forecaster.settings.name == rule:
                self.desk.on_signals(forecaster.on_forecasts(found, passed_s, now), now)
        return self._step(Changes())

    def on_tick(self, now: Instant) -> Step:
        """Time has passed: call a few times a second."""
        changes = self._look(now)
        if changes is None:
            changes = self.states.tick(now)
        self.desk.on_signals(self.book.on_changes(changes, now), now)
        self.desk.on_signals(self._climb(self.ladder.tick(), changes, now), now)
        self.desk.on_signals(self.book.on_tick(now), now)
        self.desk.on_flaps(changes.flaps, now)
        self.desk.on_tick(now)
        return self._step(changes)

    def _look(self, now: Instant) -> Changes | None:
        """Are we blind? Then nothing is known of any device since our last sight."""
        sight, since = self.uplink.judge(now)
        if sight is Sight.BLIND and not self.states.blind:
            changes = self.states.lose_sight(since, now)
            self.ladder.forget_failures()
            self.own_trouble("blind", True, since, now)
            return changes
        if sight is Sight.CLEAR:
            if self.states.blind:
                self.states.regain_sight(now)
            self.own_trouble("blind", False, now.wall, now)
        return None

    def time_lost(self, since: WallMs, now: Instant) -> Step:
        """Nobody measured between ``since`` and now (we stood still, the clock was set forward)."""
        changes = self.states.forget_all(since, Reason.OWN_LOSS, now)
        self.ladder.forget_failures()
        self.desk.on_signals(self.book.on_changes(changes, now), now)
        return self._step(changes)

    def own_trouble(
        self,
        name: str,
        firing: bool,
        since: WallMs,
        now: Instant,
        detail: str = "",
        subject: str = "Camwatch",
    ) -> None:
        """Something is wrong with Camwatch itself (``subject``: with which part): an alert of its own kind.
        ``name`` is one of ``OWN_TROUBLES``; takes effect with the next step."""
        fingerprint = Fingerprint(OWN + name, (("camwatch", subject),))
        if firing == (fingerprint in self._own):
            return
        if firing:
            self._own[fingerprint] = since
        else:
            since = self._own.pop(fingerprint)
        signal = Signal(
            rule=fingerprint.rule,
            cause=name,
            severity=OWN_TROUBLES[name],
            key=fingerprint.key,
            firing=firing,
            since=since,
            subject=subject,
            detail=detail,
        )
        self.desk.on_signals([signal], now)

    def own_subjects(self, name: str) -> list[str]:
        """The parts that are in the trouble of that name now."""
        return [subject for rule, key in self._own if rule == OWN + name for _, subject in key]

    def idle_until(self, now: Instant) -> MonoMs | None:
        """Unless results come, nothing happens before then (``None``: ever): for replays."""
        if self.states.undecided or self.states.blind or self.book.busy() or self.ladder.waiting:
            return now.mono
        dues = [due for due in (self.desk.idle_until(), self._next_exclusion(now)) if due is not None]
        return min(dues, default=None)

    def _next_exclusion(self, now: Instant) -> MonoMs | None:
        due = self.states.exclusions.next_due
        return None if isinf(due) and due > 0 else MonoMs(now.mono + int(max(0.0, due - now.wall)))

    def by_hand(self, act: Callable[[Desk], object], now: Instant) -> Step:
        """Something that a person does at the desk."""
        act(self.desk)
        self.desk.on_tick(now)
        return self._step(Changes())

    def reload(self, plan: Plan, uplink: Uplink, now: Instant) -> Step:
        """A new configuration: devices, incidents and alerts go on by id and fingerprint."""
        old = {id_: membership_of(device) for id_, device in self.plan.devices.items()}
        records: list[Record] = list(_memberships(old, plan.devices, now))
        records.extend(_new(plan.devices.keys() - self.plan.devices.keys(), now))
        self.plan, self.uplink = plan, uplink
        self.states.settings, self.states.uplink = plan.states, uplink
        self.states.reload(plan.devices)
        self.states.start(now)
        self.ladder.reload(plan.devices)
        self.tally = Tally(self.states)
        self.desk.reload(plan.policy, now)
        self._new_book(self.book)
        self.desk.end_rules_except([*self.book.rules, *(OWN + name for name in OWN_TROUBLES)], now)
        self.desk.on_signals(_final(self.book.restore(self.desk.firing())), now)
        self.desk.on_signals(self.book.on_faults(self.ladder.current(), now), now)
        return self._step(Changes(), records)

    def _step(self, changes: Changes, records: list[Record] | None = None) -> Step:
        self.tally.apply(changes.transitions)
        booked: list[Record] = records or []
        booked.extend(
            StateChanged(t.device, t.at, t.after, t.reason, t.detail, t.parent)
            for t in changes.transitions
            if t.before is not t.after
        )
        out: Output = self.desk.take()
        booked.extend(out.records)
        return Step(booked, out.messages, changes.rechecks, changes.transitions, out.opened, out.resolved)


OWN = "camwatch."
OWN_TROUBLES = {
    "blind": Severity.CRITICAL,
    "ledger": Severity.CRITICAL,
    "sink": Severity.MAJOR,
    "channel": Severity.MAJOR,
    "clock": Severity.WARNING,
    "pause": Severity.WARNING,
    "overrun": Severity.WARNING,
    "disk": Severity.MAJOR,
    "descriptors": Severity.MAJOR,
    "memory": Severity.MAJOR,
    "lag": Severity.WARNING,
    "ntp": Severity.WARNING,
    "task": Severity.WARNING,
    "heartbeat": Severity.WARNING,
    "peer": Severity.CRITICAL,
    "credential": Severity.MAJOR,
    "paper": Severity.WARNING,
    "poe_port": Severity.MAJOR,
}
"""What can be wrong with Camwatch itself, and how grave that is."""


def _final(ends: Iterable[Signal]) -> list[Signal]:
    """Of alerts that can fire no longer."""
    return [replace(signal, final=True) for signal in ends]


def _new(devices: Iterable[DeviceId], now: Instant) -> Iterable[Record]:
    for id_ in devices:
        yield StateChanged(id_, now.wall, State.UNKNOWN, Reason.OWN_LOSS, "new")


def _memberships(
    old: Mapping[DeviceId, tuple[str | int, ...]], new: Mapping[DeviceId, Device], now: Instant
) -> Iterable[Record]:
    """Who joined, who left, who changed: reports count each device by what it was at the time."""
    for id_ in old.keys() - new.keys():
        yield DeviceLeft(id_, now.wall)
    for id_, device in new.items():
        if id_ not in old:
            yield DeviceJoined(device, now.wall)
        elif old[id_] != membership_of(device):
            yield DeviceLeft(id_, now.wall)
            yield DeviceJoined(device, now.wall)
