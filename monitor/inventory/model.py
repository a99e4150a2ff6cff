"""The inventory: every device and site of the fleet, as one frozen whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from monitor.model import Device, DeviceId, Kind


@dataclass(frozen=True, slots=True)
class Site:
    """The place where devices stand."""

    name: str
    area: str = ""
    key_site: bool = False
    """A key site (重点部位)."""
    longitude: float | None = None
    latitude: float | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """Built by ``read_inventory``; ``of`` serves tests and simulations."""

    devices: Mapping[DeviceId, Device]
    sites: Mapping[str, Site] = field(default_factory=lambda: MappingProxyType({}))
    """Those declared and those that only devices name."""
    children: Mapping[DeviceId, tuple[DeviceId, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """The devices reached through a device; a device without children is not a key."""

    @classmethod
    def of(cls, devices: Iterable[Device], sites: Iterable[Site] = ()) -> Inventory:
        """Of devices that are known to be sound (no duplicates, known parents)."""
        by_id = {device.id: device for device in devices}
        by_name = {site.name: site for site in sites}
        below: dict[DeviceId, list[DeviceId]] = {}
        for device in by_id.values():
            for parent in device.parents:
                below.setdefault(parent, []).append(device.id)
            if device.site and device.site not in by_name:
                by_name[device.site] = Site(device.site, device.area, device.key_site)
        return cls(
            MappingProxyType(by_id),
            MappingProxyType(by_name),
            MappingProxyType({parent: tuple(ids) for parent, ids in below.items()}),
        )

    def __len__(self) -> int:
        return len(self.devices)

    @property
    def areas(self) -> tuple[str, ...]:
        """The areas that devices are in, in the inventory's order."""
        return tuple(dict.fromkeys(device.area for device in self.devices.values() if device.area))

    def by_kind(self) -> dict[Kind, int]:
        """How many devices there are of each kind that occurs."""
        counts: dict[Kind, int] = {}
        for device in self.devices.values():
            counts[device.kind] = counts.get(device.kind, 0) + 1
        return counts


@dataclass(frozen=True, slots=True)
class Change:
    """One device before and after a reload; the id is the same."""

    old: Device
    new: Device


@dataclass(frozen=True, slots=True)
class Diff:
    """What a reload does to the fleet."""

    added: tuple[Device, ...]
    removed: tuple[Device, ...]
    changed: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def diff(old: Inventory, new: Inventory) -> Diff:
    """What has to happen for ``new`` to stand in place of ``old``."""
    return Diff(
        added=tuple(device for key, device in new.devices.items() if key not in old.devices),
        removed=tuple(device for key, device in old.devices.items() if key not in new.devices),
        changed=tuple(
            Change(before, after)
            for key, after in new.devices.items()
            if (before := old.devices.get(key)) is not None and before != after
        ),
    )
