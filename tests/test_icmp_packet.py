"""Echo packets: what is sent is right, and nothing but our own packet's echo is taken for an answer."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collectors.icmp.ancillary import from_error_queue, received_ns
from monitor.collectors.icmp.packet import (
    MIN_SIZE,
    V4,
    V6,
    EchoPackets,
    Family,
    checksum,
    describe_error,
    quoted_body,
    reply_body,
    strip_ip,
)

FAMILIES = st.sampled_from([V4, V6])


@given(ident=st.integers(0, 0xFFFF), size=st.integers(MIN_SIZE, 200), count=st.integers(1, 20))
def test_every_armed_packet_has_a_right_checksum_and_a_token_of_its_own(
    ident: int, size: int, count: int
) -> None:
    packets = EchoPackets(V4, ident, size, 20)
    bodies = packets.arm(count)
    assert len(set(bodies)) == count
    for index, body in enumerate(bodies):
        packet = packets.packet(index)
        assert len(packet) == 8 + size
        assert checksum(packet) == 0
        assert packet[:2] == b"\x08\x00"
        assert int.from_bytes(packet[4:6]) == ident
        assert packet[6:] == body


def test_arming_again_changes_every_token() -> None:
    packets = EchoPackets(V4, 7, 56, 8)
    first = packets.arm(8)
    assert not set(first) & set(packets.arm(8))


@given(body=st.binary(min_size=58, max_size=58), ident=st.integers(0, 0xFFFF))
def test_an_echo_reply_gives_back_its_body(body: bytes, ident: int) -> None:
    message = struct.pack("!BBHH", 0, 0, 0, ident) + body
    assert reply_body(V4, ident, 64, message) == body
    assert reply_body(V4, ident ^ 1, 64, message) is None
    assert reply_body(V4, ident, 64, message + b"x") is None
    assert reply_body(V4, ident, 64, message[:-1]) is None


@given(family=FAMILIES, data=st.binary(max_size=700))
def test_arbitrary_datagrams_never_crash_the_parsers(family: Family, data: bytes) -> None:
    for message in (data, strip_ip(data)):
        reply_body(family, 7, 64, message)
        quoted = quoted_body(family, 7, 64, message)
        assert quoted is None or 2 <= len(quoted) <= 58


@given(family=FAMILIES, name=st.binary(max_size=40), data=st.binary(max_size=100), control=st.data())
def test_arbitrary_control_messages_never_crash_the_parsers(
    family: Family, name: bytes, data: bytes, control: st.DataObject
) -> None:
    kinds = st.sampled_from([(1, 35), (1, 37), (0, 11), (41, 25), (9, 9)])
    messages = control.draw(st.lists(st.tuples(kinds, st.binary(max_size=64)), max_size=4))
    flat = [(level, kind, payload) for (level, kind), payload in messages]
    from_error_queue(family, name, flat, data)
    received_ns(flat)


@given(family=FAMILIES, kind=st.integers(0, 255), code=st.integers(0, 255))
def test_every_error_has_a_name(family: Family, kind: int, code: int) -> None:
    assert describe_error(family, kind, code)


def test_errors_are_named_as_the_standards_name_them() -> None:
    assert describe_error(V4, 3, 1) == "host unreachable"
    assert describe_error(V4, 3, 13) == "communication prohibited"
    assert describe_error(V6, 1, 3) == "address unreachable"
    assert describe_error(V6, 200, 9) == "ICMP error 200/9"


def test_a_quotation_of_eight_bytes_gives_the_sequence_number() -> None:
    packets = EchoPackets(V4, 7, 56, 1)
    (body,) = packets.arm(1)
    assert quoted_body(V4, 7, 64, packets.packet(0)[:8]) == body[:2]
    assert quoted_body(V4, 7, 64, packets.packet(0) + bytes(64)) == body
    assert quoted_body(V4, 8, 64, packets.packet(0)) is None


@pytest.mark.parametrize("ip", ["", "camera.example", "127.1", "1.2.3.4.5", "10.0.0.1 ", "1.2.3.256"])
def test_what_is_no_ipv4_address_is_refused(ip: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        V4.name(ip)


@pytest.mark.parametrize("ip", ["fe80::1%no-such-if", "::g", "fe80::1%99999999999"])
def test_what_is_no_ipv6_address_is_refused(ip: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        V6.name(ip)


@given(st.binary(min_size=4, max_size=4))
def test_a_socket_address_gives_back_its_ip(address: bytes) -> None:
    assert V4.address(V4.name(V4.text(address))) == address


@given(st.binary(min_size=16, max_size=16))
def test_an_ipv6_socket_address_gives_back_its_ip(address: bytes) -> None:
    assert V6.address(V6.name(V6.text(address))) == address
