"""Discovery finds what is in the ranges, tells it from the book, and touches nothing else."""

from __future__ import annotations

import random
import socket
import struct
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from monitor.collectors.icmp.bpf import attach
from monitor.collectors.icmp.collector import IcmpCollector, IcmpSettings
from monitor.collectors.onvif.collector import OnvifCollector, OnvifSettings
from monitor.collectors.onvif.wsd import Prober
from monitor.model import Device, DeviceId, Kind
from monitor.simulate.faults import Fault
from monitor.survey.discover import (
    Found,
    Looks,
    Stage,
    Standing,
    compare,
    discover,
    guess_kind,
    parse_ranges,
    write_inventory,
)
from tests.camera_support import cameras, credentials, env, fleet

RANGE = IPv4Network("127.31.0.0/28")
"""Of the fleet's thirty cameras, 127.31.0.1 to 127.31.0.30, only the first fourteen."""


def device(id_: str, address: str, **tags: str) -> Device:
    return Device(DeviceId(id_), id_, Kind.CAMERA, address, tags=tags)


async def test_it_finds_and_names_what_is_there_and_touches_nothing_outside(tmp_path: Path) -> None:
    async with fleet(30) as server:
        settings = {"credentials": credentials(tmp_path / "secret")}
        onvif = OnvifCollector(OnvifSettings.model_validate(settings), env())
        prober = Prober(random.Random(1), server.ports.wsd)
        told: list[tuple[Stage, int, int]] = []
        try:
            looks = Looks(onvif=onvif, prober=prober, per_second=5000)
            found = await discover([RANGE], looks, lambda *each: told.append(each))
        finally:
            prober.close()
        inside, outside = cameras(server)[:14], cameras(server)[14:]
        assert [f.address for f in found] == [c.address for c in inside]
        assert [f.serial for f in found] == [c.serial for c in inside]
        assert {f.kind for f in found} == {Kind.CAMERA}
        assert sum(c.seen.requests for c in outside) == 0
        assert (Stage.ONVIF, 14, 14) in told

        book = [
            device("a", inside[0].address, serial=inside[0].serial),
            device("b", "127.31.0.99", serial=inside[1].serial),
            device("c", inside[2].address, serial="ANOTHER"),
            device("d", "127.31.0.15"),
            device("e", "10.0.0.1"),
        ]
        compared = compare(found, book, [RANGE, IPv4Network("127.31.0.15/32")])
        assert [compared.found[f.address] for f in found[:4]] == [
            Standing.KNOWN,
            Standing.MOVED,
            Standing.REPLACED,
            Standing.NEW,
        ]
        assert [d.id for d in compared.missing] == ["d"]

        path = tmp_path / "found.csv"
        write_inventory(path, found, compared)
        rows = path.read_text("utf-8-sig").splitlines()
        assert len(rows) == 15
        assert rows[2].startswith(f"b,b,camera,{inside[1].address},")
        with pytest.raises(FileExistsError):
            write_inventory(path, found, compared)


TO_OUR_NETWORK = b"".join(
    struct.pack("HBBI", *line)
    for line in (
        (0x20, 0, 0, 16),  # the IPv4 destination
        (0x54, 0, 0, 0xFFFF0000),
        (0x15, 0, 1, 0x7F4D0000),  # 127.77.0.0/16, which no other test has
        (0x06, 0, 0, 64),
        (0x06, 0, 0, 0),
    )
)
"""Classic BPF: others on the same loopback must not fill our buffer."""


async def test_not_one_packet_goes_to_an_address_outside_the_ranges(tmp_path: Path) -> None:
    """Seen on the wire, with every way of looking, beside a camera that names other hosts."""
    try:
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    except PermissionError:
        pytest.skip("capturing packets needs CAP_NET_RAW")
    with wire:
        attach(wire, TO_OUR_NETWORK)
        wire.setblocking(False)
        wire.bind(("lo", 0))
        # The range is this test's own: others run on the same loopback.
        async with fleet(30, "127.77.5.1") as server:
            cameras(server)[3].fault = Fault.FOREIGN_XADDR
            server.fleet.decoy = "127.77.5.30"
            settings = {"port": server.ports.http, "credentials": credentials(tmp_path / "secret")}
            onvif = OnvifCollector(OnvifSettings.model_validate(settings), env())
            ping = IcmpCollector(IcmpSettings(), env())
            prober = Prober(random.Random(1), server.ports.wsd)
            try:
                await ping.start()
                looks = Looks(ping=ping, onvif=onvif, prober=prober, per_second=5000)
                found = await discover([IPv4Network("127.77.5.0/28")], looks, lambda *_: None)
            finally:
                prober.close()
                await ping.stop()
            assert len(found) == 14
            assert server.fleet.strays == 0
        asked = set()
        while True:
            try:
                packet = wire.recv(64)
            except BlockingIOError:
                break
            asked.add(socket.inet_ntoa(packet[16:20]))
        assert asked == {f"127.77.5.{host}" for host in range(1, 15)}


def test_what_it_writes_is_an_inventory(tmp_path: Path) -> None:
    from monitor.config import load

    found = [Found("10.1.0.7", Kind.CAMERA, name="=cmd()", vendor="海康威视", model="DS-2CD", serial="S1")]
    write_inventory(tmp_path / "found.csv", found, compare(found, [], []))
    (tmp_path / "camwatch.toml").write_text('inventory = ["found.csv"]\n')
    device = load(tmp_path / "camwatch.toml").inventory.devices[DeviceId("S1")]
    assert (device.address, device.vendor, device.tags["serial"]) == ("10.1.0.7", "海康威视", "S1")
    assert not device.name.startswith("=")


def test_a_range_that_is_none_or_too_large_is_named() -> None:
    for text in ("10.0.0.0/33", "camera", "10.0.0.0/8", "fd00::/64"):
        with pytest.raises(ValueError, match=r"10\.0\.0\.0/33|camera|addresses|IPv6"):
            parse_ranges([text])
    assert parse_ranges(["10.0.0.7/24"]) == [IPv4Network("10.0.0.0/24")]


def test_kinds_are_guessed_by_what_answers() -> None:
    snmp = frozenset({Stage.SNMP})
    assert guess_kind(Found("x", by=frozenset({Stage.WSD}), model="DS-7808N NVR")) is Kind.RECORDER
    assert guess_kind(Found("x", by=snmp, description="H3C Comware Platform Software")) is Kind.SWITCH
    assert guess_kind(Found("x", by=snmp, description="APC Web/SNMP Management Card")) is Kind.UPS
    assert guess_kind(Found("x", by=frozenset({Stage.PING}))) is Kind.SERVER
