"""Requests and replies, and the v1/v2c message around them (RFC 1901, RFC 3416)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from monitor.collectors.snmp import ber
from monitor.model import Reason
from monitor.secrets import Secret


class Version(IntEnum):
    """The number in the message's version field."""

    V1 = 0
    V2C = 1
    V3 = 3


class PduType(IntEnum):
    GET = 0xA0
    GET_NEXT = 0xA1
    RESPONSE = 0xA2
    SET = 0xA3
    TRAP_V1 = 0xA4
    GET_BULK = 0xA5
    INFORM = 0xA6
    TRAP = 0xA7
    REPORT = 0xA8


class ErrorStatus(IntEnum):
    """RFC 3416 section 3. Those from ``NO_CREATION`` on, but for ``AUTHORIZATION_ERROR``, and those with
    WRONG are of SET alone."""

    NO_ERROR = 0
    TOO_BIG = 1
    NO_SUCH_NAME = 2
    BAD_VALUE = 3
    READ_ONLY = 4
    GEN_ERR = 5
    NO_ACCESS = 6
    WRONG_TYPE = 7
    WRONG_LENGTH = 8
    WRONG_ENCODING = 9
    WRONG_VALUE = 10
    NO_CREATION = 11
    INCONSISTENT_VALUE = 12
    RESOURCE_UNAVAILABLE = 13
    COMMIT_FAILED = 14
    UNDO_FAILED = 15
    AUTHORIZATION_ERROR = 16
    NOT_WRITABLE = 17
    INCONSISTENT_NAME = 18


class SnmpError(Exception):
    """A conversation with an agent failed. ``detail`` is in our words, never the agent's octets."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


class ProtocolError(SnmpError):
    """The agent's answer is not what SNMP allows."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.PROTOCOL, detail)


@dataclass(slots=True)
class Request:
    """What to ask: built once per profile or per step of a walk, sent to any number of agents."""

    pdu: PduType
    names: tuple[bytes, ...]
    repetitions: int = 0
    """Of GETBULK; non-repeaters are not used."""
    bindings: bytes = field(init=False, repr=False)
    prepared: tuple[object, bytes, bytes] | None = field(default=None, init=False, repr=False, compare=False)
    """The message of the community that last sent it, but for the request id in its middle."""
    wanted: ber.Wanted = field(default=(), init=False, repr=False, compare=False)
    """What the answer to a GET is to be named; empty for the requests of a walk."""

    def __post_init__(self) -> None:
        bindings = ber.encode_varbinds(self.names)
        head = ber.encode_integer(0) + ber.encode_integer(self.repetitions)
        self.bindings = head + ber.tlv(ber.SEQUENCE, bindings)
        if self.pdu == PduType.GET:
            self.wanted = ber.wanted(self.names)

    def pdu_bytes(self, request_id: int) -> bytes:
        return ber.tlv(self.pdu, b"\x02\x04" + request_id.to_bytes(4, "big") + self.bindings)


def get(*names: bytes) -> Request:
    return Request(PduType.GET, names)


class Reply(NamedTuple):
    """A response PDU that belongs to its request: source, id, credentials and PDU type have been checked."""

    status: int
    error_index: int
    names: Sequence[bytes]
    """In the answer to a GET they may be those of the request itself."""
    tags: list[int]
    raws: list[bytes]

    def value(self, at: int) -> ber.Value:
        return ber.decode(self.tags[at], self.raws[at])


class Pdu(NamedTuple):
    """A PDU's fields; the bindings are not yet looked at."""

    type: int
    request_id: int
    status: int
    error_index: int
    start: int
    stop: int


def read_pdu(data: bytes, at: int, end: int) -> Pdu:
    """Any PDU but the v1 trap, which is laid out otherwise."""
    kind, at, stop = ber.frame(data, at, end)
    if stop != end:
        raise ber.BerError("octets after the PDU")
    request_id, at = ber.read_integer(data, at, stop)
    status, at = ber.read_integer(data, at, stop)
    place, at = ber.read_integer(data, at, stop)
    start, last = ber.expect(data, at, stop, ber.SEQUENCE)
    if last != stop:
        raise ber.BerError("octets after the bindings")
    return Pdu(kind, request_id, status, place, start, stop)


def read_reply(data: bytes, pdu: Pdu) -> Reply:
    return Reply(pdu.status, pdu.error_index, *ber.varbinds(data, pdu.start, pdu.stop))


def read_version(data: bytes) -> tuple[int, int]:
    """The version field and where the rest begins. The message must fill the datagram exactly."""
    start, stop = ber.expect(data, 0, len(data), ber.SEQUENCE)
    if stop != len(data):
        raise ber.BerError("octets after the message")
    return ber.read_integer(data, start, stop)


def read_community(data: bytes, at: int) -> tuple[bytes, int]:
    start, stop = ber.expect(data, at, len(data), ber.OCTETS)
    return data[start:stop], stop


def read_message(data: bytes) -> tuple[int, bytes, Pdu | None]:
    """Version, community and PDU of a v1 or v2c message; a v3 message comes back without the last two."""
    version, at = read_version(data)
    if version == Version.V3:
        return version, b"", None
    community, at = read_community(data, at)
    return version, community, read_pdu(data, at, len(data))


QuickPdu = tuple[int, int, int, int]
"""Request id, error status, error index, and where the bindings begin, which end with the message."""
_QUICK = struct.Struct(">HIHBHBBB")
"""The id, status and index, each with its tag and length, and the tag and length of the bindings."""
_QUICK_TAGS = (0x0204, 0x0201, 0x0201, 0x30)


def read_quick_reply(data: bytes, pdu: QuickPdu, request: Request) -> Reply:
    _, status, place, start = pdu
    end = len(data)
    if request.wanted:
        found = ber.answers(data, start, end, request.wanted)
        if found is not None:
            return Reply(status, place, request.names, *found)
    return Reply(status, place, *ber.varbinds(data, start, end))


class Community:
    """The v1 or v2c envelope of one community; shared by all agents that use it."""

    __slots__ = ("community", "head", "version")

    def __init__(self, version: Version, community: Secret) -> None:
        self.version = version
        self.community = community.reveal().encode()
        self.head = ber.encode_integer(version) + ber.tlv(ber.OCTETS, self.community)

    def __repr__(self) -> str:
        return f"Community({self.version.name})"

    def read_quickly(self, data: bytes) -> QuickPdu | None:
        """A response of this version and community in the form in which nearly every agent answers, at a
        third of the cost of ``read_message``; ``None`` for any other, right or wrong."""
        try:
            at, size = 2, data[1]
            if size == 0x82:
                at, size = 4, data[2] << 8 | data[3]
            elif size == 0x81:
                at, size = 3, data[2]
            end = at + size
            if data[0] != 0x30 or end != len(data) or not data.startswith(self.head, at):
                return None
            at += len(self.head)
            kind, size = data[at], data[at + 1]
            at += 2
            if size == 0x82:
                at, size = at + 2, data[at] << 8 | data[at + 1]
            elif size == 0x81:
                at, size = at + 1, data[at]
            id_, number, first, status, second, place, tag, length = _QUICK.unpack_from(data, at)
            if (
                kind != 0xA2
                or at + size != end
                or (id_, first, second, tag) != _QUICK_TAGS
                or number > 0x7FFFFFFF
                or status | place > 0x7F
            ):
                return None
            at += _QUICK.size
            if length == 0x82:
                at, length = at + 2, data[at] << 8 | data[at + 1]
            elif length == 0x81:
                at, length = at + 1, data[at]
        except (IndexError, struct.error):
            return None
        return (number, status, place, at) if at + length == end else None

    def encode(self, request: Request, request_id: int) -> bytes:
        """``request_id`` lies in 2^24 … 2^31−1, so that it always takes four octets."""
        prepared = request.prepared
        if prepared is None or prepared[0] is not self:
            whole = ber.tlv(ber.SEQUENCE, self.head + request.pdu_bytes(0x7F7F7F7F))
            cut = len(whole) - len(request.bindings) - 4
            prepared = request.prepared = (self, whole[:cut], whole[cut + 4 :])
        return prepared[1] + request_id.to_bytes(4, "big") + prepared[2]
