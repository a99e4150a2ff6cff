"""Group: which open incident does a new alert belong to?

One cause, one incident. A breach that would be none without the devices of one incident (those that fell,
and those behind them) belongs to that incident; another alert of a device belongs to the device's incident;
a device that is part of a fresh breach belongs to the breach's; alerts that agree in the route's labels and
begin close together are one case.
"""

from __future__ import annotations

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
    if alert.cause == "power_cut":
        # Feeders and sites that go dark together are one cut.
        return next((i for i in incidents.values() if i.cause == "power_cut" and _is_young(i, now)), None)
    if alert.rate is not None:
        cause = _cause_of_breach(alert, by_device, fleet)
        if cause is not None:
            return incidents[cause]
    elif alert.device is not None:
        if alert.device in by_device:
            return incidents[by_device[alert.device]]
        for incident in incidents.values():
            if _is_young(incident, now) and any(
                alert.device in a.offline_set for a in incident.open_alerts()
            ):
                return incident
    return next((i for i in incidents.values() if i.group == group and _is_young(i, now)), None)


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


def _is_young(incident: Incident, now: Instant) -> bool:
    return (
        incident.joined_last is not None
        and now.mono - incident.joined_last <= incident.pace.group_interval * 1000
    )


def swallowed_by(incident: Incident, cut: Alert, incidents: Iterable[Incident]) -> list[Incident]:
    """The untold incidents that are only about victims of the power cut."""
    return [
        other
        for other in incidents
        if other is not incident
        and not other.told
        and (alerts := other.open_alerts())
        and all(_is_victim(alert, cut) for alert in alerts)
    ]


def _is_victim(alert: Alert, cut: Alert) -> bool:
    if alert.device is not None:
        return alert.device in cut.offline_set
    return alert.rate is not None and holds_without(alert.rate, alert.offline, set(cut.offline))
