"""Answers pings on behalf of simulated cameras on 127.x.y.z, those that are plugged in.

One raw socket for all of them. An answer is the request with its addresses
swapped and its type changed, so that it costs little. It needs a network in which the kernel
does not answer itself (see ``netns``).

As a program (``python -m monitor.simulate.icmp_responder``) it says ``ready`` and then reads commands
from standard input, one a line: ``- ADDRESS`` unplugs, ``+ ADDRESS`` plugs in again; it ends with its input.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import sys
from collections.abc import Iterable

from monitor.collectors.icmp import bpf
from monitor.simulate.netns import ECHO_IGNORE

_BATCH = 256
_LARGEST = 1500
_SMALLEST = 28
"""An IP header and an echo header."""
_ADDRESSES = struct.Struct("!12x4s4s")
_CHECKSUM = struct.Struct("!H")
_REQUEST_WORD = 0x0800
"""Type 8, code 0: what the checksum grows by when the type becomes 0 (RFC 1624)."""

Answer = tuple[bytes, tuple[str, int]]


class IcmpResponder:
    """``delay_s`` holds each answer back; ``loss`` (0 to 1) of them never come."""

    def __init__(self, chance: random.Random, delay_s: float = 0.0, loss: float = 0.0) -> None:
        self._chance = chance
        self._delay_s = delay_s
        self._loss = loss
        self._unplugged: set[bytes] = set()
        self._sock: socket.socket | None = None
        self.answered = 0

    def unplug(self, addresses: Iterable[str]) -> None:
        self._unplugged.update(socket.inet_aton(address) for address in addresses)

    def plug(self, addresses: Iterable[str]) -> None:
        self._unplugged.difference_update([socket.inet_aton(address) for address in addresses])

    async def start(self) -> None:
        """``RuntimeError`` where the kernel answers pings itself, ``PermissionError`` without raw sockets."""
        if ECHO_IGNORE.read_text().strip() != "1":
            raise RuntimeError(f"the kernel answers pings here: {ECHO_IGNORE} is not 1")
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMP)
        try:
            bpf.attach(sock, bpf.echo_request_program())
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                sock.setsockopt(socket.SOL_SOCKET, option, 4 << 20)
            with contextlib.suppress(PermissionError):
                sock.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
        except BaseException:
            sock.close()
            raise
        self._sock = sock
        asyncio.get_running_loop().add_reader(sock.fileno(), self._readable)

    async def stop(self) -> None:
        if self._sock is not None:
            asyncio.get_running_loop().remove_reader(self._sock.fileno())
            self._sock.close()
            self._sock = None

    def _readable(self) -> None:
        """Answer one batch; the loop calls again while more wait."""
        for _ in range(_BATCH):
            try:
                request = self._sock.recv(_LARGEST) if self._sock else b""
            except OSError:
                return
            if len(request) < _SMALLEST:
                continue
            answer = self._answer(request)
            if answer is None:
                continue
            if self._delay_s:
                asyncio.get_running_loop().call_later(self._delay_s, self._send, *answer)
            else:
                self._send(*answer)

    def _answer(self, request: bytes) -> Answer | None:
        source, camera = _ADDRESSES.unpack_from(request)
        if camera in self._unplugged or camera[0] != 127:
            return None
        if self._loss and self._chance.random() < self._loss:
            return None
        at = (request[0] & 0xF) * 4
        total = int.from_bytes(request[at + 2 : at + 4]) + _REQUEST_WORD
        checksum = _CHECKSUM.pack((total & 0xFFFF) + (total >> 16))
        answer = b"".join(
            (request[:12], camera, source, request[20:at], b"\0\0", checksum, request[at + 4 :])
        )
        return answer, (socket.inet_ntoa(source), 0)

    def _send(self, answer: bytes, to: tuple[str, int]) -> None:
        if self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.sendto(answer, to)
                self.answered += 1


async def serve(commands: asyncio.StreamReader) -> None:
    """Answer until ``commands`` ends."""
    responder = IcmpResponder(random.Random())
    await responder.start()
    try:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while line := (await commands.readline()).decode().split():
            act = responder.unplug if line[0] == "-" else responder.plug
            act(line[1:])
    finally:
        await responder.stop()


async def _main() -> None:
    commands = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(commands)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    await serve(commands)


if __name__ == "__main__":
    asyncio.run(_main())
