"""A small real fleet for tests of the service: devices that listen, a phone that takes messages, a daemon."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from monitor.model import Device
from monitor.simulate.city import city
from monitor.simulate.wires import TCP_PORT
from tests.addresses import own_network
from tests.daemon_support import House

CONFIG = """\
inventory = ["cameras.csv"]

[daemon]
state_dir = "state"
run_dir = "run"
uplink = {{ references = ["127.0.0.1"] }}
log = {{ level = "{level}" }}
{daemon}

[checks.tcp]
interval = "{interval}"
port = {port}
timeout = "500ms"

[kind.camera]
checks = ["tcp"]
[kind.switch]
checks = ["tcp"]

[states]
boot_grace = "2s"
recheck = "200ms"

[channel.hook]
url = "webhook://127.0.0.1:{phone}/hook"
retry_first = "1s"

[receiver.duty]
channels = ["hook"]

[[route]]
receiver = "duty"
group_wait = "0s"

[[rule]]
name = "device-down"
type = "threshold"
state = "down"
severity = "warning"
"""


@dataclass(slots=True)
class Town:
    """Real listeners, each device at an address of its own that can be unplugged."""

    devices: list[Device]
    listeners: dict[str, socket.socket] = field(default_factory=dict)

    def plug(self, *devices: Device) -> None:
        for device in devices:
            listener = self.listeners[device.address] = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((device.address, TCP_PORT))
            listener.listen(4096)  # nobody accepts: the queue must hold what a test asks

    def unplug(self, *devices: Device) -> None:
        for device in devices:
            self.listeners.pop(device.address).close()

    def close(self) -> None:
        while self.listeners:
            self.listeners.popitem()[1].close()


@dataclass(slots=True)
class Hook:
    """A web hook that keeps the bodies it was sent."""

    port: int = 0
    bodies: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            self.bodies.append((await reader.readexactly(length)).decode())
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def hook() -> AsyncIterator[Hook]:
    made = Hook()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()


@contextlib.contextmanager
def town(cameras: int, net: int) -> Iterator[Town]:
    """Addresses in 127.x.``net``.0/24, x this process's own, so that tests beside each other do not meet."""
    made = Town(
        [
            replace(device, address=f"{own_network()}.{net}.{number + 1}", parents=())
            for number, device in enumerate(city(cameras))
        ]
    )
    made.plug(*made.devices)
    try:
        yield made
    finally:
        made.close()


def furnish(
    folder: Path,
    town: Town,
    phone: int,
    *,
    daemon: str = "",
    interval: str = "1s",
    more: str = "",
    level: str = "info",
    environment: dict[str, str] | None = None,
) -> House:
    """A daemon's folder for this town. ``daemon``: further keys of ``[daemon]``; ``more``: further text."""
    house = House(folder, environment or {})
    text = CONFIG.format(daemon=daemon, interval=interval, port=TCP_PORT, phone=phone, level=level)
    house.furnish(town.devices, text + more)
    return house
