"""What ports carry, learned from surveys and remembered: a port that goes down forgets its addresses at
once, and that is when one must know what hung on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from monitor.collectors.snmp import topology
from monitor.collectors.snmp.topology import Attachment, Mac, Stranger, Survey
from monitor.model import Device, DeviceId, Kind, MonoMs, Reading

MAC_TAG = "mac"
"""A device's tag that holds its MAC address; without it the ARP tables of surveyed switches are asked."""
REMEMBER_MS = 7 * 86_400_000
_UP, _DOWN = 1, 2


class Role(StrEnum):
    """What is behind a port. When several things are, the first of these that fits."""

    UPLINK = "uplink"
    CAMERA = "camera"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class _Seen:
    role: Role
    at: MonoMs


def _plain(mac: str) -> Mac:
    digits = "".join(char for char in mac.lower() if char in "0123456789abcdef")
    return bytes.fromhex(digits).hex(":") if len(digits) == 12 else ""


class Ports:
    """The latest survey of each switch, and what its ports have carried of late."""

    def __init__(self) -> None:
        self.surveys: dict[DeviceId, Survey] = {}
        self._devices: dict[DeviceId, Device] = {}
        self._roles: dict[DeviceId, dict[int, _Seen]] = {}

    def met(self, device: Device) -> None:
        """A device of the inventory, as it was last handed to us."""
        self._devices[device.id] = device

    def macs(self) -> dict[DeviceId, Mac]:
        """MAC addresses of the inventory's devices, as far as they are known."""
        arp = topology.addresses(self.surveys.values())
        found = {
            id_: _plain(device.tags.get(MAC_TAG, "")) or arp.get(device.address, "")
            for id_, device in self._devices.items()
        }
        return {id_: mac for id_, mac in found.items() if mac}

    def surveyed(self, switch: DeviceId, survey: Survey, now: MonoMs) -> None:
        self.surveys[switch] = survey
        cameras = {mac for id_, mac in self.macs().items() if self._devices[id_].kind is Kind.CAMERA}
        uplinks = {port for where, port in topology.uplinks(self.surveys) if where == switch}
        roles = {
            port: seen for port, seen in self._roles.get(switch, {}).items() if now - seen.at < REMEMBER_MS
        }
        for port in {learned.port for learned in survey.learned} | {n.port for n in survey.neighbours}:
            macs = {learned.mac for learned in survey.learned if learned.port == port}
            role = Role.UPLINK if port in uplinks else Role.CAMERA if macs & cameras else Role.DEVICE
            roles[port] = _Seen(role, now)
        self._roles[switch] = roles

    def lost_links(self, switch: DeviceId, readings: Iterable[Reading]) -> list[Reading]:
        """``interface.link_lost`` for each port that carries something: it is enabled, and down."""
        roles = self._roles.get(switch)
        if not roles:
            return []
        enabled = {
            reading.tags
            for reading in readings
            if reading.metric == "interface.ifAdminStatus" and reading.value == _UP
        }
        out = []
        for reading in readings:
            if reading.metric == "interface.ifOperStatus":
                seen = roles.get(int(dict(reading.tags).get("ifIndex", "0")))
                if seen is not None:
                    lost = reading.value == _DOWN and reading.tags in enabled
                    tags = (*reading.tags, ("carries", seen.role.value))
                    out.append(Reading("interface.link_lost", lost, tags))
        return out

    def attachments(self) -> list[Attachment]:
        """Proposals for the inventory: which device hangs on which switch's port."""
        return topology.attachments(self.surveys, self.macs())

    def strangers(self, camera_vlans: Iterable[int]) -> list[Stranger]:
        known: Mapping[DeviceId, Mac] = self.macs()
        return topology.strangers(self.surveys, known.values(), camera_vlans)
