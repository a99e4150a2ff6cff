"""Pauses: exclusions during which repair is impossible stop an incident's clocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from monitor.alerts.facts import FleetView
from monitor.alerts.incident import Incident
from monitor.model import Device, WallMs


class Pause(NamedTuple):
    """A span of the ledger's exclusions that stops clocks; UTC ms."""

    begins: WallMs
    ends: WallMs
    reach: str
    """all, area, site, feeder or device."""
    name: str
    cause: str
    """power_cut or weather."""

    def covers(self, device: Device) -> bool:
        match self.reach:
            case "all":
                return True
            case "area":
                return device.area == self.name
            case "site":
                return device.site == self.name
            case "feeder":
                return device.feeder == self.name
        return device.id == self.name


class Pauses:
    """The pauses known now; replaced whole whenever the exclusions have been read anew."""

    def __init__(self, fleet: FleetView) -> None:
        self._fleet = fleet
        self.known: tuple[Pause, ...] = ()

    def of(self, incident: Incident) -> list[Pause]:
        """Those that stop this incident's clocks: they cover all that is wrong in it."""
        if not self.known:
            return []
        named = {device for alert in incident.open_alerts() for device in alert.offline[:_LOOKED_AT]}
        named.update(alert.device for alert in incident.open_alerts() if alert.device is not None)
        devices = [device for id_ in named if (device := self._fleet.device(id_)) is not None]
        if not devices:
            return []
        return [pause for pause in self.known if all(map(pause.covers, devices))]

    def replace(self, pauses: Iterable[Pause]) -> bool:
        """Whether anything changed."""
        found = tuple(sorted(pauses))
        changed, self.known = found != self.known, found
        return changed


_LOOKED_AT = 1000
"""Of a very large cut, so many devices are held against an exclusion's scope."""
