"""Why is a device in its state, who was told, and who will be told next? As plain data."""

from __future__ import annotations

from typing import Any

from monitor.alerts.coming import coming
from monitor.alerts.incident import Incident
from monitor.control.wire import ControlError
from monitor.core import Core
from monitor.model import DeviceId, Instant
from monitor.pipeline import Pipeline
from monitor.states import Track


def explain(core: Core, wanted: str) -> dict[str, Any]:
    """By id, name or address. Times are UTC milliseconds. ``ControlError``: no such device, or several."""
    pipeline, now = core.pipeline, core.clock.now()
    track = find_track(pipeline, wanted)
    device = track.device
    root = pipeline.fleet.root(device.id)
    return {
        "now": now.wall,
        "device": {
            "id": device.id, "name": device.name, "address": device.address, "kind": device.kind.value,
            "site": device.site, "area": device.area, "key_site": device.key_site, "feeder": device.feeder,
        },
        "state": track.state.value,
        "since": track.since,
        "reason": track.reason.value,
        "detail": track.detail,
        "flapping": track.flapping,
        "last_ok": track.last_ok,
        "waits_for_parents": track.waiting_since is not None,
        "failing": [
            {"check": check, "since": f.since, "fails": f.fails, "ours": f.ours, "goods_since": f.goods,
             "reason": f.reason.value, "detail": f.detail}
            for check, f in (track.failing or {}).items()
        ],
        "parents": [_parent(pipeline, parent) for parent in device.parents],
        "root": root if root != device.id else None,
        "blind": pipeline.states.blind,
        "stands": pipeline.ladder.rung(device.id).value,
        "other_checks": [
            {"check": look.check, "at": look.at, "ok": look.ok, "reason": look.reason.value,
             "detail": look.detail, "fails": look.fails, "since": look.since}
            for look in pipeline.ladder.looks(device.id)
        ],
        "clock_drift_s": pipeline.ladder.drift_s(device.id),
        "checks": list(device.checks),
        "liveness": list(device.liveness),
        "rules": [
            rule.name
            for rule in pipeline.plan.rules
            if (select := getattr(rule, "select", None)) is None or select.selects(device)
        ],
        "incidents": [_incident(pipeline, incident, now) for incident in _incidents(pipeline, device.id)],
    }  # fmt: skip


def find_track(pipeline: Pipeline, wanted: str) -> Track:
    """By id, name or address. ``ControlError``: no such device, or several."""
    tracks = pipeline.states.tracks
    if (track := tracks.get(DeviceId(wanted))) is not None:
        return track
    found = [t for t in tracks.values() if wanted in (t.device.name, t.device.address)]
    found = found or [t for t in tracks.values() if wanted in t.device.name]
    if not found:
        raise ControlError(f'no device has the id, name or address "{wanted}"')
    if len(found) > 1:
        names = ", ".join(f"{t.device.id} ({t.device.name})" for t in found[:5])
        raise ControlError(f'{len(found)} devices match "{wanted}": {names} …; give an id')
    return found[0]


def _parent(pipeline: Pipeline, id_: DeviceId) -> dict[str, Any]:
    track = pipeline.states.tracks.get(id_)
    if track is None:
        return {"id": id_, "name": "", "state": "not in the inventory", "since": 0, "last_ok": 0}
    return {
        "id": id_,
        "name": track.device.name,
        "state": track.state.value,
        "since": track.since,
        "last_ok": track.last_ok,
    }


def _incidents(pipeline: Pipeline, device: DeviceId) -> list[Incident]:
    """Its own, those of the device it hangs on, and those of a group that it is off line in."""
    causes = {device, pipeline.fleet.root(device)}
    return [
        incident
        for incident in pipeline.desk.incidents.values()
        if any(a.device in causes or device in a.offline_set for a in incident.open_alerts())
    ]


def _incident(pipeline: Pipeline, incident: Incident, now: Instant) -> dict[str, Any]:
    desk = pipeline.desk
    return {
        "id": incident.id,
        "subject": incident.subject,
        "cause": incident.cause,
        "severity": incident.severity.label,
        "opened": incident.opened,
        "level": incident.level.name if incident.level is not None else "",
        "acked_by": incident.acked_by if incident.is_acknowledged(now.wall) else "",
        "acked_until": incident.ack_until,
        "held": incident.held,
        "told": sorted(incident.told),
        "last_told": incident.last_told,
        "alerts": [
            {"rule": a.fingerprint.rule, "subject": a.subject, "since": a.since}
            for a in incident.open_alerts()[:20]
        ],
        "coming": [c._asdict() for c in coming(incident, desk.teller, desk.policy, now)],
    }
