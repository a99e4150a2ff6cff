"""For a kill storm over the whole daemon: cameras that hand out numbers, and books beside the database.

Each camera serves a page that is one byte longer each time it is asked for, so what ends up in the database
as ``content_length`` is known from outside. Three books tell where a number that is missing got lost:

- *handed*: what the cameras gave out, kept by the test;
- *noted*: what the daemon gave its sink (``tests.sink_noting``);
- *accepted*: what stands in the sink's spool after the kill, read from the files by the few lines below.
"""

from __future__ import annotations

import asyncio
import re
import struct
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from monitor.model import Device, DeviceId, Kind
from tests.addresses import free_port, own_network
from tests.sink_support import Influxd

CONFIG = """\
inventory = ["cameras.csv"]

[daemon]
state_dir = "state"
run_dir = "run"
uplink = {{ references = ["127.0.0.1"] }}
log = {{ level = "error" }}

[checks.http]
interval = "{interval}"
per_second = 2000
pages = [{{ name = "number", port = {port} }}]

[kind.camera]
checks = ["http"]

[sink]
type = "influxdb"
url = "{url}"
database = "{database}"
flush_interval = "50ms"
timeout = "2s"
[sink.spool]
path = "spool"
sync_interval = "100ms"
"""


class Number(NamedTuple):
    device: str
    at: int
    """Of the result, UTC ms."""
    number: int


@dataclass(slots=True)
class Cameras:
    """Each on an address of its own, all on one port."""

    port: int
    devices: list[Device]
    handed: dict[str, int] = field(default_factory=dict)
    """The last number that each gave out; the first was 1."""
    _by_address: dict[str, str] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        device = self._by_address[writer.get_extra_info("sockname")[0]]
        try:
            await reader.readuntil(b"\r\n\r\n")
            number = self.handed[device] = self.handed.get(device, 0) + 1
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % number + b"." * number)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):  # the daemon was killed in the middle of it
            pass
        finally:
            writer.close()

    @property
    def asked(self) -> int:
        """How many numbers were given out in all."""
        return sum(self.handed.values())


@asynccontextmanager
async def cameras(count: int) -> AsyncIterator[Cameras]:
    """Addresses in 127.x.7.0/24, x this process's own, so that tests beside each other do not meet."""
    net = f"{own_network()}.7"
    devices = [
        Device(
            DeviceId(f"cam-{n:03d}"), f"摄像机 {n}", Kind.CAMERA, f"{net}.{n + 1}", f"路口 {n // 8}", "城东"
        )
        for n in range(count)
    ]
    made = Cameras(free_port(), devices)
    made._by_address = {device.address: device.id for device in devices}
    server = await asyncio.start_server(made.serve, [d.address for d in devices], made.port)
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()


def noted(file: Path) -> list[Number]:
    """What a life's sink was given, in its order. A last line without its end was cut by the kill."""
    if not file.exists():
        return []
    lines = file.read_text().split("\n")[:-1]
    return [Number(device, int(at), int(number)) for device, at, number in map(str.split, lines)]


_FRAME = struct.Struct("<4sIIqII")


@dataclass(slots=True)
class Accepted:
    """All that the sink ever took, as line protocol in its order: the spool, read after each kill.

    No segment is missed: the one that a life writes to is deleted only when it is full or closed in order,
    and these lives are too short for the one and end by ``kill -9``.
    """

    spool: Path
    lines: list[bytes] = field(default_factory=list)
    _read: set[bytes] = field(default_factory=set)
    """Heads of first frames, with time and checksum: numbers of deleted segments are given out again."""

    def after_a_kill(self) -> list[Number]:
        """Read the segments that are new; the numbers in them."""
        new: list[bytes] = []
        for path in sorted(self.spool.glob("*.seg")):
            segment = path.read_bytes()
            if segment[: _FRAME.size] not in self._read:
                self._read.add(segment[: _FRAME.size])
                new += _lines(segment)
        self.lines += new
        return [found for line in new if (found := _number(line))]


def _lines(segment: bytes) -> Iterator[bytes]:
    """Of the whole frames: the kill may have cut the last."""
    at = 0
    while at + _FRAME.size <= len(segment):
        magic, length, *_ = _FRAME.unpack_from(segment, at)
        at += _FRAME.size + length
        if at > len(segment):
            return
        assert magic == b"CWF1"
        yield from zlib.decompress(segment[at - length : at], 31).splitlines(keepends=True)


def _number(line: bytes) -> Number | None:
    found = re.fullmatch(rb"http_response,.*device=([^, ]+).* .*content_length=(\d+)i.* (\d+)\n", line)
    return Number(found[1].decode(), int(found[3]), int(found[2])) if found else None


def stored(server: Influxd, database: str) -> list[Number]:
    """What the database has."""
    found = server.query('SELECT "content_length" FROM "http_response" GROUP BY "device"', database)
    return [
        Number(series["tags"]["device"], at, number) for series in found for at, number in series["values"]
    ]


def rows(server: Influxd, database: str) -> dict[str, object]:
    """All that a database has, by measurement."""
    [names] = server.query("SHOW MEASUREMENTS", database)
    return {name: server.query(f'SELECT * FROM "{name}" GROUP BY *', database) for (name,) in names["values"]}


def load(server: Influxd, database: str, lines: Sequence[bytes]) -> None:
    """Write them as they are, by no code of ours."""
    target = f"{server.url}/write?{urlencode({'db': server.create(database), 'precision': 'ms'})}"
    for start in range(0, len(lines), 5000):
        with urlopen(Request(target, data=b"".join(lines[start : start + 5000])), timeout=60):
            pass


def by_device(numbers: Sequence[Number]) -> dict[str, list[Number]]:
    found: dict[str, list[Number]] = defaultdict(list)
    for number in numbers:
        found[number.device].append(number)
    return found
