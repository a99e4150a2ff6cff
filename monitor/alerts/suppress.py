"""Inhibition, silences and maintenance: what keeps a message back.

Suppression gates sending, never measuring and never resolving, and uses up no budget: when the reason is
gone and the incident is still open, it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from monitor.alerts.incident import Alert
from monitor.alerts.maintenance import MaintenanceSettings
from monitor.model import Device, DeviceId, WallMs
from monitor.rules.online_rate import holds_without
from monitor.select import Selector
from monitor.settings import Section


class InhibitSettings(Section):
    """One ``[[inhibit]]``: while an alert matches ``source``, those that match ``target`` are not told."""

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
class Gate:
    """What may be told now."""

    inhibits: Sequence[InhibitSettings]
    maintenance: Sequence[MaintenanceSettings]
    device: Callable[[DeviceId], Device | None]
    silences: dict[int, Silence] = field(default_factory=dict)

    def closed_for(self, alerts: Sequence[Alert], everything: Iterable[Alert], at: WallMs) -> str:
        """Why an incident of these open alerts is not told now; empty when it may be."""
        if not alerts or not (self.inhibits or self.maintenance or self.silences):
            return ""
        all_alerts = list(everything) if self.inhibits else []
        reason = ""
        for alert in alerts:
            reason = self._held(alert, all_alerts, at)
            if not reason:
                return ""
        return reason

    def _held(self, alert: Alert, everything: Sequence[Alert], at: WallMs) -> str:
        for silence in self.silences.values():
            if silence.covers(alert, at):
                return f"silence {silence.id} by {silence.author}: {silence.reason}"
        if window := self._in_maintenance(alert, at):
            return f"maintenance: {window}"
        labels = alert.all_labels()
        for rule in self.inhibits:
            if rule.target.matches(labels) and self._inhibited(rule, alert, labels, everything):
                return "inhibited by a graver alert"
        return ""

    def _inhibited(
        self,
        rule: InhibitSettings,
        alert: Alert,
        labels: Mapping[str, str],
        everything: Sequence[Alert],
    ) -> bool:
        for other in everything:
            if other.fingerprint == alert.fingerprint or other.until is not None:
                continue
            theirs = other.all_labels()
            if rule.source.matches(theirs) and all(
                labels.get(label) == theirs.get(label) for label in rule.equal
            ):
                return True
        return False

    def _in_maintenance(self, alert: Alert, at: WallMs) -> str:
        for window in self.maintenance:
            if window.span_at(at) is None:
                continue
            if alert.rate is not None:
                # A breach that would be none without the devices being worked on is the work's.
                worked_on = {id_ for id_ in alert.offline if self._covers(window, id_, at)}
                if worked_on and holds_without(alert.rate, alert.offline, worked_on):
                    return window.name
            elif alert.device is not None and self._covers(window, alert.device, at):
                return window.name
        return ""

    def _covers(self, window: MaintenanceSettings, id_: DeviceId, at: WallMs) -> bool:
        device = self.device(id_)
        return device is not None and window.select.selects(device)
