"""What ports carry, learned from surveys and remembered: a port that goes down forgets its addresses at
once, and that is when one must know what hung on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from monitor.collectors.snmp import topology
from monitor.collectors.snmp.topology import Attachment, Mac, Stranger, Survey
from monitor.model import Device, DeviceId, MonoMs, Reading

MAC_TAG = "mac"
"""A device's tag that holds its MAC address; without it the ARP tables of surveyed switches are asked."""
REMEMBER_MS = 7 * 86_400_000
_UP, _DOWN = 1, 2


def _plain(mac: str) -> Mac:
    digits = "".join(char for char in mac.lower() if char in "0123456789abcdef")
    return bytes.fromhex(digits).hex(":") if len(digits) == 12 else ""


class Ports:
    """The latest survey of each switch, and what its ports have carried of late.

    A survey costs in proportion to its own size, not to the fleet's: what is known of all switches and
    devices together is kept in step.
    """

    def __init__(self) -> None:
        self.surveys: dict[DeviceId, Survey] = {}
        self._devices: Mapping[DeviceId, Device] = {}
        self._by_address: dict[str, DeviceId] = {}
        self._mac_of: dict[DeviceId, Mac] = {}
        self._device_of: dict[Mac, DeviceId] = {}
        self._own: frozenset[Mac] = frozenset()
        self._carrying: dict[DeviceId, dict[int, MonoMs]] = {}
        """Ports behind which a switch or a device of the inventory stands, and when that was last seen."""

    def devices_changed(self, devices: Mapping[DeviceId, Device]) -> None:
        """The inventory, all of it: cameras are on the ports too."""
        self._devices = devices
        self._by_address = {device.address: id_ for id_, device in devices.items()}
        self._mac_of, self._device_of = {}, {}
        for gone in [switch for switch in self.surveys if switch not in devices]:
            del self.surveys[gone]
            self._carrying.pop(gone, None)
        for survey in self.surveys.values():
            self._learn(survey.arp)
        for id_, device in devices.items():
            mac = _plain(device.tags.get(MAC_TAG, ""))
            if mac:
                self._enter(id_, mac)
        self._own = topology.own_addresses(self.surveys.values())

    def _enter(self, id_: DeviceId, mac: Mac) -> None:
        old = self._mac_of.get(id_)
        if old is not None:
            self._device_of.pop(old, None)
        self._mac_of[id_] = mac
        self._device_of[mac] = id_

    def _learn(self, arp: Mapping[str, Mac]) -> None:
        for address, mac in arp.items():
            id_ = self._by_address.get(address)
            if id_ is not None and not self._devices[id_].tags.get(MAC_TAG) and self._mac_of.get(id_) != mac:
                self._enter(id_, mac)

    def surveyed(self, switch: DeviceId, survey: Survey, now: MonoMs) -> None:
        old = self.surveys.get(switch)
        self.surveys[switch] = survey
        if old is None or old.own != survey.own:
            self._own = topology.own_addresses(self.surveys.values())
        self._learn(survey.arp)
        carrying = {port: at for port, at in self._carrying.get(switch, {}).items() if now - at < REMEMBER_MS}
        seen = topology.uplinks(survey, self._own)
        seen |= {learned.port for learned in survey.learned if learned.mac in self._device_of}
        self._carrying[switch] = carrying | dict.fromkeys(seen, now)

    def lost_links(self, switch: DeviceId, readings: Iterable[Reading]) -> list[Reading]:
        """``interface.link_lost``: true of a port that carried something of ours, is enabled, and is down;
        false of every other port of which that is certain. Nothing is said of a port that is down and of
        which we do not know what it carried: we may have forgotten, by a restart, and it is still lost."""
        carrying = self._carrying.get(switch, {})
        kept = [r for r in readings if r.metric in ("interface.ifAdminStatus", "interface.ifOperStatus")]
        disabled = {r.tags for r in kept if r.metric == "interface.ifAdminStatus" and r.value != _UP}
        out = []
        for reading in kept:
            if reading.metric == "interface.ifOperStatus":
                lost = reading.value == _DOWN and reading.tags not in disabled
                if not lost or int(dict(reading.tags).get("ifIndex", "0")) in carrying:
                    out.append(Reading("interface.link_lost", lost, reading.tags))
        return out

    def attachments(self) -> list[Attachment]:
        """Proposals for the inventory: which device hangs on which switch's port."""
        return topology.attachments(self.surveys, self._mac_of)

    def strangers(self, switch: DeviceId, camera_vlans: Collection[int]) -> list[Stranger]:
        return topology.strangers(switch, self.surveys[switch], self._device_of, self._own, camera_vlans)

    def unknown_addresses(self, switch: DeviceId, camera_vlans: Collection[int]) -> list[Reading]:
        """How many strangers each port has, none included: so that an alert ends as it began. Empty while no
        device's address is known: then all would be strangers; and of a switch that does not tell the VLANs
        of what it has learned: then nobody would be."""
        if not self._device_of or {seen.vlan for seen in self.surveys[switch].learned} == {0}:
            return []
        counts = Counter((seen.port, seen.vlan) for seen in self.strangers(switch, camera_vlans))
        return [
            Reading(
                "camera_vlan.unknown_addresses",
                counts[port, vlan],
                (("ifIndex", str(port)), ("ifDescr", name), ("vlan", str(vlan))),
            )
            for port, name in self.surveys[switch].ports.items()
            for vlan in camera_vlans
        ]
