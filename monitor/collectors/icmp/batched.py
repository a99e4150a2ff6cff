"""Reading and writing the ICMP socket by the batch: sendmmsg(2) and recvmmsg(2) through ctypes.

One system call for up to 128 packets, and one ``struct.iter_unpack`` for what it brought: every message has
a slot of fixed size that holds its source address, its control messages and its data in turn, so that one
format reads them all. Half the CPU of ``plain`` per packet.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from collections.abc import Sequence

from monitor.collectors.icmp.ancillary import (
    ORIGIN_TIMESTAMP,
    SO_TIMESTAMPNS,
    IcmpError,
    Stamp,
    from_error_queue,
    received_ns,
)
from monitor.collectors.icmp.packet import EchoPackets, Family, reply_body, strip_ip
from monitor.collectors.icmp.plain import CONTROL, EchoIO, PlainIO, Reply
from monitor.collectors.icmp.sockets import EchoSocket

_NS = 1_000_000_000
_NAME = 32
"""Room for a socket address; the 28 bytes of IPv6 rounded up."""
_STAMP_CONTROL = 32
"""Bytes of the SO_TIMESTAMPNS control message, which the kernel always writes first."""
_QUOTE = 512
"""Room for what an ICMP error quotes of our packet (more is cut)."""
_ERROR_SLOT = _NAME + CONTROL + _QUOTE
_SENT_STAMP = struct.Struct(f"={_NAME}x12xIqq64x12xI4xB7xI{_ERROR_SLOT - _NAME - 128}x")
"""A slot of the error queue that tells when a packet went out: SO_TIMESTAMPNS, then SCM_TIMESTAMPING (64
bytes), then the extended error with its origin and the packet's number."""


class _IoVec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("len", ctypes.c_size_t))


class _Message(ctypes.Structure):
    """struct mmsghdr of a 64-bit Linux."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_size", ctypes.c_uint32),
        ("iov", ctypes.c_void_p),
        ("iov_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_size", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("padding", ctypes.c_int),
        ("length", ctypes.c_uint),
    )


_RECEIVED = struct.Struct("=40xQ8xI4x")
"""Of each header: how many bytes of control messages and of data the kernel wrote."""
_MESSAGE_SIZE = 64


def _library() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux") or ctypes.sizeof(_Message) != _MESSAGE_SIZE:
        return None
    try:
        library = ctypes.CDLL(None, use_errno=True)
        for name in ("sendmmsg", "recvmmsg"):
            getattr(library, name).restype = ctypes.c_int
        library.sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
        library.recvmmsg.argtypes = (*library.sendmmsg.argtypes, ctypes.c_void_p)
    except (OSError, AttributeError):
        return None
    return library


_LIBC = _library()
_MSG_DONTWAIT = int(socket.MSG_DONTWAIT)
_MSG_ERRQUEUE = _MSG_DONTWAIT | 0x2000


def available() -> bool:
    """Batched calls work on this machine (64-bit Linux with a C library that has them)."""
    return _LIBC is not None


def _call(function: str, *arguments: object) -> int:
    result = int(getattr(_LIBC, function)(*arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


class _Slots:
    """Room for ``count`` messages: headers for recvmmsg, and one buffer of equal slots."""

    def __init__(self, count: int, data: int) -> None:
        self.count = count
        self.size = (_NAME + CONTROL + data + 7) & ~7
        self.buffer = ctypes.create_string_buffer(self.size * count)
        self.view = memoryview(self.buffer).cast("B")
        self._vectors = (_IoVec * count)()
        self._headers = (_Message * count)()
        base = ctypes.addressof(self.buffer)
        for i in range(count):
            slot = base + i * self.size
            self._vectors[i] = _IoVec(slot + _NAME + CONTROL, data)
            self._headers[i] = _Message(
                slot, _NAME, ctypes.addressof(self._vectors[i]), 1, slot + _NAME, CONTROL, 0, 0, 0
            )
        # The kernel overwrites the sizes in the headers: each call starts from this copy.
        self._fresh = bytes(self._headers)
        self._at = ctypes.addressof(self._headers)
        self._header_view = memoryview(self._headers).cast("B")
        self._used = count

    def receive(self, fd: int, flags: int) -> int:
        """How many messages came; 0 if none waits. Other ``OSError`` are raised."""
        ctypes.memmove(self._at, self._fresh, self._used * _MESSAGE_SIZE)
        self._used = 0
        try:
            self._used = _call("recvmmsg", fd, self._at, self.count, flags, None)
        except BlockingIOError:
            return 0
        return self._used

    def received(self, count: int) -> list[tuple[int, int]]:
        """Bytes of control messages and of data of each."""
        return list(_RECEIVED.iter_unpack(self._header_view[: count * _MESSAGE_SIZE]))

    def name(self, index: int) -> bytes:
        start = index * self.size
        return bytes(self.view[start : start + _NAME])

    def control(self, index: int, size: int) -> list[tuple[int, int, bytes]]:
        """The control messages of one slot (cmsg(3): 16 bytes of header, each aligned to 8)."""
        start = index * self.size + _NAME
        end = start + min(size, CONTROL)
        found = []
        while start + 16 <= end:
            length, level, kind = struct.unpack_from("=Qii", self.view, start)
            if length < 16 or start + length > end:
                break
            found.append((level, kind, bytes(self.view[start + 16 : start + length])))
            start += (length + 7) & ~7
        return found

    def data(self, index: int, length: int) -> bytes:
        start = index * self.size + _NAME + CONTROL
        return bytes(self.view[start : start + min(length, self.size - _NAME - CONTROL)])


class BatchedIO:
    """The socket as ``plain.EchoIO`` describes it, a batch at a time."""

    def __init__(self, echo: EchoSocket, size: int, slots: int) -> None:
        self.slots = slots
        self._echo = echo
        self._fd = echo.sock.fileno()
        self._packets = EchoPackets(echo.family, echo.ident, size, slots)
        self._outgoing = _Outgoing(self._packets, echo.family)
        self._prefix = echo.family.ip_header if echo.raw else 0
        self._length = self._prefix + self._packets.length
        # Eight bytes more than ours, so that a longer message is seen to be longer; more slots than a
        # volley has, so that its replies come with one call that also tells that no more wait.
        self._incoming = _Slots(2 * slots, self._length + 8)
        self._failures = _Slots(2 * slots, _QUOTE)
        self._reply = self._reply_format(echo.family)

    def _reply_format(self, family: Family) -> struct.Struct:
        """A slot: source address | time stamp | first IP byte | type, code | id | body."""
        after_address = _NAME - family.address_at - family.address_size
        if self._prefix:
            front = f"B{self._prefix - 1}x"
        else:
            front = "0s"
        body = self._packets.length - 6
        text = (
            f"={family.address_at}x{family.address_size}s{after_address}x"
            f"8xIIqq{CONTROL - _STAMP_CONTROL}x{front}H2xH{body}s"
        )
        return struct.Struct(f"{text}{self._incoming.size - struct.calcsize(text)}x")

    def arm(self, names: Sequence[bytes]) -> list[bytes]:
        self._outgoing.address(names)
        return self._packets.arm(len(names))

    def send(self, first: int, count: int) -> int:
        return _call("sendmmsg", self._fd, self._outgoing.at(first), count, _MSG_DONTWAIT)

    def receive(self) -> tuple[list[Reply], bool]:
        slots = self._incoming
        try:
            count = slots.receive(self._fd, _MSG_DONTWAIT)
        except OSError:
            # An error of an earlier packet that the kernel reports here; the error queue has the details.
            return [], True
        if not count:
            return [], False
        kind, ident = socket.htons(self._echo.family.reply << 8), socket.htons(self._echo.ident)
        front = 0x45 if self._prefix else b""
        length = self._length
        replies: list[Reply] = []
        odd = False
        received = slots.received(count)
        for (control, size), (source, level, ctype, sec, nsec, first, message, number, body) in zip(
            received, self._reply.iter_unpack(slots.view[: count * slots.size]), strict=True
        ):
            if first != front:
                odd = True
            elif size == length and message == kind and number == ident:
                stamped = control >= _STAMP_CONTROL and ctype == SO_TIMESTAMPNS and level == socket.SOL_SOCKET
                replies.append((source, sec * _NS + nsec if stamped else 0, body))
        if odd:
            replies += self._with_options(received)
        return replies, count == slots.count

    def _with_options(self, received: Sequence[tuple[int, int]]) -> list[Reply]:
        """Replies whose IP header is longer than usual: rare, so read one by one."""
        slots, family = self._incoming, self._echo.family
        replies: list[Reply] = []
        for index, (control, size) in enumerate(received):
            datagram = slots.data(index, size)
            if datagram[:1] == b"\x45":
                continue
            body = reply_body(family, self._echo.ident, self._packets.length, strip_ip(datagram))
            if body is not None:
                stamp = received_ns(slots.control(index, control))
                replies.append((family.address(slots.name(index)), stamp, body))
        return replies

    def errors(self) -> tuple[list[Stamp], list[IcmpError]]:
        slots, family = self._failures, self._echo.family
        try:
            count = slots.receive(self._fd, _MSG_ERRQUEUE)
        except OSError:
            return [], []
        stamps: list[Stamp] = []
        errors: list[IcmpError] = []
        received = slots.received(count)
        for index, (ctype, sec, nsec, etype, origin, number) in enumerate(
            _SENT_STAMP.iter_unpack(slots.view[: count * slots.size])
        ):
            control, size = received[index]
            if origin == ORIGIN_TIMESTAMP and ctype == SO_TIMESTAMPNS and etype == family.error_type:
                stamps.append((number, sec * _NS + nsec))
                continue
            found = from_error_queue(
                family, slots.name(index), slots.control(index, control), slots.data(index, size)
            )
            if isinstance(found, IcmpError):
                errors.append(found)
            elif found is not None:
                stamps.append(found)
        return stamps, errors


class _Outgoing:
    """Headers for sendmmsg, pointing at the armed packets and at a block of socket addresses."""

    def __init__(self, packets: EchoPackets, family: Family) -> None:
        size, length = family.name_size, packets.length
        self._names = ctypes.create_string_buffer(size * packets.slots)
        self._buffer = (ctypes.c_char * len(packets.buffer)).from_buffer(packets.buffer)
        self._vectors = (_IoVec * packets.slots)()
        self._headers = (_Message * packets.slots)()
        names, data = ctypes.addressof(self._names), ctypes.addressof(self._buffer)
        for i in range(packets.slots):
            self._vectors[i] = _IoVec(data + i * length, length)
            self._headers[i] = _Message(
                names + i * size, size, ctypes.addressof(self._vectors[i]), 1, None, 0, 0, 0, 0
            )
        self._at = ctypes.addressof(self._headers)

    def address(self, names: Sequence[bytes]) -> None:
        block = b"".join(names)
        ctypes.memmove(self._names, block, len(block))

    def at(self, index: int) -> int:
        return self._at + index * _MESSAGE_SIZE


def open_io(echo: EchoSocket, size: int, slots: int) -> EchoIO:
    """The fastest way to use ``echo`` that this machine has."""
    return BatchedIO(echo, size, slots) if available() else PlainIO(echo, size, slots)
