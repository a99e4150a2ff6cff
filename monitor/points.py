"""Points for the sink that are not a device's readings: rates, incidents, states.

Names and fields are those of docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Iterable

from monitor.alerts.incident import Incident
from monitor.model import Device, Point, Reading, Reason, Result, State, WallMs
from monitor.pipeline import Pipeline
from monitor.states import Track
from monitor.storage.tables import STATE_CODES
from monitor.tally import Count


def rate_points(pipeline: Pipeline, at: WallMs) -> list[Point]:
    """The online rate of the cameras in all, by area and by site, and of every kind of device."""
    return [
        Point(
            "online_rate",
            (("scope", scope.kind), ("name", scope.name)) if scope.name else (("scope", scope.kind),),
            tuple(_fields(counts)),
            at,
        )
        for scope, counts in pipeline.tally.scopes.items()
    ]


def _fields(count: Count) -> Iterable[tuple[str, float | int]]:
    yield "online", count.online
    yield "counted", count.counted
    yield "unmeasured", count.unmeasured
    yield "excluded", count.excluded
    if count.counted:
        yield "rate", 100.0 * count.online / count.counted


def incident_point(incident: Incident, at: WallMs) -> Point:
    """An incident's opening or end, for annotations. Its number is a field: tags stay bounded."""
    return Point(
        "incident",
        (
            ("cause", incident.cause),
            ("severity", incident.severity.label),
            ("event", "opened" if incident.resolved is None else "resolved"),
        ),
        (
            ("id", int(incident.id)),
            ("title", f"#{incident.id} {incident.subject}"),
            ("subject", incident.subject),
            ("place", incident.place),
            *((name, value) for name, value in _whereabouts(incident) if value),
        ),
        at,
    )


def _whereabouts(incident: Incident) -> Iterable[tuple[str, str]]:
    """Of its first alert, for the links to the dashboards of that device and area."""
    for alert in incident.alerts.values():
        labels = alert.all_labels()
        yield "device", alert.device or ""
        yield "area", labels.get("area", "")
        yield "site", labels.get("site", "")
        return


def state_results(tracks: Iterable[Track], at: WallMs) -> list[Result]:
    """The states of devices as readings, so that the sink gives them the tags of their devices.

    For 10,000 devices call it with a sixtieth of them each second: all are written once a minute, and the
    event loop does not notice.
    """
    return [
        Result(track.device.id, "state", at, Reason.OK, tuple(_state_readings(track.device, track)))
        for track in tracks
    ]


def _state_readings(device: Device, track: Track) -> Iterable[Reading]:
    yield Reading("device_state.code", STATE_CODES[track.state])
    if track.state is not State.UNKNOWN:
        yield Reading("device_state.up", int(track.state is State.UP))
    yield Reading("device_state.name", device.name)
    yield Reading("device_state.address", device.address)
    yield Reading("device_state.reason", track.reason.value)
