"""The sweep on a real network path: two hosts joined by a cable, ten thousand devices."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter

import pytest

from monitor.collectors.icmp import collector as collector_module
from monitor.collectors.icmp.plain import PlainIO
from monitor.model import Reason, Result
from tests.icmp_support import (
    FLEET_ADDRESS,
    Network,
    collect,
    collector,
    many,
    targets,
)


@pytest.fixture(params=["batched", "plain"])
def either_io(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "plain":
        monkeypatch.setattr(collector_module, "open_io", PlainIO)


@pytest.fixture(params=["raw", "unprivileged"])
def either_socket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "unprivileged":

        class NoRawSocket(socket.socket):
            def __init__(
                self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None
            ) -> None:
                if type != -1 and type & 0xF == socket.SOCK_RAW:
                    raise PermissionError
                super().__init__(family, type, proto, fileno)

        monkeypatch.setattr(socket, "socket", NoRawSocket)


def reasons(results: list[Result]) -> Counter[Reason]:
    return Counter(result.reason for result in results)


def metrics(result: Result) -> dict[str, float]:
    return {reading.metric: float(reading.value) for reading in result.readings}


@pytest.mark.usefixtures("either_io", "either_socket")
async def test_ten_thousand_devices_are_judged_without_an_error(net: Network) -> None:
    """Zero false alive and zero false down, half the fleet dead, at full speed."""
    alive, dead = many("10.99", 5000), many("10.98", 5000)
    mixed = [ip for pair in zip(alive, dead, strict=True) for ip in pair]
    async with collector(echoes=1, timeout="400ms", rate=50_000) as icmp:
        results = await collect(icmp, targets(*mixed))
    assert [result.ok for result in results] == [True, False] * 5000
    assert reasons(results[1::2]) == {Reason.TIMEOUT: 5000}


@pytest.mark.usefixtures("either_io", "either_socket")
async def test_ipv6_devices_are_judged_without_an_error(net: Network) -> None:
    aims = targets(*[f"fd9{8 + i % 2}::{i:x}" for i in range(1, 1001)])
    async with collector(echoes=2, spacing="10ms", timeout="300ms") as icmp:
        results = await collect(icmp, aims)
    assert [result.ok for result in results] == [i % 2 == 1 for i in range(1, 1001)]


@pytest.mark.usefixtures("either_io", "either_socket")
async def test_readings_of_a_device_that_answers(net: Network) -> None:
    async with collector(echoes=3, spacing="10ms") as icmp:
        (four, six) = await collect(icmp, targets("10.99.1.1", "fd99::1"))
    for result in (four, six):
        values = metrics(result)
        assert set(values) == {
            "ping.average_response_ms",
            "ping.minimum_response_ms",
            "ping.maximum_response_ms",
            "ping.standard_deviation_ms",
            "ping.percent_packet_loss",
            "ping.result_code",
        }
        least, mean, most = (values[f"ping.{n}_response_ms"] for n in ("minimum", "average", "maximum"))
        assert 0 < least <= mean <= most < 1000
        assert values["ping.percent_packet_loss"] == 0
        assert values["ping.result_code"] == 0


@pytest.mark.usefixtures("either_io")
async def test_readings_of_a_device_that_is_silent(net: Network) -> None:
    async with collector(echoes=2, spacing="10ms", timeout="100ms") as icmp:
        (result,) = await collect(icmp, targets("10.98.1.1"))
    assert metrics(result) == {"ping.percent_packet_loss": 100.0, "ping.result_code": 1.0}


@pytest.mark.usefixtures("either_io", "either_socket")
async def test_unreachable_names_who_says_so_and_what(net: Network) -> None:
    # One echo: a router sends no more than a few errors at a time.
    async with collector(echoes=1, timeout="200ms") as icmp:
        (result,) = await collect(icmp, targets("10.96.1.1"))
    assert result.reason is Reason.UNREACHABLE
    assert result.detail == f"communication prohibited, says {FLEET_ADDRESS}"


@pytest.mark.usefixtures("either_io")
async def test_what_is_alive_is_told_at_once_and_not_with_the_dead(net: Network) -> None:
    async with collector(echoes=1, timeout="500ms") as icmp:
        aims = targets("10.98.1.1", *many("10.99", 100))
        batches = [batch async for batch in icmp.collect(aims, asyncio.get_running_loop().time() + 5)]
    assert sum(map(len, batches[:-1])) == 100
    assert [result.reason for result in batches[-1]] == [Reason.TIMEOUT]


async def test_the_spacing_is_between_the_echoes_to_one_device_only(net: Network) -> None:
    """A round of several volleys does not wait within itself: five minutes apart, and all answered."""
    async with collector(echoes=1, spacing="5m") as icmp:
        results = await collect(icmp, targets(*many("10.99", 300)), within_s=20)
    assert reasons(results) == {Reason.OK: 300}


async def test_rounds_keep_their_spacing(net: Network) -> None:
    """The second round is due after the deadline: one echo each is all that was sent."""
    async with collector(echoes=2, spacing="5m") as icmp:
        results = await collect(icmp, targets(*many("10.99", 100)), within_s=0.5)
    assert reasons(results) == {Reason.OK: 100}
    assert "ping.minimum_response_ms" not in metrics(results[0])


async def test_sweeps_at_the_same_time_do_not_disturb_each_other(net: Network) -> None:
    async with collector(echoes=2, spacing="10ms", timeout="300ms") as icmp:
        swept = await asyncio.gather(
            *(collect(icmp, targets(*many("10.99", 700), *many("10.98", 300))) for _ in range(5))
        )
    for results in swept:
        assert reasons(results) == {Reason.OK: 700, Reason.TIMEOUT: 300}


async def test_a_second_look_does_not_queue_behind_a_fleet(net: Network) -> None:
    """At 1,000 packets/s the fleet takes two seconds; the suspect's one echo goes out in between."""
    async with collector(echoes=1, rate=1000) as icmp:
        fleet = asyncio.create_task(collect(icmp, targets(*many("10.99", 2000))))
        await asyncio.sleep(0.1)
        (result,) = await collect(icmp, targets("10.99.200.200"), echoes=1)
        assert result.ok
        assert not fleet.done()
        assert reasons(await fleet) == {Reason.OK: 2000}


async def test_a_sweep_given_up_half_way_leaves_no_work_behind(net: Network) -> None:
    async with collector(echoes=1, rate=2000) as icmp:
        sweep = icmp.collect(targets(*many("10.99", 2000)), asyncio.get_running_loop().time() + 10)
        await anext(sweep)
        await sweep.aclose()
        results = await collect(icmp, targets(*many("10.99", 100)))
    assert reasons(results) == {Reason.OK: 100}


async def test_one_lost_echo_of_three_is_loss_and_not_death(net: Network, firewall: None) -> None:
    net.in_fleet(
        """nft -f - <<'END'
        table inet loss {
            chain input {
                type filter hook input priority 0;
                icmp type echo-request numgen inc mod 3 0 drop
            }
        }
END"""
    )
    async with collector(echoes=3, spacing="10ms", timeout="300ms") as icmp:
        (result,) = await collect(icmp, targets("10.99.1.1"))
    assert result.ok
    assert round(metrics(result)["ping.percent_packet_loss"]) == 33


async def test_a_thousandth_of_the_fleet_at_most_is_lost_at_one_per_cent_loss(
    net: Network, firewall: None
) -> None:
    """Every hundredth reply is lost; with a second look at the silent, at most 5 of 10,000 look dead."""
    net.in_fleet(
        """nft -f - <<'END'
        table ip loss {
            chain output {
                type filter hook output priority 0;
                icmp type echo-reply numgen inc mod 100 0 drop
            }
        }
END"""
    )
    async with collector(echoes=1, timeout="200ms", rate=50_000) as icmp:
        aims = targets(*many("10.99", 10_000))
        first = await collect(icmp, aims)
        silent = [aim for aim, result in zip(aims, first, strict=True) if not result.ok]
        second = await collect(icmp, silent)
    assert len(silent) == 100
    assert sum(not result.ok for result in second) <= 5


@pytest.mark.long
async def test_a_million_dead_checks_give_no_false_alive(net: Network) -> None:
    """Beside living devices, whose replies other tools take for those of the dead."""
    dead, alive = many("10.98", 20_000), many("10.99", 5000)
    async with collector(echoes=1, timeout="300ms", rate=100_000) as icmp:
        for _ in range(50):
            results = await collect(icmp, targets(*dead, *alive), within_s=20)
            assert not any(result.ok for result in results[: len(dead)])
            assert reasons(results[len(dead) :]) == {Reason.OK: len(alive)}
