"""Thousands of SNMP agents behind one UDP socket: each address of 127.0.0.0/8 is one.

The socket is bound to 0.0.0.0 and told by IP_PKTINFO which address a request was for; the reply leaves from
that address. Replies are kept by the octets of the request without its id, so that a fleet of equal agents
answers far faster than any client asks. v1 and v2c; for v3 use a real ``snmpd``.
"""

from __future__ import annotations

import ipaddress
import os
import select
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import click

from monitor.collectors.snmp import ber
from monitor.collectors.snmp.messages import (
    ErrorStatus,
    Pdu,
    PduType,
    Version,
    read_community,
    read_pdu,
    read_version,
)
from monitor.simulate.snmp_writes import Writes
from monitor.simulate.snmprec import Walk, encode_unsigned, load

_IP_PKTINFO = 8
_PKTINFO = struct.Struct("=i4s4s")
_CACHE = 100_000
_MAX_REPLY = 60_000
_COUNTERS = {ber.COUNTER32: 1 << 32, ber.COUNTER64: 1 << 64}


class Fault(StrEnum):
    """What an agent does wrong."""

    SILENT = "silent"
    GARBAGE = "garbage"
    TRUNCATED = "truncated"
    EMPTY_DATAGRAM = "empty_datagram"
    ECHO = "echo"
    """It sends the request back."""
    WRONG_ID = "wrong_id"
    WRONG_COMMUNITY = "wrong_community"
    WRONG_SOURCE = "wrong_source"
    """The answer leaves from the next address."""
    WRONG_NAMES = "wrong_names"
    """It answers for objects that were not asked for."""
    NO_BINDINGS = "no_bindings"
    REPEATS = "repeats"
    """A walk never moves on."""
    DECREASES = "decreases"
    CYCLES = "cycles"
    """After the last object comes the first."""
    TOO_BIG = "too_big"
    """No reply of more than four bindings."""
    GEN_ERR = "gen_err"
    BAD_STATUS = "bad_status"
    BAD_INDEX = "bad_index"
    NULLS = "nulls"
    """Every third value is NULL."""
    DOUBLED = "doubled"
    """Every reply is sent twice."""


@dataclass(slots=True)
class Agents:
    """What each address answers. Addresses without a walk of their own answer ``default``, or not at all."""

    default: Walk | None
    walks: Mapping[str, Walk] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    community: bytes = b"public"
    counters_per_s: int = 0
    """How fast counters grow; 0 leaves them as recorded."""
    started: float = 0.0
    writes: Writes | None = None
    """What may be set, and by whom; by default nothing, and nobody is answered."""
    _cache: dict[tuple[bytes, object], bytes] = field(default_factory=dict)
    _cached_at: int = 0

    def answers(self, data: bytes, address: str, now: float = 0.0) -> list[tuple[bytes, str]]:
        """The datagrams sent for ``data``, and from which address."""
        fault = self.faults.get(address)
        if fault is Fault.SILENT:
            return []
        if fault is not None:
            return self._faulty(data, address, fault)
        reply = self._reply(data, address, now)
        return [(reply, address)] if reply else []

    def _reply(self, data: bytes, address: str, now: float) -> bytes:
        walk = self.walks.get(address, self.default)
        if walk is None:
            return b""
        if self.counters_per_s and int(now) != self._cached_at:
            self._cached_at = int(now)
            self._cache.clear()
        # The id stands behind version, community, and the PDU's tag and length.
        try:
            at = 2 if data[1] < 0x80 else 2 + (data[1] & 0x7F)
            at += 5 + data[at + 4]
            if data[at] == PduType.SET:
                return self._set(data, address, walk)
            at += 2 if data[at + 1] < 0x80 else 2 + (data[at + 1] & 0x7F)
            if data[at : at + 2] != b"\x02\x04":
                return self._make(data, walk, now)
        except IndexError:
            return b""
        at += 2
        key = (data[:at] + data[at + 4 :], id(walk))
        cached = self._cache.get(key)
        if cached is None:
            made = self._make(data, walk, now)
            where = made.find(data[at - 2 : at + 4])
            if len(self._cache) > _CACHE:
                self._cache.clear()
            self._cache[key] = where.to_bytes(4, "big") + made if made else b""
            return made
        if not cached:
            return b""
        where = int.from_bytes(cached[:4], "big") + 2
        return cached[4 : 4 + where] + data[at : at + 4] + cached[8 + where :]

    def _set(self, data: bytes, address: str, walk: Walk) -> bytes:
        try:
            version, at = read_version(data)
            community, at = read_community(data, at)
            pdu = read_pdu(data, at, len(data))
            names, tags, raws = bindings = ber.varbinds(data, pdu.start, pdu.stop)
        except ber.BerError:
            return b""
        writes = self.writes
        if writes is None or community not in (self.community, writes.community):
            return b""
        status, index = writes.judge(walk, version == Version.V1, community, bindings)
        if not status:
            new = [ber.tlv(tag, raw) for tag, raw in zip(tags, raws, strict=True)]
            self.walks = {**self.walks, address: walk.changed(dict(zip(names, new, strict=True)))}
            self._cache.clear()
            writes.carry_out(address, names, raws)
        return _message(version, community, pdu.request_id, status, index, data[pdu.start : pdu.stop])

    def _make(self, data: bytes, walk: Walk, now: float, most: int = 0) -> bytes:
        """The reply, made honestly. ``most`` bindings at the most, else tooBig."""
        try:
            version, at = read_version(data)
            community, at = read_community(data, at)
            pdu = read_pdu(data, at, len(data))
            names, _, _ = ber.varbinds(data, pdu.start, pdu.stop)
        except ber.BerError:
            return b""
        readers = (self.community,) if self.writes is None else (self.community, self.writes.community)
        if community not in readers or version not in (Version.V1, Version.V2C):
            return b""
        places = _places(walk, names, pdu, version == Version.V1)
        if isinstance(places, ErrorStatus) or (most and len(places) > most):
            error = (2, _lacking(walk, names, pdu)) if isinstance(places, ErrorStatus) else (1, 0)
            return _message(version, community, pdu.request_id, *error, data[pdu.start : pdu.stop])
        bindings = bytearray()
        for name, place in places:
            value = bytes((place, 0)) if place in _EXCEPTIONS else self._value(walk, place - 256, now)
            binding = ber.tlv(ber.SEQUENCE, ber.tlv(ber.OID, name) + value)
            if len(bindings) + len(binding) > _MAX_REPLY:
                break
            bindings += binding
        return _message(version, community, pdu.request_id, 0, 0, bytes(bindings))

    def _value(self, walk: Walk, place: int, now: float) -> bytes:
        value = walk.values[place]
        uptime = walk.names[place] == _SYS_UP_TIME
        if self.counters_per_s and (value[0] in _COUNTERS or uptime):
            old = int.from_bytes(value[2:], "big")
            span = now - self.started
            if uptime:
                return encode_unsigned(value[0], (old + int(span * 100)) % (1 << 32))
            # Ports differ, by a spread of the place, but one port is always as fast.
            speed = self.counters_per_s * (1 + place * 2654435761 % 97) // 50
            return encode_unsigned(value[0], (old + int(span * speed)) % _COUNTERS[value[0]])
        return value

    def _faulty(self, data: bytes, address: str, fault: Fault) -> list[tuple[bytes, str]]:
        walk = self.walks.get(address, self.default)
        if walk is None:
            return []
        good = self._make(data, walk, 0.0, most=4 if fault is Fault.TOO_BIG else 0)
        if not good:
            return []
        match fault:
            case Fault.GARBAGE:
                return [(b"\x00\xff" * 20, address)]
            case Fault.TRUNCATED:
                return [(good[: len(good) // 2], address)]
            case Fault.EMPTY_DATAGRAM:
                return [(b"", address)]
            case Fault.ECHO:
                return [(data, address)]
            case Fault.WRONG_SOURCE:
                return [(good, str(ipaddress.IPv4Address(address) + 1))]
            case Fault.DOUBLED:
                return [(good, address)] * 2
            case Fault.TOO_BIG:
                return [(good, address)]
        version, at = read_version(good)
        community, at = read_community(good, at)
        pdu = read_pdu(good, at, len(good))
        names, tags, raws = ber.varbinds(good, pdu.start, pdu.stop)
        request_id, status, index = pdu.request_id, 0, 0
        match fault:
            case Fault.WRONG_ID:
                request_id ^= 1
            case Fault.WRONG_COMMUNITY:
                community += b"x"
            case Fault.WRONG_NAMES:
                names = [name + b"\x01" for name in names]
            case Fault.NO_BINDINGS:
                names = []
            case Fault.REPEATS:
                names = [names[0]] * len(names)
            case Fault.DECREASES:
                names = names[::-1]
            case Fault.CYCLES:
                tags = [ber.NULL if tag == ber.END_OF_MIB_VIEW else tag for tag in tags]
                names = [
                    walk.names[0] if tag == ber.NULL else name for name, tag in zip(names, tags, strict=True)
                ]
            case Fault.GEN_ERR:
                status, index = 5, 1
            case Fault.BAD_STATUS:
                status, index = 99, 1
            case Fault.BAD_INDEX:
                status, index = 5, 200
            case Fault.NULLS:
                for place in range(0, len(names), 3):
                    tags[place], raws[place] = ber.NULL, b""
        bindings = b"".join(
            ber.tlv(ber.SEQUENCE, ber.tlv(ber.OID, name) + ber.tlv(tag, raw))
            for name, tag, raw in zip(names, tags, raws, strict=False)
        )
        return [(_message(version, community, request_id, status, index, bindings), address)]


_SYS_UP_TIME = ber.oid("1.3.6.1.2.1.1.3.0")
_EXCEPTIONS = (0x80, 0x81, 0x82)


def _places(walk: Walk, names: list[bytes], pdu: Pdu, v1: bool) -> list[tuple[bytes, int]] | ErrorStatus:
    """Each name of the reply with its place in the walk + 256, or an exception's tag."""
    out: list[tuple[bytes, int]] = []
    count = len(walk.names)
    if pdu.type == PduType.GET:
        for name in names:
            place = walk.places.get(name)
            out.append((name, ber.Missing.NO_SUCH_INSTANCE.value if place is None else place + 256))
    elif pdu.type in (PduType.GET_NEXT, PduType.GET_BULK):
        rows = max(0, pdu.error_index) if pdu.type == PduType.GET_BULK else 1
        at = [(name, walk.after(name)) for name in names]
        for row in range(rows):
            if row and all(place + row > count for _, place in at):
                break
            for name, place in at:
                if place + row < count:
                    out.append((walk.names[place + row], place + row + 256))
                else:
                    out.append((walk.names[-1] if count and row else name, ber.END_OF_MIB_VIEW))
    if v1 and any(place in _EXCEPTIONS for _, place in out):
        return ErrorStatus.NO_SUCH_NAME
    return out


def _lacking(walk: Walk, names: list[bytes], pdu: Pdu) -> int:
    """v1: the number of the first name that has no value."""
    for number, name in enumerate(names, 1):
        if (name not in walk.places) if pdu.type == PduType.GET else walk.after(name) >= len(walk.names):
            return number
    return 0


def _message(
    version: int, community: bytes, request_id: int, status: int, index: int, bindings: bytes
) -> bytes:
    integer = ber.encode_integer
    pdu = integer(request_id) + integer(status) + integer(index) + ber.tlv(ber.SEQUENCE, bindings)
    return ber.tlv(
        ber.SEQUENCE,
        integer(version) + ber.tlv(ber.OCTETS, community) + ber.tlv(PduType.RESPONSE, pdu),
    )


def open_socket(port: int = 0) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    # Only so can one socket be all of 127.0.0.0/8; requests from elsewhere are passed over.
    sock.bind(("0.0.0.0", port))  # noqa: S104
    sock.setblocking(False)
    return sock


def answer(sock: socket.socket, agents: Agents, most: int = 256) -> int:
    """Answer what has arrived, up to ``most`` requests; how many there were."""
    space = socket.CMSG_SPACE(_PKTINFO.size)
    for done in range(most):
        try:
            data, extra, _, peer = sock.recvmsg(65535, space)
        except BlockingIOError:
            return done
        if not extra or not peer[0].startswith("127."):
            continue
        info = extra[0][2]
        address = socket.inet_ntoa(info[4:8])
        for reply, source in agents.answers(data, address, time.monotonic()):
            local = info if source == address else _PKTINFO.pack(0, socket.inet_aton(source), bytes(4))
            try:
                sock.sendmsg([reply], [(socket.IPPROTO_IP, _IP_PKTINFO, local)], 0, peer)
            except BlockingIOError:
                continue
    return most


def serve(sock: socket.socket, agents: Agents, stop: int) -> None:
    """Answer until the file descriptor ``stop`` becomes readable."""
    agents.started = time.monotonic()
    while True:
        readable, _, _ = select.select([sock.fileno(), stop], [], [])
        if stop in readable:
            return
        while answer(sock, agents):
            pass


@click.command()
@click.argument("walk", type=click.Path(exists=True, path_type=Path))
@click.option("--port", default=1161, show_default=True)
@click.option("--counters-per-s", default=0, help="How fast counters grow.")
@click.option("--fault", "faults", multiple=True, help="ADDRESS=FAULT, for example 127.1.0.7=silent.")
def main(walk: Path, port: int, counters_per_s: int, faults: tuple[str, ...]) -> None:
    """Every address of 127.0.0.0/8 answers SNMP v1 and v2c (community "public") from a recorded WALK."""
    parsed = {}
    for fault in faults:
        address, _, name = fault.partition("=")
        try:
            parsed[address] = Fault(name)
        except ValueError:
            raise click.BadParameter(f'"{name}" is no fault; there are {", ".join(Fault)}') from None
    with open_socket(port) as sock:
        click.echo(f"listening on port {sock.getsockname()[1]}", err=True)
        try:
            serve(sock, Agents(load(walk), faults=parsed, counters_per_s=counters_per_s), os.pipe()[0])
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
