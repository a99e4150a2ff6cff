"""Reading and writing the ICMP socket one packet at a time, with nothing but the standard library."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from collections.abc import Sequence
from typing import Protocol

from monitor.collectors.icmp.ancillary import IcmpError, Stamp, from_error_queue, received_ns
from monitor.collectors.icmp.packet import EchoPackets, reply_body, strip_ip
from monitor.collectors.icmp.sockets import EchoSocket

Reply = tuple[bytes, int, bytes]
"""Source address, when the kernel received it (UTC nanoseconds), body. A tuple: made by the ten thousand."""

CONTROL = 256
"""Bytes of control messages: two time stamps and an extended error take 160."""


class EchoIO(Protocol):
    """The socket as the pinger uses it. Nothing here waits."""

    slots: int
    """How many packets are armed and sent at a time."""

    def arm(self, names: Sequence[bytes]) -> list[bytes]:
        """Make one packet ready for each socket address, at most ``slots``; returns the bodies."""
        ...

    def send(self, first: int, count: int) -> int:
        """Send ``count`` armed packets from ``first`` on; returns how many went out before one failed.
        ``OSError`` when the very first fails."""
        ...

    def receive(self) -> tuple[list[Reply], bool]:
        """Echo replies with our id and length, and whether more may be waiting."""
        ...

    def errors(self) -> tuple[list[Stamp], list[IcmpError]]:
        """What waits in the error queue: stamps of packets that went out, and ICMP errors."""
        ...


class PlainIO:
    def __init__(self, echo: EchoSocket, size: int, slots: int) -> None:
        self.slots = slots
        self._echo = echo
        self._packets = EchoPackets(echo.family, echo.ident, size, slots)
        self._names: Sequence[bytes] = ()

    def arm(self, names: Sequence[bytes]) -> list[bytes]:
        self._names = names
        return self._packets.arm(len(names))

    def send(self, first: int, count: int) -> int:
        for sent in range(count):
            name = self._names[first + sent]
            try:
                self._echo.sock.sendto(self._packets.packet(first + sent), self._address(name))
            except OSError:
                if sent:
                    return sent
                raise
        return count

    def _address(self, name: bytes) -> tuple[str, int] | tuple[str, int, int, int]:
        family = self._echo.family
        text = family.text(family.address(name))
        if family.af == socket.AF_INET:
            return (text, 0)
        return (text, 0, 0, int.from_bytes(name[24:28], sys.byteorder))

    def receive(self) -> tuple[list[Reply], bool]:
        family, length = self._echo.family, self._packets.length
        replies: list[Reply] = []
        for _ in range(self.slots):
            try:
                data, control, _, source = self._echo.sock.recvmsg(length + 64, CONTROL)
            except BlockingIOError:
                return replies, False
            except OSError:
                # An error of an earlier packet that the kernel reports here; the error queue has the details.
                continue
            message = strip_ip(data) if self._echo.raw and family.ip_header else data
            body = reply_body(family, self._echo.ident, length, message)
            if body is not None:
                address = socket.inet_pton(family.af, source[0].partition("%")[0])
                replies.append((address, received_ns(control), body))
        return replies, True

    def errors(self) -> tuple[list[Stamp], list[IcmpError]]:
        family = self._echo.family
        stamps: list[Stamp] = []
        errors: list[IcmpError] = []
        for _ in range(2 * self.slots):
            try:
                data, control, _, source = self._echo.sock.recvmsg(1500, CONTROL, socket.MSG_ERRQUEUE)
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    continue
                break
            name = b""
            with contextlib.suppress(ValueError, TypeError, IndexError):
                name = family.name(source[0])
            found = from_error_queue(family, name, control, data)
            if isinstance(found, IcmpError):
                errors.append(found)
            elif found is not None:
                stamps.append(found)
        return stamps, errors
