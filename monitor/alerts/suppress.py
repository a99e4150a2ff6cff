"""Inhibition, silences and maintenance: what keeps a message back.

Suppression gates sending, never measuring and never resolving, and uses up no budget: when the reason is
gone and the incident is still open, it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from monitor.alerts.incident import Alert
from monitor.alerts.maintenance import MaintenanceSettings
from monitor.model import Device, DeviceId, WallMs
from monitor.rules.online_rate import holds_without
from monitor.select import Selector
from monitor.settings import Section


class InhibitSettings(Section):
    """One ``[[inhibit]]``: while an alert matches ``source``, those that match ``target`` are not told. An
    alert that matches both is not kept back by others that do, so that no two keep each other back."""

    source: Selector
    target: Selector
    equal: tuple[str, ...] = ()
    """Labels in which the two must agree, for example ``["area"]``."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Asked for by a person, for a while."""

    id: int
    match: Selector
    author: str
    reason: str
    begins: WallMs
    ends: WallMs

    def covers(self, alert: Alert, at: WallMs) -> bool:
        return self.begins <= at < self.ends and self.match.matches(alert.all_labels())


@dataclass(slots=True)
class _Now:
    """What holds at one moment, worked out once for all incidents that are looked at then."""

    at: WallMs
    silences: list[Silence]
    windows: Sequence[tuple[MaintenanceSettings, str]]
    sources: list[list[Alert]] | None = None


_HOUR_MS = 3_600_000


@dataclass(slots=True)
class _Open:
    """The windows that are open from ``begins`` to before ``ends``, each with what is to be said of it."""

    begins: WallMs
    ends: WallMs
    windows: Sequence[tuple[MaintenanceSettings, str]]

    @staticmethod
    def at(at: WallMs, maintenance: Sequence[MaintenanceSettings]) -> _Open:
        """Calendars take long to ask, and say the same until a window begins or ends."""
        ends, found = WallMs(at + _HOUR_MS), []
        for window in maintenance:
            span = window.next_span(at)
            if span is None:
                continue
            ends = min(ends, *(edge for edge in span if edge > at))
            if span[0] <= at:
                late = "" if window.announced_before(span) else " (not announced in time)"
                found.append((window, f"maintenance: {window.name}{late}"))
        return _Open(at, ends, found)


@dataclass(slots=True)
class Gate:
    """What may be told now."""

    inhibits: Sequence[InhibitSettings]
    maintenance: Sequence[MaintenanceSettings]
    device: Callable[[DeviceId], Device | None]
    silences: dict[int, Silence] = field(default_factory=dict)
    _now: _Now | None = None
    _open: _Open | None = None

    def changed(self) -> None:
        """Silences or settings are not what they were."""
        self._now = self._open = None

    def next_edge(self, at: WallMs) -> WallMs:
        """When a silence ends or a window begins or ends next, at the latest in an hour."""
        ends = [silence.ends for silence in self.silences.values() if silence.ends > at]
        return min([self._windows(at).ends, *ends])

    def _windows(self, at: WallMs) -> _Open:
        found = self._open
        if found is None or not found.begins <= at < found.ends:
            found = self._open = _Open.at(at, self.maintenance)
        return found

    def closed_for(
        self, alerts: Sequence[Alert], everything: Callable[[], Iterable[Alert]], at: WallMs
    ) -> str:
        """Why an incident of these open alerts is not told now; empty when it may be. ``everything``: all
        open alerts, asked for when there is something to inhibit."""
        if not alerts or not (self.inhibits or self.maintenance or self.silences):
            return ""
        now = self._now
        if now is None or now.at != at:
            now = self._now = _Now(
                at,
                [s for s in self.silences.values() if s.begins <= at < s.ends],
                self._windows(at).windows,
            )
        reason = ""
        for alert in alerts:
            reason = self._held(alert, everything, now)
            if not reason:
                return ""
        return reason

    def _held(self, alert: Alert, everything: Callable[[], Iterable[Alert]], now: _Now) -> str:
        if self._inhibited(alert, everything, now):
            return "inhibited by a graver alert"
        for window, words in now.windows:
            if self._is_work(window, alert):
                return words
        for silence in now.silences:
            if silence.covers(alert, now.at):
                return f"silence {silence.id} by {silence.author}: {silence.reason}"
        return ""

    def _inhibited(self, alert: Alert, everything: Callable[[], Iterable[Alert]], now: _Now) -> bool:
        labels = alert.all_labels()
        for number, rule in enumerate(self.inhibits):
            if not rule.target.matches(labels):
                continue
            if now.sources is None:
                now.sources = self._sources(everything())
            is_source = rule.source.matches(labels)
            for other in now.sources[number]:
                theirs = other.all_labels()
                if other.fingerprint == alert.fingerprint or other.until is not None:
                    continue
                if is_source and rule.target.matches(theirs):
                    continue
                if all(labels.get(label) == theirs.get(label) for label in rule.equal):
                    return True
        return False

    def _sources(self, everything: Iterable[Alert]) -> list[list[Alert]]:
        """For each inhibition the alerts that bring it about."""
        found: list[list[Alert]] = [[] for _ in self.inhibits]
        for alert in everything:
            labels = alert.all_labels()
            for number, rule in enumerate(self.inhibits):
                if rule.source.matches(labels):
                    found[number].append(alert)
        return found

    def _is_work(self, window: MaintenanceSettings, alert: Alert) -> bool:
        if alert.device is not None:
            return self._covers(window, alert.device)
        worked_on = {id_ for id_ in alert.offline if self._covers(window, id_)}
        if not worked_on:
            return False
        if alert.rate is not None:
            # A breach that would be none without the devices being worked on is the work's.
            return holds_without(alert.rate, alert.offline, worked_on)
        return len(worked_on) == len(alert.offline)

    def _covers(self, window: MaintenanceSettings, id_: DeviceId) -> bool:
        device = self.device(id_)
        return device is not None and window.select.selects(device)
