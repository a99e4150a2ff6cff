"""Which port a device hangs on: bridges' address tables and LLDP, as proposals for the inventory.

``survey`` asks one switch; ``attachments`` looks at all surveys together. A proposal is for a person to
accept: nothing here changes the inventory.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from sys import intern

from monitor.collectors.snmp import ber
from monitor.collectors.snmp.talk import Column, Limits, Talk, walk_table
from monitor.collectors.snmp.values import text, words
from monitor.model import DeviceId

_BASE_PORT = ber.oid("1.3.6.1.2.1.17.1.4.1.2")
"""dot1dBasePortIfIndex."""
_FDB_PORT = ber.oid("1.3.6.1.2.1.17.4.3.1.2")
_FDB_STATUS = ber.oid("1.3.6.1.2.1.17.4.3.1.3")
_VLAN_FDB_PORT = ber.oid("1.3.6.1.2.1.17.7.1.2.2.1.2")
_VLAN_FDB_STATUS = ber.oid("1.3.6.1.2.1.17.7.1.2.2.1.3")
_FDB_OF_VLAN = ber.oid("1.3.6.1.2.1.17.7.1.4.2.1.3")
"""dot1qVlanFdbId, indexed by time mark and VLAN: address tables are numbered, and not always as the VLANs."""
_LLDP_LOCAL_ID = ber.oid("1.0.8802.1.1.2.1.3.7.1.3")
_LLDP_LOCAL_NAME = ber.oid("1.0.8802.1.1.2.1.3.7.1.4")
_LLDP_CHASSIS_KIND = ber.oid("1.0.8802.1.1.2.1.4.1.1.4")
_LLDP_CHASSIS = ber.oid("1.0.8802.1.1.2.1.4.1.1.5")
_LLDP_NAME = ber.oid("1.0.8802.1.1.2.1.4.1.1.9")
_ARP = ber.oid("1.3.6.1.2.1.4.22.1.2")
"""ipNetToMediaPhysAddress, indexed by ifIndex and address."""
_IF_NAME = ber.oid("1.3.6.1.2.1.2.2.1.2")
_IF_SHORT_NAME = ber.oid("1.3.6.1.2.1.31.1.1.1.1")
_IF_ADDRESS = ber.oid("1.3.6.1.2.1.2.2.1.6")

_LEARNED = 3
_CHASSIS_IS_MAC = 4
_ACCESS_MACS = 2
"""A port with no more addresses than this is taken for a device's own: a camera and its bridge port."""

Mac = str
"""Six octets in hexadecimal with colons, lower case."""


@dataclass(frozen=True, slots=True)
class Learned:
    mac: Mac
    port: int
    vlan: int = 0
    """0: the switch does not tell (it answers only the older BRIDGE-MIB)."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    port: int
    name: str
    mac: Mac


@dataclass(slots=True)
class Survey:
    """What one switch knows of what hangs on it. Ports are ifIndexes."""

    learned: list[Learned] = field(default_factory=list)
    neighbours: list[Neighbour] = field(default_factory=list)
    arp: dict[str, Mac] = field(default_factory=dict)
    """Address to MAC, of switches that route."""
    ports: dict[int, str] = field(default_factory=dict)
    own: frozenset[Mac] = frozenset()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A device seen on a port: propose ``switch`` as its parent."""

    device: DeviceId
    switch: DeviceId
    port: int
    port_name: str
    mac: Mac


@dataclass(frozen=True, slots=True)
class Stranger:
    """An address in a camera VLAN that no device of the inventory has."""

    mac: Mac
    switch: DeviceId
    port: int
    port_name: str
    vlan: int


def survey(limits: Limits) -> Talk[Survey]:
    """Ask a switch for its tables; what it does not have stays empty."""
    base, fdb_port, fdb_status, vlan_port, vlan_status, names, addresses, arp = yield from walk_table(
        (_BASE_PORT, _FDB_PORT, _FDB_STATUS, _VLAN_FDB_PORT, _VLAN_FDB_STATUS, _IF_NAME, _IF_ADDRESS, _ARP),
        limits,
    )
    kinds, chassis, system_names, local_ids, local_names, short_names, tables = yield from walk_table(
        (
            _LLDP_CHASSIS_KIND,
            _LLDP_CHASSIS,
            _LLDP_NAME,
            _LLDP_LOCAL_ID,
            _LLDP_LOCAL_NAME,
            _IF_SHORT_NAME,
            _FDB_OF_VLAN,
        ),
        limits,
    )
    vlan_of = _vlans(tables)
    to_if = {ber.index(index)[0]: number for index, number in _numbers(base).items()}
    out = Survey(
        ports={ber.index(index)[0]: words(value) for index, value in _rows(names).items()},
        own=frozenset(mac for value in _rows(addresses).values() if (mac := _mac(value))),
    )
    for ports, status in ((vlan_port, vlan_status), (fdb_port, fdb_status)):
        if out.learned:
            break  # the VLAN-aware table holds all that the older one does
        known = _numbers(status)
        for index, port in _numbers(ports).items():
            parts = ber.index(index)
            if (
                known.get(index, _LEARNED) == _LEARNED
                and len(parts) in (6, 7)
                and max(parts[-6:]) < 256
                and port
            ):
                vlan = vlan_of.get(parts[0], parts[0]) if len(parts) == 7 else 0
                # Every switch on the way knows the address: one text for all of them.
                mac = intern(bytes(parts[-6:]).hex(":"))
                out.learned.append(Learned(mac, to_if.get(port, port), vlan))
    kind_of, name_of = _numbers(kinds), _rows(system_names)
    local = _local_ports((local_ids, local_names), (names, short_names), to_if)
    for index, value in _rows(chassis).items():
        parts = ber.index(index)
        if len(parts) == 3:
            mac = _mac(value) if kind_of.get(index) == _CHASSIS_IS_MAC else ""
            name = name_of.get(index)
            out.neighbours.append(
                Neighbour(local(parts[1]), text(name) if isinstance(name, bytes) else "", mac)
            )
    for index, value in _rows(arp).items():
        parts = ber.index(index)
        if len(parts) == 5 and (mac := _mac(value)):
            out.arp[".".join(map(str, parts[1:]))] = mac
    return out


def _vlans(tables: Column) -> dict[int, int]:
    """The VLAN of each address table; 0 where several share one: then it cannot be told."""
    vlans: dict[int, set[int]] = defaultdict(set)
    for index, table in _numbers(tables).items():
        vlans[table].add(ber.index(index)[-1])
    return {table: found.pop() if len(found) == 1 else 0 for table, found in vlans.items()}


def _local_ports(
    told: tuple[Column, Column], names: tuple[Column, Column], to_if: Mapping[int, int]
) -> Callable[[int], int]:
    """From LLDP's numbers of ports to ifIndexes: by a name that both tables have, since the numbers are each
    maker's own; else as if they were the bridge's."""
    by_name: dict[str, set[int]] = defaultdict(set)
    for column in names:
        for index, value in _rows(column).items():
            by_name[words(value)].add(ber.index(index)[0])
    known: dict[int, int] = {}
    for column in told:
        for index, value in _rows(column).items():
            ports = by_name.get(words(value), set())
            if len(ports) == 1 and value:
                known.setdefault(ber.index(index)[0], next(iter(ports)))
    return lambda number: known.get(number, to_if.get(number, number))


def _rows(column: Column) -> dict[bytes, ber.Value]:
    return dict(zip(column.indexes, column.values(), strict=True))


def _numbers(column: Column) -> dict[bytes, int]:
    return {index: value for index, value in _rows(column).items() if type(value) is int}


def _mac(value: ber.Value) -> Mac:
    if isinstance(value, bytes) and len(value) == 6 and any(value):
        return value.hex(":")
    return ""


def links(found: Survey, own: Container[Mac]) -> set[int]:
    """Ports behind which another surveyed switch stands: LLDP says so, or its address is seen there. ``own``
    are the addresses of all switches."""
    seen = {near.port for near in found.learned if near.mac in own and near.mac not in found.own}
    return seen | {near.port for near in found.neighbours if near.mac in own and near.mac not in found.own}


def uplinks(found: Survey, own: Container[Mac]) -> set[int]:
    """The same, and ports with more addresses than one device has: behind them stands a switch that nobody
    surveyed."""
    crowd = Counter(learned.port for learned in found.learned)
    return links(found, own) | {port for port, count in crowd.items() if count > _ACCESS_MACS}


def own_addresses(surveys: Iterable[Survey]) -> frozenset[Mac]:
    """The switches' own."""
    return frozenset(mac for found in surveys for mac in found.own)


def attachments(surveys: Mapping[DeviceId, Survey], devices: Mapping[DeviceId, Mac]) -> list[Attachment]:
    """Where each device hangs, if exactly one access port sees its address."""
    own = own_addresses(surveys.values())
    owner = {mac: device for device, mac in devices.items()}
    seen: dict[DeviceId, set[Attachment]] = defaultdict(set)
    for switch, found in surveys.items():
        trunks = uplinks(found, own)
        for learned in found.learned:
            device = owner.get(learned.mac)
            if device is not None and device != switch and learned.port not in trunks:
                port_name = found.ports.get(learned.port, "")
                seen[device].add(Attachment(device, switch, learned.port, port_name, learned.mac))
    return [places.pop() for _, places in sorted(seen.items()) if len(places) == 1]


def strangers(
    switch: DeviceId,
    found: Survey,
    known: Container[Mac],
    own: Container[Mac],
    camera_vlans: Collection[int],
) -> list[Stranger]:
    """Addresses in the cameras' VLANs that nobody has entered in the book, at the ports of this switch where
    they hang; also behind a hub or a switch that is not surveyed, where several hang on one port."""
    between = links(found, own)
    out = {
        Stranger(seen.mac, switch, seen.port, found.ports.get(seen.port, ""), seen.vlan)
        for seen in found.learned
        if seen.vlan in camera_vlans
        and seen.port not in between
        and seen.mac not in known
        and seen.mac not in own
    }
    return sorted(out, key=lambda stranger: (stranger.port, stranger.mac))
