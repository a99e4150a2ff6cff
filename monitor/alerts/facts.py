"""The facts of a message: an incident as it stands, made into a notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from monitor.alerts.incident import Alert, Incident
from monitor.ladder import DeviceFault
from monitor.model import Device, DeviceId, Severity, State, WallMs
from monitor.notifiers.attachment import Attachment
from monitor.notifiers.notice import AlsoLine, DeviceLine, ExcuseLine, Notice, NoticeKind, RateLine
from monitor.rules.online_rate import is_breached

WORST = 10
"""Devices named in a notice; the rest are counted."""
AREAS = 10
ATTACHMENTS = 3
ALSO = 4


class ClockReading(Protocol):
    """One clock of the contract as it stands."""

    @property
    def clock(self) -> str: ...

    @property
    def used_ms(self) -> int: ...

    @property
    def allowed_ms(self) -> int: ...


class PauseLine(Protocol):
    """Why the clocks stand still, and until when."""

    @property
    def cause(self) -> str: ...

    @property
    def ends(self) -> WallMs: ...


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
    """The devices that are off line by this incident, each once: its causes first, then those behind them;
    for a rate that no device of ours explains, those of its group."""
    alerts = incident.open_alerts()
    causes = [a.device for a in alerts if a.device is not None and a.offline]
    found = dict.fromkeys(causes)
    for alert in alerts:
        if alert.cause == "power_cut":
            found.update(dict.fromkeys(_still_off(alert.offline, fleet)))
    for device in causes:
        found.update(dict.fromkeys(fleet.behind(device)))
    if not causes:
        for alert in alerts:
            found.update(dict.fromkeys(_still_off(alert.offline, fleet)))
    return list(found)


def _still_off(devices: Iterable[DeviceId], fleet: FleetView) -> list[DeviceId]:
    """An alert names those that were off line when it was last heard of; some may be back since."""
    return [id_ for id_ in devices if fleet.condition(id_)[0] is not State.UP]


class Title(NamedTuple):
    cause: str
    subject: str
    place: str


def title_of(incident: Incident, fleet: FleetView) -> Title:
    """What the incident is about: the one device that fell; several, by the place they share; else the
    gravest of its alerts."""
    lead = incident.lead()
    if lead.cause == "power_cut":
        return _title_of_cut([a for a in incident.open_alerts() if a.cause == "power_cut"] or [lead])
    fallen = [a for a in incident.open_alerts() if a.device is not None and a.offline]
    if len(fallen) > 1:
        site, area = _shared_place(fallen, fleet)
        return Title("devices_down", site or area, area if site else "")
    faulty = _faulty(incident.open_alerts()) if not fallen else []
    if len({a.device for a in faulty}) > 1 and {a.cause for a in incident.open_alerts()} == {lead.cause}:
        site, area = _shared_place(faulty, fleet)
        return Title(lead.cause, site or area or lead.subject, area if site else "")
    lead = fallen[0] if fallen else lead
    return Title(lead.cause, lead.subject, lead.place)


def _shared_place(alerts: Iterable[Alert], fleet: FleetView) -> tuple[str, str]:
    """The site and the area that the devices of the alerts have in common; empty where they have none."""
    devices = [device for a in alerts if a.device and (device := fleet.device(a.device))]
    sites, areas = {d.site for d in devices}, {d.area for d in devices}
    return sites.pop() if len(sites) == 1 else "", areas.pop() if len(areas) == 1 else ""


_FAULTS = frozenset(fault.value for fault in DeviceFault)
_REASONED = frozenset((DeviceFault.NO_SERVICE.value, DeviceFault.NO_VIDEO.value, DeviceFault.BUSY.value))
"""Faults whose detail is the reason of the check that failed."""


def _faulty(alerts: Iterable[Alert]) -> list[Alert]:
    """The alerts about devices that are on line and have a fault."""
    return [a for a in alerts if a.device is not None and a.cause in _FAULTS]


def _fault_lines(faulty: list[Alert], fleet: FleetView) -> Iterable[DeviceLine]:
    for alert in faulty[:WORST]:
        device = fleet.device(alert.device) if alert.device is not None else None
        if device is not None:
            reason = alert.detail if alert.cause in _REASONED and alert.detail else alert.cause
            yield DeviceLine(device.name, device.address, device.site, alert.since, reason)


def _title_of_cut(cuts: list[Alert]) -> Title:
    """Feeders before sites: that of the most devices, and the place if all are in one."""
    widest = max(cuts, key=lambda a: len(a.offline))
    places = {a.place for a in cuts}
    return Title(widest.cause, widest.subject, widest.place if len(places) == 1 else "")


def notice_of(
    incident: Incident,
    kind: NoticeKind,
    offline: list[DeviceId],
    fleet: FleetView,
    at: WallMs,
    detail: str = "",
    clock: ClockReading | None = None,
    pause: PauseLine | None = None,
    excuses: tuple[ExcuseLine, ...] = (),
) -> Notice:
    lead = incident.lead()
    alerts = incident.alerts.values() if kind is NoticeKind.RESOLVED else incident.open_alerts()
    # A rate that has recovered may still be waited for: it could be below again in a minute.
    rates = [a for a in alerts if a.rate and (kind is NoticeKind.RESOLVED or is_breached(a.rate))]
    rates.sort(key=lambda a: a is not lead)
    unreported = kind is NoticeKind.RESOLVED and lead.unreported and not incident.closed_by
    named = lead if unreported else incident
    faulty = [] if offline or kind is NoticeKind.RESOLVED else _faulty(alerts)
    return Notice(
        kind=kind,
        severity=incident.severity,
        cause=named.cause,
        subject=named.subject,
        place=named.place,
        at=at,
        incident=incident.id,
        since=incident.since,
        until=incident.resolved,
        offline=len(offline),
        counted=_counted(incident, lead, fleet),
        affected=len({a.device for a in faulty}),
        rates=tuple(_rate_line(a) for a in rates),
        devices=tuple(_lines(offline, fleet) if offline else _fault_lines(faulty, fleet)),
        detail=detail or incident.closed_text or ("" if lead.evidence else _detail(alerts, lead)),
        closed_by=incident.closed_by,
        restless=incident.restless,
        places=incident.places if incident.cause == "power_cut" else 0,
        acked_by=incident.acked_by if incident.is_acknowledged(at) else "",
        clock=clock.clock if clock else "",
        used_ms=clock.used_ms if clock else 0,
        allowed_ms=clock.allowed_ms if clock else 0,
        paused=pause.cause if pause else "",
        paused_until=pause.ends if pause else None,
        evidence=lead.evidence,
        unreported=unreported,
        also=tuple(AlsoLine(a.subject, a.evidence) for a in alerts if a.evidence and a is not lead)[:ALSO],
        attachments=_attachments(alerts) if kind is NoticeKind.OPENED else (),
        remedy=incident.remedy if kind is NoticeKind.RESOLVED else "",
        excuses=excuses,
        excused=len({id_ for a in alerts for id_ in a.excused}) if excuses else 0,
    )


def places_of(incident: Incident) -> int:
    """How many feeders and sites have no power: those that lie within another are not counted."""
    dark = [a.offline_set for a in incident.open_alerts() if a.cause == "power_cut" and a.offline_set]
    found: dict[DeviceId, list[frozenset[DeviceId]]] = {}
    count = 0
    for group in sorted(dark, key=len, reverse=True):
        larger = found.get(next(iter(group)), ())
        if not any(group <= other for other in larger):
            count += 1
            for device in group:
                found.setdefault(device, []).append(group)
    return count


def _attachments(alerts: Iterable[Alert]) -> tuple[Attachment, ...]:
    return tuple(attachment for alert in alerts for attachment in alert.attachments)[:ATTACHMENTS]


def digest_notice(incidents: list[Incident], ended: list[Incident], fleet: FleetView, at: WallMs) -> Notice:
    """A storm in one message: how many incidents, where, and the worst."""
    hit = {incident.id: offline_of(incident, fleet) for incident in incidents}
    offline = list(dict.fromkeys(id_ for found in hit.values() for id_ in found))
    areas = Counter(device.area for id_ in offline if (device := fleet.device(id_)) and device.area)
    areas.update(_area_of(incident, fleet) for incident in ended)
    areas.pop("", None)
    worst = max(incidents or ended, key=lambda i: (i.severity, len(hit.get(i.id, ()))), default=None)
    return Notice(
        kind=NoticeKind.DIGEST,
        severity=worst.severity if worst else Severity.INFO,
        cause="storm",
        subject=worst.subject if worst else "",
        place=worst.place if worst else "",
        at=at,
        since=min((i.since for i in incidents), default=None),
        offline=len(offline),
        devices=tuple(_lines(offline, fleet)),
        incidents=len(incidents),
        ended=len(ended),
        areas=tuple(area for area, _ in areas.most_common(AREAS)),
    )


def _area_of(incident: Incident, fleet: FleetView) -> str:
    for alert in incident.alerts.values():
        if alert.device is not None and (device := fleet.device(alert.device)):
            return device.area
    return ""


def _counted(incident: Incident, lead: Alert, fleet: FleetView) -> int:
    """Of how many: the rate's scope, or the fallen device and all that hang on it."""
    if lead.rate is not None:
        return lead.rate.counted
    if lead.cause == "power_cut":
        return 0  # of how many devices is not the question: the area's rates stand beside it
    return sum(1 + fleet.size_behind(a.device) for a in incident.open_alerts() if a.device and a.offline)


def _rate_line(alert: Alert) -> RateLine:
    rate = alert.rate
    if rate is None:
        raise ValueError("not an alert about a rate")
    return RateLine(alert.subject, rate.online, rate.counted, rate.threshold_percent)


def _lines(offline: Iterable[DeviceId], fleet: FleetView) -> Iterable[DeviceLine]:
    known = [(id_, device) for id_ in offline if (device := fleet.device(id_)) is not None]
    first, rest = known[:1], sorted(known[1 : 20 * WORST], key=lambda pair: not pair[1].key_site)
    for id_, device in (first + rest)[:WORST]:
        state, since, reason = fleet.condition(id_)
        told = reason if state is not State.UP else "restless"  # back for now, as so often
        yield DeviceLine(device.name, device.address, device.site, since, told)


def _detail(alerts: Iterable[Alert], lead: Alert) -> str:
    """The words of alerts that are not plain "off line"."""
    if lead.cause.startswith("device_"):
        return ""  # the template words the reason of each device
    # What is wrong with one of several faulty devices stands in its own line.
    told = [a for a in alerts if a.detail and a.rate is None and not a.offline and a.cause not in _REASONED]
    words = dict.fromkeys(a.detail for a in told)
    return "; ".join(list(words)[:3])
