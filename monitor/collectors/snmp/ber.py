"""The BER that SNMP allows (RFC 3417 section 8, X.690): definite lengths, single-byte tags, nothing else.

Object identifiers travel through the engine as their BER content octets: cheap to compare, to join and to
send again. They are turned into dotted text only where a person or a profile reads them.

Whatever is not well formed raises ``BerError``; no other exception escapes a decoder.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import Enum
from functools import lru_cache

INTEGER, OCTETS, NULL, OID, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
IP_ADDRESS, COUNTER32, GAUGE32, TIME_TICKS, OPAQUE, NSAP, COUNTER64, UINTEGER32 = range(0x40, 0x48)

MAX_SUBID = 0xFFFFFFFF
MAX_SUBIDS = 128
"""RFC 2578 section 3.5."""


class BerError(ValueError):
    """The octets are not BER, or not of the type they claim. The text never quotes them."""


class Missing(Enum):
    """There is no value, and why: the exceptions of RFC 3416 section 4.2.1, and below them what an error
    status said of one name (tags that no octet can be, so none comes from the wire)."""

    NO_SUCH_OBJECT = 0x80
    NO_SUCH_INSTANCE = 0x81
    END_OF_MIB_VIEW = 0x82
    NO_SUCH_NAME = 0x102
    """v1 does not say whether it is the object or the instance that it lacks."""
    GEN_ERR = 0x105
    """The agent has it and failed to read it."""
    TOO_BIG = 0x101
    """This one value alone does not fit the agent's message."""


END_OF_MIB_VIEW = Missing.END_OF_MIB_VIEW.value

Value = int | float | bytes | str | None | Missing
"""``str`` is an OBJECT IDENTIFIER in dotted text or an IpAddress; texts of the device stay ``bytes``."""


# --- lengths and frames -----------------------------------------------------------------------------


def length(size: int) -> bytes:
    if size < 0x80:
        return bytes((size,))
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    return bytes((tag,)) + length(size) + content


def frame(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Tag, start and stop of the value whose tag stands at ``at``; it must end at or before ``end``."""
    if at + 2 > end:
        raise BerError("truncated")
    size = data[at + 1]
    start = at + 2
    if size >= 0x80:
        octets = size & 0x7F
        if not 1 <= octets <= 4:
            raise BerError("indefinite or over-long length")
        if start + octets > end:
            raise BerError("truncated")
        size = int.from_bytes(data[start : start + octets], "big")
        start += octets
    if start + size > end:
        raise BerError("a length runs past its frame")
    return data[at], start, start + size


def expect(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Start and stop of a value that must carry ``tag``."""
    start = at + 2
    if start <= end and data[at] == tag and data[at + 1] < 0x80 and start + data[at + 1] <= end:
        return start, start + data[at + 1]  # nearly always: no call
    found, start, stop = frame(data, at, end)
    if found != tag:
        raise BerError(f"tag 0x{found:02x} where 0x{tag:02x} belongs")
    return start, stop


def read_integer(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A signed INTEGER and where it ends."""
    if at + 6 <= end and data[at] == INTEGER and 0 < data[at + 1] <= 4:
        stop = at + 2 + data[at + 1]
        return int.from_bytes(data[at + 2 : stop], "big", signed=True), stop
    start, stop = expect(data, at, end, INTEGER)
    return decode_integer(data[start:stop]), stop


# --- object identifiers -----------------------------------------------------------------------------


@lru_cache(maxsize=65536)
def oid(text: str) -> bytes:
    """Content octets of a dotted OID (a leading dot is allowed). ``ValueError`` if it is none."""
    try:
        parts = [int(part) for part in text.strip(".").split(".")]
    except ValueError:
        raise ValueError(f'not an object identifier: "{text}"') from None
    if len(parts) < 2 or parts[0] > 2 or (parts[0] < 2 and parts[1] > 39):
        raise ValueError(f'not an object identifier: "{text}"')
    return subids((parts[0] * 40 + parts[1], *parts[2:]))


def subids(parts: tuple[int, ...]) -> bytes:
    """Content octets of bare sub-identifiers, for indexes."""
    out = bytearray()
    for part in parts:
        if not 0 <= part <= MAX_SUBID + 80:
            raise ValueError(f"sub-identifier out of range: {part}")
        chunk = [part & 0x7F]
        while part := part >> 7:
            chunk.append(0x80 | (part & 0x7F))
        out += bytes(reversed(chunk))
    return bytes(out)


@lru_cache(maxsize=65536)
def index(octets: bytes) -> tuple[int, ...]:
    """The sub-identifiers in content octets: of an index, or of a whole OID before its first is split."""
    parts = []
    value = 0
    fresh = True
    for octet in octets:
        if fresh and octet == 0x80:
            raise BerError("padded sub-identifier")
        value = value << 7 | (octet & 0x7F)
        fresh = octet < 0x80
        if fresh:
            if value > MAX_SUBID + 80:
                raise BerError("sub-identifier above 32 bits")
            parts.append(value)
            value = 0
        elif value > MAX_SUBID:
            raise BerError("sub-identifier above 32 bits")
    if not fresh:
        raise BerError("truncated sub-identifier")
    if len(parts) > MAX_SUBIDS:
        raise BerError("too many sub-identifiers")
    return tuple(parts)


@lru_cache(maxsize=65536)
def index_text(octets: bytes) -> str:
    return ".".join(map(str, index(octets)))


@lru_cache(maxsize=65536)
def oid_text(octets: bytes) -> str:
    """Dotted text; the zero-length OID that some agents send for "none" is ``0.0``."""
    if not octets:
        return "0.0"
    first, *rest = index(octets)
    top = min(first // 40, 2)
    if max(first - top * 40, *rest, 0) > MAX_SUBID:
        raise BerError("sub-identifier above 32 bits")
    return ".".join(map(str, (top, first - top * 40, *rest)))


def after(one: bytes, other: bytes) -> bool:
    """Does OID ``one`` come after ``other``? Both are content octets that start at a sub-identifier."""
    if one.isascii() and other.isascii():  # every octet is a sub-identifier of its own
        return one > other
    return index(one) > index(other)


# --- values -----------------------------------------------------------------------------------------


def decode_integer(raw: bytes) -> int:
    value = int.from_bytes(raw, "big", signed=True)
    if not 1 <= len(raw) <= 4 and not (5 <= len(raw) <= 8 and -(1 << 31) <= value < 1 << 31):
        raise BerError("an INTEGER is of 32 bits")  # though some agents pad it
    return value


def decode_unsigned32(raw: bytes) -> int:
    """Counter32, Gauge32, TimeTicks. Some agents leave out the leading zero octet: never negative."""
    if not 1 <= len(raw) <= 5 or (len(raw) == 5 and raw[0]):
        raise BerError("an unsigned 32-bit value has one to five octets")
    return int.from_bytes(raw, "big")


def decode_counter64(raw: bytes) -> int:
    if not 1 <= len(raw) <= 9 or (len(raw) == 9 and raw[0]):
        raise BerError("a Counter64 has one to nine octets")
    return int.from_bytes(raw, "big")


def decode_octets(raw: bytes) -> bytes:
    return raw


def decode_null(raw: bytes) -> None:
    if raw:
        raise BerError("a NULL has no content")


def decode_address(raw: bytes) -> str:
    if len(raw) != 4:
        raise BerError("an IpAddress has four octets")
    return f"{raw[0]}.{raw[1]}.{raw[2]}.{raw[3]}"


def decode_opaque(raw: bytes) -> float | bytes:
    """A float or double as net-snmp wraps them (draft-perkins-opaque); other content as it is."""
    if raw[:3] == b"\x9f\x78\x04" and len(raw) == 7:
        return float(struct.unpack(">f", raw[3:])[0])
    if raw[:3] == b"\x9f\x79\x08" and len(raw) == 11:
        return float(struct.unpack(">d", raw[3:])[0])
    return raw


def _missing(kind: Missing) -> Callable[[bytes], Missing]:
    def decode(raw: bytes) -> Missing:
        if raw:
            raise BerError("an exception has no content")
        return kind

    return decode


DECODERS: dict[int, Callable[[bytes], Value]] = {
    INTEGER: decode_integer,
    OCTETS: decode_octets,
    NULL: decode_null,
    OID: oid_text,
    IP_ADDRESS: decode_address,
    COUNTER32: decode_unsigned32,
    GAUGE32: decode_unsigned32,
    TIME_TICKS: decode_unsigned32,
    OPAQUE: decode_opaque,
    NSAP: decode_octets,
    COUNTER64: decode_counter64,
    UINTEGER32: decode_unsigned32,
    **{kind.value: _missing(kind) for kind in Missing},
}


def decode(tag: int, raw: bytes) -> Value:
    decoder = DECODERS.get(tag)
    if decoder is None:
        raise BerError(f"0x{tag:02x} is no SMI type")
    return decoder(raw)


_UNSIGNED = {COUNTER32: 4, GAUGE32: 4, TIME_TICKS: 4, UINTEGER32: 4, COUNTER64: 8}
_LIMITS = tuple(_UNSIGNED.get(tag, 0) for tag in range(max(DECODERS) + 1))
"""By tag: the most octets of an unsigned number that need no further look."""


def decode_all(tags: list[int], raws: list[bytes]) -> list[Value]:
    """The values of a column, or of a reply. Most are unsigned numbers: no call for each then."""
    decoders, from_bytes, limits = DECODERS, int.from_bytes, _LIMITS
    tag = tags[0] if tags else NULL
    if tags.count(tag) == len(tags):  # a column
        if tag == OCTETS:
            return list(raws)
        longest = max(map(len, raws), default=0)
        if 0 < longest <= limits[tag] and all(raws):
            return list(map(from_bytes, raws))
        if tag == INTEGER and longest <= 4 and all(raws):
            return [from_bytes(raw, signed=True) for raw in raws]
    try:
        return [
            from_bytes(raw) if 0 < len(raw) <= limits[tag] else decoders[tag](raw)
            for tag, raw in zip(tags, raws, strict=True)
        ]
    except KeyError as error:
        raise BerError(f"0x{error.args[0]:02x} is no SMI type") from None


@lru_cache(maxsize=65536)
def encode_integer(value: int) -> bytes:
    """A signed INTEGER, tag and all, in as few octets as it needs."""
    return tlv(INTEGER, value.to_bytes((value + (value < 0)).bit_length() // 8 + 1, "big", signed=True))


# --- variable bindings ------------------------------------------------------------------------------

VarBinds = tuple[list[bytes], list[int], list[bytes]]
"""Three lists of one length: names (content octets), tags, and contents, not yet decoded."""


def varbinds(data: bytes, at: int, end: int) -> VarBinds:
    """The bindings between ``at`` and ``end``. Values are framed here and decoded by who wants them."""
    names: list[bytes] = []
    tags: list[int] = []
    raws: list[bytes] = []
    add_name, add_tag, add_raw = names.append, tags.append, raws.append
    try:
        while at < end:
            # One binding whose three lengths are short, which nearly all are: no call, no tuple. Were the
            # name's length a long one, the sum of the last test could not come out.
            size = data[at + 1]
            tag_at = at + 4 + data[at + 3]
            stop = at + 2 + size
            if (
                size < 0x80
                and data[at] == 0x30
                and data[at + 2] == 0x06
                and tag_at + 2 + data[tag_at + 1] == stop
            ):
                add_name(data[at + 4 : tag_at])
                add_tag(data[tag_at])
                add_raw(data[tag_at + 2 : stop])
            else:
                start, stop = expect(data, at, end, SEQUENCE)
                name_at, tag_at = expect(data, start, stop, OID)
                tag, value_at, value_end = frame(data, tag_at, stop)
                if value_end != stop:
                    raise BerError("a binding holds more than a name and a value")
                add_name(data[name_at:tag_at])
                add_tag(tag)
                add_raw(data[value_at:stop])
            at = stop
    except IndexError:
        raise BerError("truncated") from None
    if at != end:
        raise BerError("a length runs past its frame")
    return names, tags, raws


Wanted = tuple[tuple[bytes, int], ...]
"""What the bindings of the answer to a GET are to be named: each name's tag, length and content as octets,
and how far behind the start of its binding the value stands."""


def wanted(names: tuple[bytes, ...]) -> Wanted:
    return tuple([(named := tlv(OID, name), 2 + len(named)) for name in names])


def answers(data: bytes, at: int, end: int, names: Wanted) -> tuple[list[int], list[bytes]] | None:
    """Tags and contents of bindings that are named as they were asked for, each of less than 128 octets:
    cheaper than ``varbinds``, and nearly every answer to a GET. ``None`` for any other, right or wrong."""
    tags: list[int] = []
    raws: list[bytes] = []
    add_tag, add_raw = tags.append, raws.append
    try:
        for name, size in names:
            tag_at = at + size
            stop = tag_at + 2 + data[tag_at + 1]
            if (
                data[at + 2 : tag_at] != name
                or data[at] != 0x30
                or data[at + 1] != stop - at - 2
                or stop - at >= 0x82
            ):
                return None
            add_tag(data[tag_at])
            add_raw(data[tag_at + 2 : stop])
            at = stop
    except IndexError:
        return None
    return (tags, raws) if at == end else None


def encode_varbinds(names: tuple[bytes, ...]) -> bytes:
    """Bindings of a request: every value is NULL."""
    return b"".join([tlv(SEQUENCE, tlv(OID, name) + b"\x05\x00") for name in names])
