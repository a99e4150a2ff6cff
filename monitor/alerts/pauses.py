"""Pauses: exclusions stop an incident's clocks, live as in the reports (``books.pause``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from monitor.alerts.facts import FleetView
from monitor.alerts.incident import Alert, Incident
from monitor.books.exclusion import Exclusion, Place, group_places, places_of
from monitor.books.pause import FOREVER, Trouble, pauses
from monitor.books.records import Span
from monitor.model import DeviceId, WallMs


class Pause(NamedTuple):
    """A span in which an incident's clocks stand still; UTC ms."""

    begins: WallMs
    ends: WallMs
    cause: str
    """Of the exclusion that it began by."""


class Pauses:
    """The exclusions known now; replaced whole whenever they have been read anew."""

    def __init__(self, fleet: FleetView) -> None:
        self._fleet = fleet
        self._known: tuple[Exclusion, ...] = ()

    def of(self, incident: Incident) -> list[Pause]:
        """Those of this incident."""
        since = incident.opened // 1000
        touching = [e for e in self._known if e.span.until > since]
        if not touching:
            return []
        troubles = [self._trouble(alert) for alert in incident.alerts.values()]
        return [
            Pause(WallMs(p.since * 1000), WallMs(p.until * 1000), p.cause.value)
            for p in pauses(troubles, touching)
        ]

    def excusing(self, devices: Iterable[DeviceId], at: WallMs) -> list[Exclusion]:
        """The exclusions in force that cover any of these devices."""
        places: set[Place] = set()
        for id_ in devices:
            places.update(self._places_of(id_))
        return [e for e in self._known if e.span.since <= at // 1000 < e.span.until and e.place in places]

    def _places_of(self, id_: DeviceId) -> tuple[Place, ...]:
        device = self._fleet.device(id_)
        if device is None:
            return places_of(id_, "", "", "")
        return places_of(device.id, device.site, device.area, device.feeder)

    def _trouble(self, alert: Alert) -> Trouble:
        until = FOREVER if alert.until is None else alert.until // 1000
        span = Span(alert.since // 1000, until)
        if alert.device is None:
            return Trouble(span, group_places(alert.fingerprint.key), of_device=False)
        return Trouble(span, frozenset(self._places_of(alert.device)), of_device=True)

    def replace(self, exclusions: Iterable[Exclusion]) -> bool:
        """Whether anything changed."""
        found = tuple(exclusion for exclusion in exclusions if exclusion.counts)
        changed, self._known = found != self._known, found
        return changed
