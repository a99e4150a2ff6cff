"""One process answers as thousands of cameras on 127.x.y.z, told apart by the address that was called."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass

from monitor.clock import Clock
from monitor.simulate.camera import SimFleet
from monitor.simulate.http_service import HttpService
from monitor.simulate.rtsp_service import RtspService
from monitor.simulate.wsd_service import WsdService

_BACKLOG = 4096


@dataclass(frozen=True, slots=True)
class Ports:
    """0 means any; ``CameraServer.ports`` tells which they became."""

    http: int = 0
    rtsp: int = 0
    wsd: int = 0


class CameraServer:
    """Serves a fleet until ``stop``. Faults may be set on its cameras while it runs."""

    def __init__(self, fleet: SimFleet, clock: Clock) -> None:
        self.fleet = fleet
        self.ports = Ports()
        self._clock = clock
        self._servers: list[asyncio.Server] = []
        self._wsd: WsdService | None = None

    async def start(self, ports: Ports) -> None:
        """``OSError`` when a port is taken."""
        loop = asyncio.get_running_loop()
        http_sock, rtsp_sock = _listen(ports.http), _listen(ports.rtsp)
        http_port, rtsp_port = http_sock.getsockname()[1], rtsp_sock.getsockname()[1]
        self._servers = [
            await loop.create_server(
                lambda: HttpService(self.fleet, self._clock, http_port, rtsp_port),
                sock=http_sock,
                backlog=_BACKLOG,
            ),
            await loop.create_server(
                lambda: RtspService(self.fleet, self._clock), sock=rtsp_sock, backlog=_BACKLOG
            ),
        ]
        self._wsd = WsdService(self.fleet, http_port)
        self._wsd.start(ports.wsd)
        self.ports = Ports(http_port, rtsp_port, self._wsd.port)

    async def stop(self) -> None:
        if self._wsd is not None:
            self._wsd.stop()
        for server in self._servers:
            server.close()
            await server.wait_closed()
        self._servers = []


def _listen(port: int) -> socket.socket:
    """A socket for all of 127.0.0.0/8: that needs the wildcard address, so it is tied to the loopback
    interface where the kernel lets us; and the services answer only for their cameras' addresses."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with suppress(PermissionError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
    sock.bind(("0.0.0.0", port))  # noqa: S104 - see above
    return sock
