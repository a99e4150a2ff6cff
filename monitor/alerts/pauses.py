"""Pauses: exclusions stop an incident's clocks, live as in the reports (``books.pause``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from monitor.alerts.facts import FleetView
from monitor.alerts.incident import Alert, Incident
from monitor.books.exclusion import Exclusion, group_places, places_of
from monitor.books.pause import FOREVER, Trouble, pauses
from monitor.books.records import Span
from monitor.model import WallMs


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

    def _trouble(self, alert: Alert) -> Trouble:
        until = FOREVER if alert.until is None else alert.until // 1000
        span = Span(alert.since // 1000, until)
        if alert.device is None:
            return Trouble(span, group_places(alert.fingerprint.key), of_device=False)
        device = self._fleet.device(alert.device)
        if device is None:
            places = places_of(alert.device, "", "", "")
        else:
            places = places_of(device.id, device.site, device.area, device.feeder)
        return Trouble(span, frozenset(places), of_device=True)

    def replace(self, exclusions: Iterable[Exclusion]) -> bool:
        """Whether anything changed."""
        found = tuple(exclusion for exclusion in exclusions if exclusion.counts)
        changed, self._known = found != self._known, found
        return changed
