"""Answers that are wrong, late, doubled or forged: none of them makes a device alive, or dead."""

from __future__ import annotations

import random

import pytest

from monitor.collectors.icmp import collector as collector_module
from monitor.collectors.icmp.plain import PlainIO
from monitor.model import Reason
from tests.icmp_support import Network, Request, collect, collector, ip4, liar, many, targets


@pytest.fixture(params=["batched", "plain"], autouse=True)
def either_io(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "plain":
        monkeypatch.setattr(collector_module, "open_io", PlainIO)


async def test_an_answer_from_another_address_is_a_finding_of_its_own(net: Network) -> None:
    def behave(request: Request) -> list[tuple[float, bytes]]:
        return [(0, request.datagram(request.reply(), source="10.99.7.7"))]

    async with liar(net, behave), collector(echoes=2, spacing="10ms", timeout="700ms") as icmp:
        (result,) = await collect(icmp, targets("10.99.1.1"))
    assert result.reason is Reason.WRONG_SOURCE
    assert result.detail == "answered by 10.99.7.7"


async def test_the_right_answer_after_one_from_another_address_counts(net: Network) -> None:
    def behave(request: Request) -> list[tuple[float, bytes]]:
        reply = request.reply()
        return [(0, request.datagram(reply, source="10.99.7.7")), (0.05, request.datagram(reply))]

    async with liar(net, behave), collector(echoes=1, timeout="20s") as icmp:
        (result,) = await collect(icmp, targets("10.99.1.1"))
    assert result.ok


async def test_a_damaged_answer_is_no_answer(net: Network) -> None:
    """Two thousand devices, each damaging the reply in its own way: bits, bytes, length, type, IP options."""
    chance = random.Random(20)

    def behave(request: Request) -> list[tuple[float, bytes]]:
        message = bytearray(request.reply())
        way = chance.randrange(6)
        if way == 0:
            message[chance.randrange(4, len(message))] ^= 1 << chance.randrange(8)
        elif way == 1:
            message[chance.choice((0, 1))] ^= chance.randrange(1, 256)
        elif way == 2:
            message = message[: chance.randrange(len(message))]
        elif way == 3:
            message += chance.randbytes(chance.randrange(1, 1400))
        elif way == 4:
            at = chance.randrange(6, 60)
            message[at : at + 4] = bytes(255 - byte for byte in message[at : at + 4])
        else:
            message[6:] = chance.randbytes(len(message) - 6)
        return [(0, request.datagram(bytes(message)))]

    async with liar(net, behave) as seen, collector(echoes=1, timeout="200ms", rate=2_000) as icmp:
        results = await collect(icmp, targets(*many("10.99", 2000)))
    assert len(seen) > 1000  # on a busy machine the tunnel's queue overflows
    assert {result.reason for result in results} == {Reason.TIMEOUT}


async def test_arbitrary_datagrams_are_survived_and_no_answer(net: Network) -> None:
    """Bytes of every sort behind an ICMP header with our id, so that they pass the kernel's filter."""
    chance = random.Random(21)

    def behave(request: Request) -> list[tuple[float, bytes]]:
        ident = request.message[4:6]
        return [
            (0, request.datagram(bytes(4) + ident + chance.randbytes(chance.randrange(1400)))),
            (0, request.datagram(request.reply(body=chance.randbytes(chance.randrange(90))))),
            (0, request.datagram(request.error(chance.randrange(256), chance.randrange(256), ident * 30))),
        ]

    async with liar(net, behave), collector(echoes=1, timeout="200ms", rate=10_000) as icmp:
        results = await collect(icmp, targets(*many("10.99", 1000)))
    assert not any(result.ok for result in results)


async def test_an_answer_behind_ip_options_counts(net: Network) -> None:
    def behave(request: Request) -> list[tuple[float, bytes]]:
        plain = request.datagram(request.reply())
        return [(0, b"\x46" + plain[1:10] + bytes(2) + plain[12:20] + b"\x01\x01\x01\x00" + plain[20:])]

    async with liar(net, behave), collector(echoes=1, timeout="20s") as icmp:
        (result,) = await collect(icmp, targets("10.99.1.1"))
    assert result.ok


async def test_late_answers_never_count_not_even_for_the_next_echo(net: Network) -> None:
    def behave(request: Request) -> list[tuple[float, bytes]]:
        return [(0.15, request.datagram(request.reply()))]

    async with liar(net, behave), collector(echoes=3, spacing="100ms", timeout="80ms") as icmp:
        for _ in range(3):
            (result,) = await collect(icmp, targets("10.99.1.1"))
            assert result.reason is Reason.TIMEOUT


async def test_duplicates_are_counted_once(net: Network) -> None:
    """Of three echoes one is answered, five times over."""
    answered: list[Request] = []

    def behave(request: Request) -> list[tuple[float, bytes]]:
        if answered:
            return []
        answered.append(request)
        return [(0.01 * copy, request.datagram(request.reply())) for copy in range(5)]

    async with liar(net, behave), collector(echoes=3, spacing="10ms", timeout="700ms") as icmp:
        (result,) = await collect(icmp, targets("10.99.1.1"))
    assert result.ok
    assert round({r.metric: float(r.value) for r in result.readings}["ping.percent_packet_loss"]) == 67


async def test_an_answer_is_not_taken_for_a_neighbour_s(net: Network) -> None:
    """Every device answers with the bytes of the one asked before it."""
    last: list[Request] = []

    def behave(request: Request) -> list[tuple[float, bytes]]:
        last.append(request)
        return [(0, request.datagram(last[-2].reply()))] if len(last) > 1 else []

    async with liar(net, behave), collector(echoes=1, timeout="200ms") as icmp:
        results = await collect(icmp, targets(*many("10.99", 50)))
    assert not any(result.ok for result in results)


@pytest.mark.parametrize("quoted", [8, 28, 64])
async def test_an_icmp_error_that_quotes_our_packet_is_believed(net: Network, quoted: int) -> None:
    def behave(request: Request) -> list[tuple[float, bytes]]:
        error = request.error(3, 1, request.message[:quoted])
        return [(0, ip4("10.97.0.2", request.source, error))]

    async with liar(net, behave), collector(echoes=2, spacing="10ms", timeout="700ms") as icmp:
        (result,) = await collect(icmp, targets("10.99.1.1"))
    assert result.reason is Reason.UNREACHABLE
    assert result.detail == "host unreachable, says 10.97.0.2"


async def test_forged_icmp_errors_are_not_believed(net: Network) -> None:
    """Wrong cookie, wrong sequence number, wrong id, about another device."""

    def behave(request: Request) -> list[tuple[float, bytes]]:
        message = request.message
        forged = [
            request.error(3, 1, message[:8] + bytes(56)),
            request.error(3, 1, message[:6] + bytes(a ^ 0x55 for a in message[6:8])),
            request.error(3, 1, message[:4] + bytes(a ^ 0x55 for a in message[4:6]) + message[6:]),
            request.error(3, 1, camera="10.99.9.9"),
            request.error(3, 1, message[:7]),
            request.error(3, 1, b""),
        ]
        return [(0, ip4("10.97.0.2", request.source, error)) for error in forged]

    async with liar(net, behave), collector(echoes=2, spacing="10ms", timeout="200ms") as icmp:
        results = await collect(icmp, targets("10.99.1.1", "10.99.1.2"))
    assert {result.reason for result in results} == {Reason.TIMEOUT}


async def test_an_icmp_error_never_makes_a_living_device_dead(net: Network) -> None:
    """Who sees our packets can write a perfect error; the answer that comes later still counts."""

    def behave(request: Request) -> list[tuple[float, bytes]]:
        error = ip4("10.97.0.2", request.source, request.error(3, 1))
        return [(0, error), (0.05, request.datagram(request.reply()))]

    async with liar(net, behave), collector(echoes=2, spacing="10ms", timeout="20s") as icmp:
        (result,) = await collect(icmp, targets("10.99.1.1"))
    assert result.ok
