"""One request to reboot, whatever becomes of the connection that carried it, counted at the camera."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from monitor.clock import SystemClock
from monitor.collectors.credentials import BackOff, Credential
from monitor.collectors.http1 import WireError
from monitor.collectors.onvif.talk import Endpoint
from monitor.remedies.actors import OnvifReboot
from monitor.secrets import Secret
from monitor.simulate import onvif_replies
from monitor.simulate.camera import SimCamera
from tests.camera_support import PASSWORD, USER, env, target

CALL = re.compile(rb"<(GetSystemDateAndTime|GetDeviceInformation|SystemReboot)\b")
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
SIM = SimCamera("127.0.0.1", "S")
STALE = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="new", stale=true, qop="auth"\r\n'


@dataclass(slots=True)
class Camera:
    """Answers harmless questions; on SystemReboot it sends ``answer`` and does ``then``."""

    answer: bytes
    then: str
    reboots: int = 0
    after: int = 0
    """Connections made after the first request to reboot."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.after += self.reboots > 0
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = LENGTH.search(head)
                call = CALL.search(await reader.readexactly(int(found[1]) if found else 0))
                name = call[1].decode() if call else ""
                if name == "SystemReboot":
                    self.reboots += 1
                    writer.write(self.answer)
                    if await self._end(writer):
                        return
                else:
                    body = onvif_replies.reply(
                        SimCamera("127.0.0.1", "S"), name, _now(), "127.0.0.1", 80, 554
                    )
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _end(self, writer: asyncio.StreamWriter) -> bool:
        """True when that was the end of the connection."""
        if self.then == "keep":
            return False
        if self.then == "reset":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        await writer.drain()
        return True


def _now() -> float:
    return SystemClock().now().wall / 1000


@asynccontextmanager
async def listening(camera: Camera) -> AsyncIterator[int]:
    server = await asyncio.start_server(camera.serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("then", ["keep", "close", "reset"])
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<?xml",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        STALE + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /onvif/device_service\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 408 Slow\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"\x00\xffgarbage\r\n\r\n",
    ],
)
async def test_one_request_to_reboot_goes_out(answer: bytes, then: str) -> None:
    camera = Camera(answer, then)
    account = Credential("fleet", USER, Secret(PASSWORD), SystemClock(), BackOff())
    async with listening(camera) as port:
        endpoint = Endpoint(port, "/onvif/device_service")
        # What never ends must end at the deadline; all else ends by itself, long before a longer one.
        endless = then == "keep" and b"Content-Length: 0" not in answer and b"garbage" not in answer
        reboot = OnvifReboot(lambda device: account, lambda device: endpoint, env(), 1.0 if endless else 30.0)
        try:
            assert not await reboot.act(target("127.0.0.1"), "r")
        except WireError as refused:
            assert b" 200 " not in answer, refused
        # With so little time a busy machine may not come to the request at all.
        assert camera.reboots <= 1 if endless else camera.reboots == 1
        assert camera.after == 0
