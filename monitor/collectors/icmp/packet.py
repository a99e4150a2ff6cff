"""Echo packets (RFC 792, RFC 4443 section 4): what we send, and whether an answer is ours.

    type code | checksum | id | seq | cookie (8) | ~seq | ~cookie (8) | filling

Sequence number and cookie are ten random bytes, new for each echo, followed by their complement: each
16-bit word and its complement add up to 0xFFFF, which is nothing in ones' complement arithmetic, so the
checksum is the same for every packet and re-arming one costs no summing.

An answer must return everything after ``id`` byte by byte. These bytes are the packet's ``body``; they
are the key that an answer is found by, so one look-up proves sequence, cookie and undamaged payload.
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass

HEADER = 8
"""Bytes of an ICMP echo header."""
BODY_OFFSET = 6
"""The body begins with the sequence number."""
TOKEN = 10
"""Random bytes of a packet: sequence number and cookie."""
MIN_SIZE = 2 * TOKEN - 2
"""The least payload: the sequence number lies in the header."""

_NAME4 = struct.pack("=HH", socket.AF_INET, 0)
_NAME4_END = bytes(8)


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """What differs between ICMP and ICMPv6. There are two, ``V4`` and ``V6``: compared by identity."""

    af: int
    protocol: int
    request: int
    reply: int
    name_size: int
    """Bytes of a kernel socket address."""
    address_at: int
    """Where the address lies in it."""
    address_size: int
    ip_header: int
    """Bytes in front of the ICMP message on a raw socket, without IP options."""
    error_level: int
    error_type: int
    """The control message that carries an extended error, and the option that asks for them."""

    def name(self, ip: str) -> bytes:
        """The kernel's socket address of ``ip``; ``ValueError`` if it is no address of this family."""
        try:
            if self.af == socket.AF_INET:
                return _NAME4 + socket.inet_pton(socket.AF_INET, ip) + _NAME4_END
            plain, _, zone = ip.partition("%")
            scope = 0 if not zone else int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)
            return struct.pack("=HHI16sI", self.af, 0, 0, socket.inet_pton(self.af, plain), scope)
        except (OSError, UnicodeError, struct.error) as error:
            raise ValueError(f'not an address: "{ip[:60]}"') from error

    def address(self, name: bytes) -> bytes:
        return name[self.address_at : self.address_at + self.address_size]

    def text(self, address: bytes) -> str:
        return socket.inet_ntop(self.af, address)


V4 = Family(socket.AF_INET, socket.IPPROTO_ICMP, 8, 0, 16, 4, 4, 20, socket.IPPROTO_IP, 11)
V6 = Family(socket.AF_INET6, socket.IPPROTO_ICMPV6, 128, 129, 28, 8, 16, 0, socket.IPPROTO_IPV6, 25)


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


class EchoPackets:
    """A block of echo requests in one buffer, armed together.

    ``size`` is the payload after the eight bytes of header, as with ``ping -s``; at least
    ``MIN_SIZE``. The kernel sums ICMPv6 and unprivileged packets itself.
    """

    def __init__(self, family: Family, ident: int, size: int, slots: int) -> None:
        self.length = HEADER + size
        self.slots = slots
        filling = bytes(i & 0xFF for i in range(size - MIN_SIZE))
        token = bytes(TOKEN) + b"\xff" * TOKEN
        packet = struct.pack("!BBHH", family.request, 0, 0, ident) + token + filling
        packet = packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]
        self.buffer = bytearray(packet * slots)
        self._bodies = struct.Struct(f"{BODY_OFFSET}x{self.length - BODY_OFFSET}s")

    def arm(self, count: int) -> list[bytes]:
        """Give the first ``count`` packets new tokens; returns their bodies.

        The tokens come from the system's random source, not from the daemon's seeded one: a device sees
        its own and must not be able to tell its neighbours'. They are written column by column, twenty
        slice assignments for the whole block, whatever its length.
        """
        end = count * self.length
        token = os.urandom(TOKEN * count)
        inverse = (int.from_bytes(token) ^ ((1 << 8 * len(token)) - 1)).to_bytes(len(token))
        for column in range(TOKEN):
            piece = slice(column * count, (column + 1) * count)
            self.buffer[BODY_OFFSET + column : end : self.length] = token[piece]
            self.buffer[BODY_OFFSET + TOKEN + column : end : self.length] = inverse[piece]
        return [body for (body,) in self._bodies.iter_unpack(memoryview(self.buffer)[:end])]

    def packet(self, index: int) -> bytes:
        return bytes(self.buffer[index * self.length : (index + 1) * self.length])


def reply_body(family: Family, ident: int, length: int, message: bytes) -> bytes | None:
    """The body of an echo reply to us, ``None`` for anything else. ``length`` is our packets' length."""
    if len(message) != length or message[0] != family.reply or message[1]:
        return None
    if int.from_bytes(message[4:6]) != ident:
        return None
    return message[BODY_OFFSET:]


def strip_ip(datagram: bytes) -> bytes:
    """The ICMP message in what a raw IPv4 socket delivers; empty if the IP header is damaged."""
    if len(datagram) < 20 or datagram[0] >> 4 != 4:
        return b""
    header = (datagram[0] & 0xF) * 4
    return datagram[header:] if header >= 20 else b""


def quoted_body(family: Family, ident: int, length: int, message: bytes) -> bytes | None:
    """As much of the body as an ICMP error quotes of a request of ours (at least the sequence number).

    RFC 792 asks for eight bytes only; RFC 4884 fills the quotation up with zeros.
    """
    if len(message) < HEADER or message[0] != family.request or message[1]:
        return None
    if int.from_bytes(message[4:6]) != ident:
        return None
    return message[BODY_OFFSET:length]


_UNREACHABLE4 = {
    0: "network unreachable",
    1: "host unreachable",
    2: "protocol unreachable",
    3: "port unreachable",
    4: "fragmentation needed",
    5: "source route failed",
    6: "network unknown",
    7: "host unknown",
    9: "network prohibited",
    10: "host prohibited",
    13: "communication prohibited",
}
_UNREACHABLE6 = {
    0: "no route",
    1: "communication prohibited",
    2: "beyond scope",
    3: "address unreachable",
    4: "port unreachable",
    5: "source address refused",
    6: "route rejected",
}


def describe_error(family: Family, kind: int, code: int) -> str:
    """The name of an ICMP error (RFC 792, RFC 1812 section 5.2.7, RFC 4443 section 3)."""
    if family is V4:
        named = {3: _UNREACHABLE4.get(code), 11: "time exceeded", 12: "parameter problem"}.get(kind)
    else:
        named = {
            1: _UNREACHABLE6.get(code),
            2: "packet too big",
            3: "time exceeded",
            4: "parameter problem",
        }.get(kind)
    return named or f"ICMP error {kind}/{code}"
