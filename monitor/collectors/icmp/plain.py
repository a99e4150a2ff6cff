"""Reading and writing the ICMP socket one packet at a time, with nothing but the standard library."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from collections.abc import Sequence
from typing import Protocol

from monitor.collectors.icmp.ancillary import IcmpError, Stamp, from_error_queue, received_ns
from monitor.collectors.icmp.packet import V4, EchoPackets, Family, reply_body, strip_ip
from monitor.collectors.icmp.sockets import EchoSocket

Reply = tuple[bytes, int, bytes]
"""Source address, when the kernel received it (UTC nanoseconds), body. A tuple: made by the ten thousand."""

_Address = tuple[str, int] | tuple[str, int, int, int]

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
        self._addresses: list[_Address] = []

    def arm(self, names: Sequence[bytes]) -> list[bytes]:
        self._addresses = [_address(self._echo.family, name) for name in names]
        return self._packets.arm(len(names))

    def send(self, first: int, count: int) -> int:
        sendto, packet = self._echo.sock.sendto, self._packets.packet
        for index in range(first, first + count):
            try:
                sendto(packet(index), self._addresses[index])
            except OSError:
                if index > first:
                    return index - first
                raise
        return count

    def receive(self) -> tuple[list[Reply], bool]:
        family, ident, length = self._echo.family, self._echo.ident, self._packets.length
        with_ip = self._echo.raw and family.ip_header
        recvmsg = self._echo.sock.recvmsg
        replies: list[Reply] = []
        for _ in range(self.slots):
            try:
                data, control, _, source = recvmsg(length + 64, CONTROL)
            except BlockingIOError:
                return replies, False
            except OSError:
                # An error of an earlier packet that the kernel reports here; the error queue has the details.
                continue
            body = reply_body(family, ident, length, strip_ip(data) if with_ip else data)
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


def _address(family: Family, name: bytes) -> _Address:
    """A kernel socket address as the ``socket`` module wants it."""
    text = family.text(family.address(name))
    if family is V4:
        return (text, 0)
    return (text, 0, 0, int.from_bytes(name[24:28], sys.byteorder))
