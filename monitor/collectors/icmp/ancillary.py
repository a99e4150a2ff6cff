"""Control messages of the ICMP sockets (linux/errqueue.h): time stamps, and errors that quote our packets."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.collectors.icmp.packet import Family

SO_TIMESTAMPNS = 35
SO_TIMESTAMPING = 37
_NS = 1_000_000_000
_TIMESPEC = struct.Struct("=qq")
_EXTENDED_ERROR = struct.Struct("=IBBBBII")
"""struct sock_extended_err: errno, origin, type, code, pad, info, data."""
_ORIGIN_ICMP = (2, 3)
ORIGIN_TIMESTAMP = 4

Control = Sequence[tuple[int, int, bytes]]
"""As ``socket.recvmsg`` gives it: level, type, data."""
Stamp = tuple[int, int]
"""The running number of a packet that went out, and when: UTC nanoseconds."""


@dataclass(frozen=True, slots=True)
class IcmpError:
    """A router or host says that a packet of ours did not get there."""

    quoted: bytes
    """The ICMP message that it quotes, perhaps cut."""
    destination: bytes
    """The address our packet was sent to."""
    offender: bytes
    """Who says so."""
    kind: int
    code: int


def received_ns(control: Control) -> int:
    """When the kernel received a datagram, UTC nanoseconds; 0 when it did not say."""
    for level, kind, data in control:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(data) >= 16:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            return int(seconds * _NS + nanoseconds)
    return 0


def from_error_queue(family: Family, name: bytes, control: Control, data: bytes) -> Stamp | IcmpError | None:
    """What one message of the error queue means; ``None`` for what does not concern us."""
    stamp = received_ns(control)
    for level, kind, payload in control:
        if level != family.error_level or kind != family.error_type or len(payload) < 16:
            continue
        _, origin, icmp_type, icmp_code, _, _, number = _EXTENDED_ERROR.unpack_from(payload)
        if origin == ORIGIN_TIMESTAMP:
            return (number, stamp) if stamp else None
        if origin in _ORIGIN_ICMP:
            offender = family.address(payload[16:])
            if len(offender) != family.address_size:
                return None
            return IcmpError(data, family.address(name), offender, icmp_type, icmp_code)
    return None
