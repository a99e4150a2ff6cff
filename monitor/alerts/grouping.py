"""Group: which open incident does a new alert belong to?

One cause, one incident. A breach that would not be one without the victims of a fallen switch belongs to
that switch's incident; another alert of a device belongs to the device's incident; alerts that agree in the
route's labels and begin close together are one case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from monitor.alerts.facts import FleetView
from monitor.alerts.incident import Alert, Incident
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


def home_of(
    alert: Alert,
    group: str,
    incidents: Mapping[IncidentId, Incident],
    by_device: Mapping[DeviceId, IncidentId],
    fleet: FleetView,
    now: Instant,
) -> Incident | None:
    """The open incident that the alert belongs to, or ``None``: it opens its own."""
    if alert.rate is not None:
        cause = _cause_of_breach(alert, by_device, fleet)
        if cause is not None:
            return incidents[cause]
    elif alert.device is not None and alert.device in by_device:
        return incidents[by_device[alert.device]]
    return _young(group, incidents.values(), now)


def _cause_of_breach(
    alert: Alert, by_device: Mapping[DeviceId, IncidentId], fleet: FleetView
) -> IncidentId | None:
    explained: set[DeviceId] = set()
    causes: Counter[IncidentId] = Counter()
    for device in alert.offline:
        if fleet.condition(device)[0] is not State.UNREACHABLE:
            continue
        root = fleet.root(device)
        if root is not None and root in by_device:
            explained.add(device)
            causes[by_device[root]] += 1
    if alert.rate is None or not explained or not holds_without(alert.rate, alert.offline, explained):
        return None
    return causes.most_common(1)[0][0]


def _young(group: str, incidents: Iterable[Incident], now: Instant) -> Incident | None:
    for incident in incidents:
        if (
            incident.group == group
            and incident.joined_last is not None
            and now.mono - incident.joined_last <= incident.group_interval_s * 1000
        ):
            return incident
    return None
