"""The facts of a message: an incident as it stands, made into a notice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from monitor.alerts.incident import Alert, Incident
from monitor.model import Device, DeviceId, State, WallMs
from monitor.notifiers.notice import DeviceLine, Notice, NoticeKind, RateLine

WORST = 10
"""Devices named in a notice; the rest are counted."""


class FleetView(Protocol):
    """What messages say about devices."""

    def device(self, id_: DeviceId) -> Device | None: ...

    def condition(self, id_: DeviceId) -> tuple[State, WallMs, str]:
        """State, since when, and the reason."""
        ...

    def behind(self, id_: DeviceId) -> list[DeviceId]:
        """The devices that are unreachable because this one is off line."""
        ...

    def size_behind(self, id_: DeviceId) -> int:
        """How many devices hang on this one, directly or not."""
        ...

    def root(self, id_: DeviceId) -> DeviceId | None:
        """For an unreachable device: the device whose fault it is."""
        ...


def offline_of(incident: Incident, fleet: FleetView) -> list[DeviceId]:
    """The devices that are off line by this incident: its causes first, then those behind them, then those
    of its rates; each once."""
    found: dict[DeviceId, None] = {}
    alerts = incident.open_alerts()
    causes = [a.device for a in alerts if a.device is not None and a.offline]
    for device in causes:
        found[device] = None
    for device in causes:
        found.update(dict.fromkeys(fleet.behind(device)))
    for alert in alerts:
        found.update(dict.fromkeys(alert.offline))
    return list(found)


def notice_of(
    incident: Incident, kind: NoticeKind, offline: list[DeviceId], fleet: FleetView, at: WallMs
) -> Notice:
    lead = incident.lead()
    alerts = incident.alerts.values() if kind is NoticeKind.RESOLVED else incident.open_alerts()
    rates = [a for a in alerts if a.rate is not None]
    return Notice(
        kind=kind,
        severity=incident.severity,
        cause=incident.cause,
        subject=incident.subject,
        place=incident.place,
        at=at,
        incident=incident.id,
        since=incident.since,
        until=incident.resolved,
        offline=len(offline),
        counted=_counted(incident, lead, fleet),
        rates=tuple(_rate_line(a) for a in rates),
        devices=tuple(_lines(offline, fleet)),
        detail=_detail(alerts, lead),
        acked_by=incident.acked_by,
    )


def _counted(incident: Incident, lead: Alert, fleet: FleetView) -> int:
    """Of how many: the rate's scope, or the fallen device and all that hang on it."""
    if lead.rate is not None:
        return lead.rate.counted
    return sum(1 + fleet.size_behind(a.device) for a in incident.open_alerts() if a.device and a.offline)


def _rate_line(alert: Alert) -> RateLine:
    rate = alert.rate
    if rate is None:
        raise ValueError("not an alert about a rate")
    return RateLine(alert.subject, rate.online, rate.counted, rate.threshold_percent)


def _lines(offline: Iterable[DeviceId], fleet: FleetView) -> Iterable[DeviceLine]:
    known = [(id_, device) for id_ in offline if (device := fleet.device(id_)) is not None]
    for id_, device in sorted(known[: 20 * WORST], key=lambda pair: not pair[1].key_site)[:WORST]:
        _, since, reason = fleet.condition(id_)
        yield DeviceLine(device.name, device.address, device.site, since, reason)


def _detail(alerts: Iterable[Alert], lead: Alert) -> str:
    """The words of alerts that are not plain "off line"."""
    if lead.cause.startswith("device_"):
        return ""
    words = dict.fromkeys(a.detail for a in alerts if a.detail and a.rate is None and not a.offline)
    return "; ".join(list(words)[:3])
