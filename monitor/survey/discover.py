"""What is on the network, and what of it is in the book? The looking behind ``camwatch discover``.

ICMP, WS-Discovery, ONVIF and SNMP through the same collectors that watch the fleet, over the addresses of
the named ranges and no others: not one packet goes to, and no answer is taken from, any other address.
"""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network
from itertools import islice
from pathlib import Path

from monitor.collectors.base import Collector
from monitor.collectors.onvif.wsd import Prober
from monitor.collectors.pin import USUAL_PORTS, pin
from monitor.model import NO_TAGS, Device, DeviceId, Kind, Reason, Result, Target

MOST_ADDRESSES = 1 << 20
_SLICE = 4096
_WSD_WAIT_S = 2.0
_RECORDER = re.compile(r"nvr|dvr|xvr|recorder|录像", re.IGNORECASE)
_SWITCH = re.compile(r"switch|comware|h3c|ruijie|huawei.*\bs\d{4}|vrp|routing|cisco ios|交换", re.IGNORECASE)
_UPS = re.compile(r"\bups\b|apc web|uninterruptible", re.IGNORECASE)


class Stage(StrEnum):
    PING = "ping"
    WSD = "ws-discovery"
    ONVIF = "onvif"
    SNMP = "snmp"


Progress = Callable[[Stage, int, int], None]
"""Told of each stage: how many of how many addresses are done."""


@dataclass(frozen=True, slots=True)
class Found:
    """One address that answered, and what it says of itself."""

    address: str
    kind: Kind = Kind.SERVER
    by: frozenset[Stage] = frozenset()
    """How it answered."""
    name: str = ""
    vendor: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""
    description: str = ""
    """SNMP's sysDescr."""


@dataclass(frozen=True, slots=True)
class Looks:
    """The ways to look; those that are None are left out."""

    ping: Collector | None = None
    onvif: Collector | None = None
    snmp: Collector | None = None
    prober: Prober | None = None
    per_second: float = 1000.0
    """Addresses begun in a second, at most, in each stage."""


def parse_ranges(texts: Iterable[str]) -> list[IPv4Network]:
    """``ValueError`` that names what is no range, or is too much."""
    ranges = []
    for text in texts:
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f'"{text}" is not a range of addresses: write for example 10.1.0.0/16') from None
        if not isinstance(network, IPv4Network):
            raise ValueError(f'"{text}": IPv6 ranges are too large to be searched address by address')
        ranges.append(network)
    if sum(network.num_addresses for network in ranges) > MOST_ADDRESSES:
        raise ValueError(f"more than {MOST_ADDRESSES} addresses in all: name smaller ranges")
    return ranges


def addresses(ranges: Iterable[IPv4Network]) -> list[str]:
    """Every host address of the ranges once, in order."""
    return list(dict.fromkeys(str(host) for network in ranges for host in network.hosts()))


def within(ranges: Collection[IPv4Network], address: str) -> bool:
    try:
        host = ip_address(address)
    except ValueError:
        return False
    return isinstance(host, IPv4Address) and any(host in network for network in ranges)


async def discover(ranges: Collection[IPv4Network], looks: Looks, progress: Progress) -> list[Found]:
    """What answered in the ranges, by address."""
    everywhere = addresses(ranges)
    found: dict[str, Found] = {}
    ports: dict[str, str] = {}
    """Where the device service is, as WS-Discovery told."""
    if looks.ping is not None:
        results = await _ask(looks.ping, everywhere, looks.per_second, Stage.PING, progress)
        _note(found, (r.device for r in results if r.ok), Stage.PING)
    if looks.prober is not None:
        progress(Stage.WSD, 0, len(everywhere))
        matches = await looks.prober.unicast(everywhere, looks.per_second, _WSD_WAIT_S)
        matches += await looks.prober.multicast(lambda address: within(ranges, address), _WSD_WAIT_S)
        _note(found, (match.address for match in matches), Stage.WSD)
        for match in matches:
            found[match.address] = replace(found[match.address], name=match.name, model=match.hardware)
            service = pin(match.service, match.address, ("http",), USUAL_PORTS)
            if service is not None and not service.foreign:
                ports[match.address] = str(service.port)
        progress(Stage.WSD, len(everywhere), len(everywhere))
    # Whoever was not seen so far may still be there and keep silent to echoes: only a search by ONVIF
    # alone asks everybody, since each question is a connection.
    seen = list(found) if looks.ping or looks.prober else everywhere
    if looks.onvif is not None:
        results = await _ask(looks.onvif, seen, looks.per_second, Stage.ONVIF, progress, ports)
        answering = [r for r in results if r.readings or r.reason is Reason.AUTH]
        _note(found, (r.device for r in answering), Stage.ONVIF)
        for result in answering:
            found[result.device] = _with_onvif(found[result.device], result)
    if looks.snmp is not None:
        results = await _ask(looks.snmp, seen, looks.per_second, Stage.SNMP, progress)
        _note(found, (r.device for r in results if r.ok), Stage.SNMP)
        for result in results:
            if result.ok:
                words = _text(result, "snmp.sysDescr")
                found[result.device] = replace(found[result.device], description=words)
    return [replace(each, kind=guess_kind(each)) for each in sorted(found.values(), key=_by_address)]


def _by_address(found: Found) -> IPv4Address:
    return IPv4Address(found.address)


async def _ask(
    collector: Collector,
    where: Sequence[str],
    per_second: float,
    stage: Stage,
    progress: Progress,
    ports: Mapping[str, str] = NO_TAGS,
) -> list[Result]:
    """Every address once, some thousands at a time so that the pace and the memory stay bounded."""
    loop = asyncio.get_running_loop()
    results: list[Result] = []
    progress(stage, 0, len(where))
    rest = iter(where)
    while part := list(islice(rest, _SLICE)):
        began = loop.time()
        due = [_target(address, ports.get(address, "")) for address in part]
        async for batch in collector.collect(due, began + len(part) / per_second + 30):
            results += batch
            progress(stage, len(results), len(where))
        await asyncio.sleep(max(0.0, began + len(part) / per_second - loop.time()))
    return results


def _target(address: str, onvif_port: str) -> Target:
    tags = {"onvif_port": onvif_port} if onvif_port else NO_TAGS
    return Target(Device(DeviceId(address), address, Kind.CAMERA, address, tags=tags), address)


def _note(found: dict[str, Found], where: Iterable[str], stage: Stage) -> None:
    for address in where:
        known = found.get(address, Found(address))
        found[address] = replace(known, by=known.by | {stage})


def _with_onvif(found: Found, result: Result) -> Found:
    return replace(
        found,
        vendor=_text(result, "onvif.manufacturer") or found.vendor,
        model=_text(result, "onvif.model") or found.model,
        serial=_text(result, "onvif.serial_number"),
        firmware=_text(result, "onvif.firmware_version"),
    )


def _text(result: Result, metric: str) -> str:
    return next((str(r.value) for r in result.readings if r.metric == metric), "")


def guess_kind(found: Found) -> Kind:
    """What it probably is: people will look through the list."""
    if found.by & {Stage.WSD, Stage.ONVIF}:
        return Kind.RECORDER if _RECORDER.search(f"{found.name} {found.model}") else Kind.CAMERA
    if _UPS.search(found.description):
        return Kind.UPS
    return Kind.SWITCH if _SWITCH.search(found.description) else Kind.SERVER


class Standing(StrEnum):
    KNOWN = "known"
    NEW = "new"
    """Not in the book: perhaps nobody allowed it."""
    MOVED = "moved"
    """In the book under another address (by its serial number)."""
    REPLACED = "replaced"
    """At an address of the book, with another serial number than the book's."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found against the book."""

    found: Mapping[str, Standing]
    books: Mapping[str, Device] = field(default_factory=dict)
    """For each address found the device of the book that it is."""
    missing: tuple[Device, ...] = ()
    """In the book with an address in the ranges, and did not answer."""


def compare(found: Sequence[Found], devices: Iterable[Device], ranges: Collection[IPv4Network]) -> Comparison:
    """A device is known by its address, and by its serial number where the book has it (tag ``serial``)."""
    booked = list(devices)
    by_address = {device.address: device for device in booked}
    by_serial = {device.tags["serial"]: device for device in booked if device.tags.get("serial")}
    standings: dict[str, Standing] = {}
    books: dict[str, Device] = {}
    for each in found:
        here, same = by_address.get(each.address), by_serial.get(each.serial)
        if same is not None and same is not here:
            standings[each.address], books[each.address] = Standing.MOVED, same
        elif here is None:
            standings[each.address] = Standing.NEW
        else:
            other = each.serial and here.tags.get("serial") and here is not same
            standings[each.address] = Standing.REPLACED if other else Standing.KNOWN
            books[each.address] = here
    met = {device.id for device in books.values()}
    gone = (d for d in booked if d.id not in met and within(ranges, d.address))
    return Comparison(standings, books, tuple(gone))


def write_inventory(path: Path, found: Sequence[Found], compared: Comparison) -> None:
    """A CSV that the configuration can name as an inventory, with a mark of order so that spreadsheet
    programs read it as UTF-8. ``OSError`` when it cannot be written; a file that is there is kept."""
    with path.open("x", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "name", "kind", "address", "site", "area", "vendor", "model", "tags"))
        for each in found:
            device = compared.books.get(each.address)
            id_ = device.id if device else each.serial or each.address
            name = (device.name if device else each.name) or each.address
            site, area = (device.site, device.area) if device else ("", "")
            tags = f"serial={each.serial}" if each.serial else ""
            row = (id_, name, each.kind, each.address, site, area, each.vendor, each.model, tags)
            writer.writerow(_plain(str(cell)) for cell in row)


def _plain(cell: str) -> str:
    """A camera must not write formulas into somebody's spreadsheet."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t") else cell
