"""UDP sockets that hold thousands of agents' replies, and that hear ICMP errors."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from monitor.model import Reason

# Linux numbers that the standard library does not name (linux/in.h, in6.h, errqueue.h, socket.h).
_IP_RECVERR = 11
_IPV6_RECVERR = 25
_MSG_ERRQUEUE = 0x2000
_SO_RCVBUFFORCE = 33
_SO_MEMINFO = 55
_MEMINFO_DROPS = 8
_ORIGIN_ICMP, _ORIGIN_ICMP6 = 2, 3
_EXTENDED_ERROR = struct.Struct("=IBBBxII")

RECEIVE_BUFFER = 8 << 20
NO_WAY = frozenset(
    {
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.EACCES,
        errno.EPERM,
        errno.EINVAL,
        errno.EADDRNOTAVAIL,
    }
)
"""Errors of sending that say that this address cannot be reached from here: no retry mends them."""

Address = tuple[str, int]


class IcmpError(NamedTuple):
    """An ICMP error about a datagram of ours."""

    address: Address
    """Whom the datagram was for."""
    number: int
    """The errno that the kernel makes of it: ECONNREFUSED is "port unreachable"."""

    @property
    def reason(self) -> Reason:
        return Reason.REFUSED if self.number == errno.ECONNREFUSED else Reason.UNREACHABLE

    @property
    def words(self) -> str:
        if self.number == errno.ECONNREFUSED:
            return "port unreachable: no agent listens there"
        return f"ICMP: {errno.errorcode.get(self.number, str(self.number))}"


def open_socket(
    family: socket.AddressFamily, host: str = "", port: int = 0, *, both: bool = False
) -> socket.socket:
    """A non-blocking socket with a large receive buffer and an error queue. ``both``: an IPv6 one takes IPv4
    datagrams too."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
        except PermissionError:  # the kernel cuts this to net.core.rmem_max
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if both else 1)
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        if family == socket.AF_INET or both:
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def icmp_errors(sock: socket.socket, most: int = 256) -> Iterator[IcmpError]:
    """Drain the error queue. Local errors (a full device queue) are skipped: the retry mends them."""
    for _ in range(most):
        try:
            _, extra, _, address = sock.recvmsg(0, 512, _MSG_ERRQUEUE)
        except OSError:
            return
        for _level, _kind, data in extra:
            if len(data) < _EXTENDED_ERROR.size:
                continue
            number, origin, *_ = _EXTENDED_ERROR.unpack_from(data)
            if origin in (_ORIGIN_ICMP, _ORIGIN_ICMP6) and address:
                yield IcmpError((address[0], address[1]), number)


def drops(sock: socket.socket) -> int:
    """Datagrams the kernel threw away because this socket's buffer was full."""
    with suppress(OSError):
        info = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)
        return int(struct.unpack_from("=I", info, 4 * _MEMINFO_DROPS)[0])
    return 0
