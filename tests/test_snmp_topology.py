"""Which port a camera hangs on, from a small network of two switches, and what is remembered of it."""

from __future__ import annotations

from dataclasses import replace

from monitor.collectors.snmp import ber, topology
from monitor.collectors.snmp.messages import read_message, read_reply
from monitor.collectors.snmp.ports import REMEMBER_MS, Ports
from monitor.collectors.snmp.talk import Limits
from monitor.collectors.snmp.topology import Survey
from monitor.control.ports import proposals
from monitor.model import Device, DeviceId, Kind, MonoMs, Reading
from monitor.simulate.snmp_agents import Agents
from monitor.simulate.snmprec import Walk, encode_unsigned, encode_value
from tests.snmp_support import PUBLIC, recorded

CORE, EDGE = DeviceId("core"), DeviceId("edge")
CAMERA, OTHER = DeviceId("cam-1"), DeviceId("cam-2")
NOW = MonoMs(1_000_000)


def mac(last: int) -> bytes:
    return bytes((0, 0x1B, 0x21, 0, 0, last))


def bridge(
    own: int, learned: dict[int, list[int]], vlan: int = 0, lldp: dict[int, int] | None = None
) -> Walk:
    """A switch of four ports, port n being ifIndex 100+n; ``learned``: port to the last octets of MACs."""
    values: dict[bytes, bytes] = {}
    for port in range(1, 5):
        values[ber.oid(f"1.3.6.1.2.1.17.1.4.1.2.{port}")] = ber.encode_integer(100 + port)
        values[ber.oid(f"1.3.6.1.2.1.2.2.1.2.{100 + port}")] = encode_value(ber.OCTETS, f"GE{port}", False)
        values[ber.oid(f"1.3.6.1.2.1.2.2.1.6.{100 + port}")] = ber.tlv(ber.OCTETS, mac(own))
        for last in learned.get(port, ()):
            index = ".".join(map(str, mac(last)))
            table = (
                f"1.3.6.1.2.1.17.7.1.2.2.1.2.{vlan}.{index}" if vlan else f"1.3.6.1.2.1.17.4.3.1.2.{index}"
            )
            values[ber.oid(table)] = ber.encode_integer(port)
        if lldp and port in lldp:
            row = f"0.{port}.1"
            values[ber.oid(f"1.0.8802.1.1.2.1.4.1.1.4.{row}")] = ber.encode_integer(4)
            values[ber.oid(f"1.0.8802.1.1.2.1.4.1.1.5.{row}")] = ber.tlv(ber.OCTETS, mac(lldp[port]))
            values[ber.oid(f"1.0.8802.1.1.2.1.4.1.1.9.{row}")] = encode_value(ber.OCTETS, "neighbour", False)
    return Walk.of(values)


def surveyed(walk: Walk) -> Survey:
    agents = Agents(walk)
    talk = topology.survey(Limits())
    request = next(talk)
    for _ in range(2000):
        ((data, _),) = agents.answers(PUBLIC.encode(request, 1 << 30), "127.0.0.1")
        _, _, pdu = read_message(data)
        assert pdu is not None
        try:
            request = talk.send(read_reply(data, pdu))
        except StopIteration as stop:
            result: Survey = stop.value
            return result
    raise AssertionError("the survey does not end")


def network(vlan: int = 0) -> dict[DeviceId, Survey]:
    """core:GE1 — edge:GE4; cam-1 at edge:GE1, cam-2 at edge:GE2, an unknown box at edge:GE3."""
    return {
        CORE: surveyed(bridge(0xC0, {1: [0xE0, 1, 2, 3]}, vlan)),
        EDGE: surveyed(bridge(0xE0, {1: [1], 2: [2], 3: [3], 4: [0xC0]}, vlan, lldp={4: 0xC0})),
    }


def test_a_camera_hangs_on_the_access_port_that_sees_it() -> None:
    devices = {CAMERA: mac(1).hex(":"), OTHER: mac(2).hex(":")}
    found = topology.attachments(network(), devices)
    assert [(a.device, a.switch, a.port, a.port_name) for a in found] == [
        (CAMERA, EDGE, 101, "GE1"),
        (OTHER, EDGE, 102, "GE2"),
    ]


def test_ports_between_switches_are_uplinks() -> None:
    surveys = network()
    own = topology.own_addresses(surveys.values())
    assert {switch: topology.uplinks(found, own) for switch, found in surveys.items()} == {
        CORE: {101},
        EDGE: {104},
    }


def test_a_neighbours_port_is_known_by_its_name_where_lldp_counts_differently() -> None:
    """Here LLDP's port 2 is the bridge's port 4."""
    walk = bridge(0xE0, {}, lldp={2: 0xC0}).changed(
        {ber.oid("1.0.8802.1.1.2.1.3.7.1.3.2"): encode_value(ber.OCTETS, "GE4", False)}
    )
    assert [near.port for near in surveyed(walk).neighbours] == [104]
    walk = walk.changed(
        {
            ber.oid("1.0.8802.1.1.2.1.3.7.1.3.2"): encode_value(ber.OCTETS, "Gi3", False),
            ber.oid("1.3.6.1.2.1.31.1.1.1.1.103"): encode_value(ber.OCTETS, "Gi3", False),
        }
    )
    assert [near.port for near in surveyed(walk).neighbours] == [103]
    assert [near.port for near in surveyed(bridge(0xE0, {}, lldp={2: 0xC0})).neighbours] == [102]


def test_an_address_tables_number_is_not_taken_for_its_vlan() -> None:
    """Table 3 is that of VLAN 20; once VLAN 30 shares it, nobody can tell."""
    walk = bridge(0xE0, {1: [1]}, vlan=3)
    fdb = "1.3.6.1.2.1.17.7.1.4.2.1.3.900"
    assert [seen.vlan for seen in surveyed(walk).learned] == [3]
    walk = walk.changed({ber.oid(f"{fdb}.20"): encode_unsigned(ber.GAUGE32, 3)})
    assert [seen.vlan for seen in surveyed(walk).learned] == [20]
    walk = walk.changed({ber.oid(f"{fdb}.30"): encode_unsigned(ber.GAUGE32, 3)})
    assert [seen.vlan for seen in surveyed(walk).learned] == [0]


def test_an_address_that_nobody_entered_is_found_in_a_camera_vlan_only() -> None:
    ports = book(vlan=20)
    (found,) = ports.strangers(EDGE, [20])
    assert (found.mac, found.switch, found.port_name, found.vlan) == (mac(3).hex(":"), EDGE, "GE3", 20)
    assert ports.strangers(EDGE, [30]) == []
    assert ports.strangers(CORE, [20]) == []  # it sees the address through another switch


def test_each_port_says_how_many_strangers_it_has_so_that_an_alert_can_end() -> None:
    ports = book(vlan=20)

    def counts() -> dict[str, object]:
        return {dict(r.tags)["ifDescr"]: r.value for r in ports.unknown_addresses(EDGE, [20])}

    assert counts() == {"GE1": 0, "GE2": 0, "GE3": 1, "GE4": 0}
    hub = surveyed(bridge(0xE0, {1: [1], 2: [2], 3: [3, 4, 5, 6], 4: [0xC0]}, 20, lldp={4: 0xC0}))
    ports.surveyed(EDGE, hub, NOW)
    assert counts()["GE3"] == 4  # a hub hides nobody
    ports.surveyed(EDGE, network(20)[EDGE], NOW)
    ports.devices_changed({**devices(), DeviceId("cam-3"): camera("cam-3", 3)})
    assert counts() == {"GE1": 0, "GE2": 0, "GE3": 0, "GE4": 0}


def test_nobody_is_a_stranger_while_no_address_is_known() -> None:
    ports = Ports()
    ports.surveyed(EDGE, network(20)[EDGE], NOW)
    assert ports.unknown_addresses(EDGE, [20]) == []


def test_a_switch_that_does_not_tell_vlans_is_not_said_to_have_no_strangers() -> None:
    assert book(vlan=0).unknown_addresses(EDGE, [20]) == []


def test_addresses_are_learned_from_a_switch_that_routes_but_the_books_word_counts_more() -> None:
    ports = Ports()
    booked = Device(CAMERA, CAMERA, Kind.CAMERA, "10.0.0.1", tags={"mac": mac(1).hex(":")})
    ports.devices_changed({CAMERA: booked, OTHER: Device(OTHER, OTHER, Kind.CAMERA, "10.0.0.2")})
    surveys = network()
    surveys[CORE].arp.update({"10.0.0.1": mac(3).hex(":"), "10.0.0.2": mac(2).hex(":")})
    for switch, survey in surveys.items():
        ports.surveyed(switch, survey, NOW)
    assert [(a.device, a.port_name) for a in ports.attachments()] == [(CAMERA, "GE1"), (OTHER, "GE2")]


def test_a_recorded_switch_tells_its_ports() -> None:
    found = surveyed(recorded("switch_dlink-des3200.snmprec"))
    assert len(found.ports) >= 18
    assert found.learned
    assert all(learned.port in found.ports for learned in found.learned)


def camera(id_: str, last: int) -> Device:
    return Device(DeviceId(id_), id_, Kind.CAMERA, "", tags={"mac": mac(last).hex("-").upper()})


def devices() -> dict[DeviceId, Device]:
    switches = [Device(id_, id_, Kind.SWITCH, "") for id_ in (CORE, EDGE)]
    return {device.id: device for device in (camera(CAMERA, 1), camera(OTHER, 2), *switches)}


def book(vlan: int = 0) -> Ports:
    ports = Ports()
    ports.devices_changed(devices())
    for switch, survey in network(vlan).items():
        ports.surveyed(switch, survey, NOW)
    return ports


def states(port: int, admin: int, oper: int) -> list[Reading]:
    tags = (("ifIndex", str(port)), ("ifDescr", f"GE{port - 100}"))
    return [Reading("interface.ifAdminStatus", admin, tags), Reading("interface.ifOperStatus", oper, tags)]


def lost(ports: Ports, port: int, admin: int, oper: int) -> list[object]:
    return [reading.value for reading in ports.lost_links(EDGE, states(port, admin, oper))]


def test_a_link_is_lost_only_where_something_of_ours_hung_and_the_port_is_enabled() -> None:
    ports = book()
    assert lost(ports, 101, 1, 2) == [True]
    assert lost(ports, 101, 1, 1) == [False]
    assert lost(ports, 101, 2, 2) == [False]
    assert lost(ports, 104, 1, 2) == [True]  # to another switch
    assert lost(ports, 103, 1, 2) == []  # a box that nobody entered
    assert lost(ports, 117, 1, 2) == []


def test_a_lost_link_is_over_once_the_port_is_up_whatever_we_remember() -> None:
    """The daemon may have been restarted meanwhile."""
    assert lost(Ports(), 101, 1, 2) == []
    assert lost(Ports(), 101, 1, 1) == [False]
    assert lost(Ports(), 101, 2, 2) == [False]


def test_what_a_port_carried_is_remembered_after_it_went_down() -> None:
    ports = book()
    empty = surveyed(bridge(0xE0, {}))
    ports.surveyed(EDGE, empty, MonoMs(NOW + 3_600_000))
    assert lost(ports, 101, 1, 2) == [True]
    ports.surveyed(EDGE, empty, MonoMs(NOW + REMEMBER_MS))
    assert lost(ports, 101, 1, 2) == []


def test_proposals_say_how_they_stand_to_the_book_and_strangers_are_named() -> None:
    known = devices()
    known[CAMERA] = replace(known[CAMERA], parents=(EDGE,))
    known[OTHER] = replace(known[OTHER], parents=(CORE,))
    found = proposals(book(vlan=20), known, (20,))
    assert [(a["device"], a["switch"], a["port"], a["book"]) for a in found["attachments"]] == [
        (CAMERA, EDGE, "GE1", "agrees"),
        (OTHER, EDGE, "GE2", "differs"),
    ]
    assert found["strangers"] == [
        {"mac": mac(3).hex(":"), "vlan": 20, "switch": EDGE, "switch_name": EDGE, "port": "GE3"}
    ]
