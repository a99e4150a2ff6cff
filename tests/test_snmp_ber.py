"""The codec: every SMI type at its edges, and nothing but ``BerError`` for what is not BER."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto import rfc1902, rfc1905

from monitor.collectors.snmp import ber
from monitor.collectors.snmp.messages import Version, read_message, read_reply

INTEGERS = [
    0,
    1,
    -1,
    127,
    128,
    -128,
    -129,
    255,
    256,
    -255,
    -256,
    -257,
    -2560,
    32767,
    -32768,
    2**31 - 1,
    -(2**31),
]


def decoded(whole: bytes) -> ber.Value:
    tag, start, stop = ber.frame(whole, 0, len(whole))
    assert stop == len(whole)
    return ber.decode(tag, whole[start:stop])


@pytest.mark.parametrize("value", INTEGERS)
def test_integers_keep_sign_and_size(value: int) -> None:
    """pyasn1 writes −128 and the like with an octet too many: read both, compare what was read."""
    assert decoded(encoder.encode(rfc1902.Integer32(value))) == value
    ours = ber.encode_integer(value)
    assert decoded(ours) == value
    assert int(decoder.decode(ours)[0]) == value
    assert len(ours) == 2 + min(
        size for size in range(1, 5) if -(1 << 8 * size - 1) <= value < 1 << 8 * size - 1
    )


@pytest.mark.parametrize(
    ("whole", "value"),
    [
        (b"\x41\x05\x00\xff\xff\xff\xff", 2**32 - 1),
        (b"\x41\x04\xff\xff\xff\xff", 2**32 - 1),  # the leading zero left out: never −1
        (b"\x42\x04\x80\x00\x00\x00", 2**31),
        (b"\x43\x04\xff\xff\xff\xff", 2**32 - 1),
        (b"\x46\x09\x00" + b"\xff" * 8, 2**64 - 1),
        (b"\x46\x08" + b"\xff" * 8, 2**64 - 1),
        (b"\x46\x01\x00", 0),
        (b"\x44\x07\x9f\x78\x04" + struct.pack(">f", -1.5), -1.5),
        (b"\x44\x0b\x9f\x79\x08" + struct.pack(">d", 1e300), 1e300),
        (b"\x44\x02ab", b"ab"),
        (b"\x04\x00", b""),
        (b"\x06\x00", "0.0"),
        (b"\x06\x01\x00", "0.0"),
        (b"\x06\x07\x2b\x06\x8f\xff\xff\xff\x7f", "1.3.6.4294967295"),
        (b"\x06\x02\x88\x37", "2.999"),
        (b"\x40\x04\xc0\xa8\x01\x01", "192.168.1.1"),
        (b"\x05\x00", None),
        (b"\x80\x00", ber.Missing.NO_SUCH_OBJECT),
        (b"\x81\x00", ber.Missing.NO_SUCH_INSTANCE),
        (b"\x82\x00", ber.Missing.END_OF_MIB_VIEW),
    ],
)
def test_each_smi_type_is_right_at_its_edges(whole: bytes, value: ber.Value) -> None:
    assert decoded(whole) == value


@pytest.mark.parametrize(
    "whole",
    [
        b"\x02\x00",
        b"\x02\x05\x00\x80\x00\x00\x00",
        b"\x02\x09" + b"\x00" * 9,
        b"\x41\x00",
        b"\x41\x05\x01\x00\x00\x00\x00",
        b"\x46\x09\x01" + b"\x00" * 8,
        b"\x46\x0a" + b"\x00" * 10,
        b"\x40\x03abc",
        b"\x05\x01\x00",
        b"\x82\x01\x00",
        b"\x06\x02\x2b\x80",  # ends in the middle of a sub-identifier
        b"\x06\x03\x2b\x80\x01",  # padded
        b"\x06\x07\x2b\x06\x9f\xff\xff\xff\x7f",  # 33 bits
        b"\x06\x82\x00\x82" + b"\x01" * 130,  # more than 128 sub-identifiers
        b"\x1f\x00",
        b"\x0c\x01a",
    ],
)
def test_what_no_value_can_be_is_refused(whole: bytes) -> None:
    with pytest.raises(ber.BerError):
        decoded(whole)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x80\x00\x00",  # indefinite
        b"\x30\x85\x00\x00\x00\x00\x00",  # a length of five octets
        b"\x30\xff" + b"\x00" * 127,
        b"\x30\x7f\x02\x01\x01",  # runs past the packet
        b"\x30\x84\xff\xff\xff\xff\x02",
        b"\x30\x03\x02\x01\x01\x00",  # octets after the message
        b"\x30\x03\x02\x01\x01",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00" * 200,
        b"\xff" * 65507,
    ],
)
def test_a_datagram_that_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ber.BerError):
        read_message(data)


def test_columns_are_decoded_alike_with_and_without_the_short_cut() -> None:
    for tag in ber.DECODERS:
        raws = [b"\x01", b"\x00\x02", b"\xff\xff\xff\xff"]
        try:
            slow = [ber.decode(tag, raw) for raw in raws]
        except ber.BerError:
            with pytest.raises(ber.BerError):
                ber.decode_all([tag] * 3, raws)
        else:
            assert ber.decode_all([tag] * 3, raws) == slow
    assert ber.decode_all([2, 4, 5], [b"\xff", b"a", b""]) == [-1, b"a", None]
    assert ber.decode_all([], []) == []
    with pytest.raises(ber.BerError):
        ber.decode_all([0x41, 0x41], [b"\x01", b""])


subidentifiers = st.integers(0, 2**32 - 1) | st.sampled_from([0, 127, 128, 16383, 16384, 2**32 - 1])
oids = st.tuples(
    st.sampled_from([(1, 3), (0, 0), (2, 999), (2, 40)]), st.lists(subidentifiers, max_size=20)
).map(lambda parts: (*parts[0], *parts[1]))


@given(oids)
def test_object_identifiers_round_trip_as_in_pyasn1(parts: tuple[int, ...]) -> None:
    text = ".".join(map(str, parts))
    octets = ber.oid(text)
    assert ber.tlv(ber.OID, octets) == encoder.encode(rfc1902.ObjectName(parts))
    assert ber.oid_text(octets) == text


@given(st.lists(subidentifiers, max_size=6), st.lists(subidentifiers, max_size=6))
def test_octets_compare_as_sub_identifiers_do(one: list[int], other: list[int]) -> None:
    assert ber.after(ber.subids(tuple(one)), ber.subids(tuple(other))) == (tuple(one) > tuple(other))


@pytest.mark.parametrize("text", ["", "1", "3.1", "1.40.1", "1.3.x", "1.3.-1", "1.3.4294967376", "a.b"])
def test_what_is_no_object_identifier_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        ber.oid(text)


values = (
    st.integers(-(2**31), 2**31 - 1).map(rfc1902.Integer32)
    | st.integers(0, 2**32 - 1).map(rfc1902.Counter32)
    | st.integers(0, 2**32 - 1).map(rfc1902.Gauge32)
    | st.integers(0, 2**32 - 1).map(rfc1902.TimeTicks)
    | st.integers(0, 2**64 - 1).map(rfc1902.Counter64)
    | st.binary(max_size=300).map(rfc1902.OctetString)
    | st.binary(min_size=4, max_size=4).map(rfc1902.IpAddress)
    | oids.map(rfc1902.ObjectName)
    | st.just(rfc1905.noSuchObject)
    | st.just(rfc1905.noSuchInstance)
    | st.just(rfc1905.endOfMibView)
)


def their_value(value: object) -> ber.Value:
    """What pysnmp holds, as we would say it."""
    for kind, ours in (
        (rfc1905.NoSuchObject, ber.Missing.NO_SUCH_OBJECT),
        (rfc1905.NoSuchInstance, ber.Missing.NO_SUCH_INSTANCE),
        (rfc1905.EndOfMibView, ber.Missing.END_OF_MIB_VIEW),
    ):
        if isinstance(value, kind):
            return ours
    if isinstance(value, rfc1902.ObjectName):
        return ".".join(map(str, tuple(value)))
    if isinstance(value, rfc1902.IpAddress):
        return ".".join(map(str, value.asOctets()))
    if isinstance(value, rfc1902.OctetString):
        return bytes(value.asOctets())
    return int(value)  # type: ignore[call-overload]  # pysnmp's numbers know __int__, not its stubs


@given(st.lists(st.tuples(oids, values), max_size=8))
def test_bindings_read_as_pysnmp_wrote_them(bindings: list[tuple[tuple[int, ...], object]]) -> None:
    data = b"".join(
        ber.tlv(0x30, encoder.encode(rfc1902.ObjectName(name)) + encoder.encode(value))
        for name, value in bindings
    )
    names, tags, raws = ber.varbinds(data, 0, len(data))
    assert [ber.oid_text(name) for name in names] == [".".join(map(str, name)) for name, _ in bindings]
    assert [ber.decode(tag, raw) for tag, raw in zip(tags, raws, strict=True)] == [
        their_value(value) for _, value in bindings
    ]


@given(st.binary(max_size=200))
def test_noise_raises_nothing_but_ber_error(data: bytes) -> None:
    try:
        version, _, pdu = read_message(data)
        if version != Version.V3 and pdu is not None:
            reply = read_reply(data, pdu)
            for at in range(len(reply.names)):
                ber.oid_text(reply.names[at])
                reply.value(at)
    except ber.BerError:
        pass
