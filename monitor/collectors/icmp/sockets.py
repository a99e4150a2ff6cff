"""Opening the one ICMP socket of an address family: raw where we may, else the unprivileged kind."""

from __future__ import annotations

import contextlib
import secrets
import socket
import struct
from dataclasses import dataclass

from monitor.collectors.icmp import bpf
from monitor.collectors.icmp.ancillary import SO_TIMESTAMPING, SO_TIMESTAMPNS
from monitor.collectors.icmp.packet import V4, Family

_SO_RCVBUFFORCE = 33
_SO_MEMINFO = 55
_MEMINFO = struct.Struct("=9I")
_DROPS = 8
_ICMP6_FILTER = 1
_RECEIVE_BUFFER = 8 << 20
"""Room for some ten thousand replies: with the default of 200 kB, 41 to 87 % of a fleet's are lost."""
_STAMP_SENT = 0x2 | 0x10 | 0x80 | 0x800
"""SOF_TIMESTAMPING_TX_SOFTWARE | SOFTWARE | OPT_ID | OPT_TSONLY (linux/net_tstamp.h)."""


class IcmpNotPermitted(PermissionError):
    """Neither a raw nor an unprivileged ICMP socket may be opened here."""

    def __init__(self) -> None:
        super().__init__(
            "no ICMP socket permitted: give CAP_NET_RAW, or put our group into net.ipv4.ping_group_range"
        )


@dataclass(slots=True)
class EchoSocket:
    """An open ICMP socket. ``ident`` is the echo id that all our packets carry."""

    sock: socket.socket
    family: Family
    ident: int
    raw: bool
    stamps_sent: bool
    """The kernel tells when each packet went out."""

    def drops(self) -> int:
        """Datagrams that the kernel could not queue for us since the socket was opened."""
        return int(
            _MEMINFO.unpack(self.sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[_DROPS]
        )

    def restart_stamps(self) -> None:
        """Count sent packets from 0 again: after a failed send the kernel's count and ours may differ."""
        if self.stamps_sent:
            self.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, 0)
            self.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, _STAMP_SENT)

    def close(self) -> None:
        self.sock.close()


def open_echo_socket(family: Family, stamp_sent: bool = True) -> EchoSocket:
    """``stamp_sent``: ask the kernel when each packet went out.

    ``IcmpNotPermitted``, or ``OSError`` where the machine lacks the address family.
    """
    ident = secrets.randbelow(0xFFFF) + 1
    try:
        sock = socket.socket(family.af, socket.SOCK_RAW | socket.SOCK_NONBLOCK, family.protocol)
        raw = True
    except PermissionError:
        try:
            sock = socket.socket(family.af, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, family.protocol)
        except PermissionError:
            raise IcmpNotPermitted from None
        raw = False
    try:
        if raw:
            _filter(sock, family, ident)
        else:
            # The kernel writes the id of unprivileged packets: it is the "port" that we are bound to.
            sock.bind(("", 0))
            ident = sock.getsockname()[1]
        _enlarge(sock)
        sock.setsockopt(family.error_level, family.error_type, 1)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        return EchoSocket(sock, family, ident, raw, stamp_sent and _stamp_sent(sock))
    except BaseException:
        sock.close()
        raise


def _filter(sock: socket.socket, family: Family, ident: int) -> None:
    bpf.attach(sock, bpf.echo_reply_program(family, ident))
    if family is not V4:
        # One bit per type, set means block (RFC 3542 section 3.2).
        blocked = bytearray(b"\xff" * 32)
        word, bit = divmod(family.reply, 32)
        struct.pack_into("=I", blocked, word * 4, 0xFFFFFFFF ^ (1 << bit))
        sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, bytes(blocked))


def _enlarge(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)


def _stamp_sent(sock: socket.socket) -> bool:
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, _STAMP_SENT)
    except OSError:
        return False
    return True
