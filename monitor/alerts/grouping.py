"""Group: which open incident does a new alert belong to?

One cause, one incident. A breach that would be none without the devices of one incident (those that fell,
and those behind them, or those of a breach in a smaller group) belongs to that incident; another alert of a
device belongs to the device's incident; a device that is part of a fresh breach belongs to the breach's;
alerts that agree in the route's labels and begin close together are one case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set

from monitor.alerts.facts import FleetView
from monitor.alerts.incident import Alert, Fingerprint, Incident
from monitor.alerts.routes import Routing
from monitor.model import DeviceId, IncidentId, Instant, State
from monitor.rules.online_rate import holds_without


def group_of(alert: Alert, routing: Routing | None) -> str:
    """The name of the group that the alert's route puts it in."""
    if routing is None:
        return f"none {alert.fingerprint.rule} {alert.fingerprint.key}"
    labels = alert.all_labels()
    parts = [f"{label}={labels.get(label, '')}" for label in routing.route.group_by]
    # An alert without any of the labels (a rate over all, for a route that groups by area) is its own group.
    if routing.route.group_by and not any(labels.get(label) for label in routing.route.group_by):
        parts.append(f"{alert.fingerprint.rule} {alert.fingerprint.key}")
    return " ".join([f"route {routing.index}", *parts])


class Index:
    """Which open incident has which alert, device and group."""

    def __init__(self) -> None:
        self.incidents: dict[IncidentId, Incident] = {}
        self.by_alert: dict[Fingerprint, IncidentId] = {}
        self.by_device: dict[DeviceId, IncidentId] = {}
        self._by_group: dict[str, IncidentId] = {}
        self._per_device: Counter[DeviceId] = Counter()
        self._wide: dict[IncidentId, dict[Fingerprint, Alert]] = {}
        """The open alerts about many devices: rates, power cuts."""

    def add(self, incident: Incident) -> None:
        self.incidents[incident.id] = incident
        self._by_group[incident.group] = incident.id

    def remove(self, incident: Incident) -> None:
        del self.incidents[incident.id]
        self._wide.pop(incident.id, None)
        if self._by_group.get(incident.group) == incident.id:
            del self._by_group[incident.group]

    def add_alert(self, alert: Alert, incident: Incident) -> None:
        self.by_alert[alert.fingerprint] = incident.id
        if alert.device is not None:
            self.by_device.setdefault(alert.device, incident.id)
            self._per_device[alert.device] += 1
        else:
            self._wide.setdefault(incident.id, {})[alert.fingerprint] = alert

    def remove_alert(self, alert: Alert, incident: Incident) -> None:
        """The alert has ended, or moves to another incident."""
        self.by_alert.pop(alert.fingerprint, None)
        if alert.device is None:
            wide = self._wide.get(incident.id, {})
            wide.pop(alert.fingerprint, None)
            if not wide:
                self._wide.pop(incident.id, None)
            return
        self._per_device[alert.device] -= 1
        if not self._per_device[alert.device]:
            del self._per_device[alert.device]
            self.by_device.pop(alert.device, None)

    def home_of(self, alert: Alert, group: str, fleet: FleetView, now: Instant) -> Incident | None:
        """The open incident that the alert belongs to, or ``None``: it opens its own."""
        wide = [(self.incidents[id_], alerts.values()) for id_, alerts in self._wide.items()]
        if alert.cause == "power_cut":
            # Feeders and sites that go dark together are one cut.
            for incident, alerts in wide:
                if _is_young(incident, now) and any(other.cause == "power_cut" for other in alerts):
                    return incident
        elif alert.rate is not None:
            cause = _cause_of_breach(alert, self.by_device, fleet)
            if cause is not None:
                return self.incidents[cause]
            for incident, alerts in wide:
                if any(o.cause == "power_cut" and _is_victim(alert, o.offline_set) for o in alerts):
                    return incident
            for incident, alerts in wide:
                if any(_same_breach(alert, other, incident, now) for other in alerts):
                    return incident
        elif alert.device is not None:
            if alert.device in self.by_device:
                return self.incidents[self.by_device[alert.device]]
            for incident, alerts in wide:
                young = _is_young(incident, now)
                # A power cut takes what its feeder loses however late: batteries last for hours.
                if any((young or o.cause == "power_cut") and alert.device in o.offline_set for o in alerts):
                    return incident
        last = self._by_group.get(group)
        incident_ = self.incidents[last] if last is not None else None
        return incident_ if incident_ is not None and _is_young(incident_, now) else None


def _cause_of_breach(
    alert: Alert, by_device: Mapping[DeviceId, IncidentId], fleet: FleetView
) -> IncidentId | None:
    rate = alert.rate
    if rate is None:
        return None
    victims: dict[IncidentId, set[DeviceId]] = {}
    for device in alert.offline:
        unreachable = fleet.condition(device)[0] is State.UNREACHABLE
        fallen = fleet.root(device) if unreachable else device
        if fallen is not None and fallen in by_device:
            victims.setdefault(by_device[fallen], set()).add(device)
    # Of several that would do, the newest: it is what tipped the scales.
    causes = (id_ for id_, devices in victims.items() if holds_without(rate, alert.offline, devices))
    return max(causes, default=None)


def _same_breach(alert: Alert, other: Alert, incident: Incident, now: Instant) -> bool:
    """An area, and the whole network, below their limits by the same devices. What somebody works on already
    takes in nothing that is graver."""
    if other.rate is None or (alert.severity > incident.severity and incident.is_acknowledged(now.wall)):
        return False
    if _is_victim(alert, other.offline_set):
        return True
    return incident.last_notice is None and _is_victim(other, alert.offline_set)


def _is_young(incident: Incident, now: Instant) -> bool:
    return (
        incident.joined_last is not None
        and now.mono - incident.joined_last <= incident.pace.group_interval * 1000
    )


def swallowed_by(incident: Incident, incidents: Iterable[Incident]) -> list[Incident]:
    """The untold incidents that are only about victims of the incident's power cuts."""
    dark: set[DeviceId] = set()
    for cut in incident.open_alerts():
        if cut.cause == "power_cut":
            dark |= cut.offline_set
    return [
        other
        for other in incidents
        if other is not incident
        and not other.told
        and (alerts := other.open_alerts())
        and all(_is_victim(alert, dark) for alert in alerts)
    ]


def _is_victim(alert: Alert, dark: Set[DeviceId]) -> bool:
    if alert.device is not None:
        return alert.device in dark
    return alert.rate is not None and holds_without(alert.rate, alert.offline, dark)
