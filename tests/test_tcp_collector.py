"""The TCP check: open, refused, silent and unreachable are told apart, and from faults of our own."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import resource
import socket
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.clock import SystemClock
from monitor.collectors.base import Env
from monitor.collectors.tcp import TcpCollector, TcpSettings
from monitor.model import Reason, Result, Target
from tests.icmp_support import FLEET_ADDRESS, Network, targets


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A port that is open on every 127.x.y.z."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang_up, "0.0.0.0", 0, backlog=1000)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def collect(aims: list[Target], within_s: float = 60.0, **settings: object) -> list[Result]:
    tcp = TcpCollector(TcpSettings.model_validate(settings), Env(SystemClock(), random.Random(1)))
    await tcp.start()
    results = []
    async for batch in tcp.collect(aims, asyncio.get_running_loop().time() + within_s):
        results += batch
    await tcp.stop()
    assert sorted(result.device for result in results) == sorted(aim.device.id for aim in aims)
    order = {aim.device.id: number for number, aim in enumerate(aims)}
    return sorted(results, key=lambda result: order[result.device])


def sockets_open() -> int:
    gc.collect()
    links = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            links.append(os.readlink(entry))
        except FileNotFoundError:
            continue
    return sum(link.startswith("socket:") for link in links)


async def test_an_open_port_is_ok_and_timed(port: int) -> None:
    (result,) = await collect(targets("127.0.0.2"), port=port)
    assert result.ok
    values = {reading.metric: reading.value for reading in result.readings}
    assert set(values) == {"tcp.response_ms", "tcp.result_code"}
    assert 0 < float(values["tcp.response_ms"]) < 5000
    assert values["tcp.result_code"] == 0


async def test_a_closed_port_is_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        (result,) = await collect(targets("127.0.0.1"), port=free.getsockname()[1])
    assert result.reason is Reason.REFUSED
    assert [(r.metric, r.value) for r in result.readings] == [("tcp.result_code", 1)]


async def test_silence_is_a_time_out_and_an_icmp_error_is_unreachable(net: Network) -> None:
    aims = targets("10.98.0.1", "10.96.0.1", FLEET_ADDRESS, "fd97::2", "fd98::1")
    results = await collect(aims, timeout="300ms", port=554)
    assert [result.reason for result in results] == [
        Reason.TIMEOUT,
        Reason.UNREACHABLE,
        Reason.REFUSED,
        Reason.REFUSED,
        Reason.TIMEOUT,
    ]


async def test_no_route_of_our_own_is_a_failed_send(net: Network) -> None:
    (result,) = await collect(targets("203.0.113.1"), timeout="300ms", port=554)
    assert result.reason is Reason.SEND_FAILED
    assert result.detail == "Network is unreachable"
    assert result.readings == ()


async def test_what_is_no_address_does_not_resolve() -> None:
    results = await collect(targets("camera.invalid", "::x", "", "a\0b"), port=554)
    assert {result.reason for result in results} == {Reason.RESOLVE}


async def test_devices_that_wait_for_their_turn_do_not_fail_by_it(net: Network) -> None:
    """Forty silent ones go first, four at a time; they take longer than the time-out of those behind."""
    aims = targets(*[f"10.98.0.{i}" for i in range(1, 41)], *[FLEET_ADDRESS] * 200)
    results = await collect(aims, timeout="100ms", port=554, concurrency=4)
    found = Counter(result.reason for result in results)
    assert found == {Reason.TIMEOUT: 40, Reason.REFUSED: 200}


async def test_without_file_descriptors_the_fault_is_ours(port: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir()) + 1
    aims = targets(*["127.0.0.1"] * 5)
    loop = asyncio.get_running_loop()
    tcp = TcpCollector(TcpSettings(port=port), Env(SystemClock(), random.Random(1)))
    # Everything below the limit is taken, so that the next socket is one too many.
    taken = [os.dup(0) for _ in range(used - len(os.listdir("/proc/self/fd")) + 1)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(taken) + 1, hard))
    try:
        while True:
            taken.append(os.dup(0))
    except OSError:
        pass
    try:
        results = [r async for batch in tcp.collect(aims, loop.time() + 2) for r in batch]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in taken:
            os.close(fd)
    assert {(result.reason, result.detail) for result in results} == {
        (Reason.SEND_FAILED, "Too many open files")
    }


async def test_the_deadline_holds_and_what_was_not_tried_is_not_down(net: Network) -> None:
    aims = targets(*[f"10.98.0.{i}" for i in range(1, 101)])
    results = await collect(aims, within_s=0.5, timeout="200ms", port=554, concurrency=10)
    found = Counter(result.reason for result in results)
    # In half a second two turns of ten; whoever is under way at its end was not given his time.
    assert set(found) <= {Reason.TIMEOUT, Reason.OWN_LOSS, Reason.SEND_FAILED}
    assert found[Reason.TIMEOUT] <= 20
    assert found[Reason.OWN_LOSS] <= 10
    assert found[Reason.SEND_FAILED] >= 70


async def test_a_sweep_given_up_half_way_leaks_no_connection(net: Network) -> None:
    before = sockets_open()
    tcp = TcpCollector(TcpSettings(port=554), Env(SystemClock(), random.Random(1)))
    aims = targets(FLEET_ADDRESS, *[f"10.98.0.{i}" for i in range(1, 101)])
    sweep = tcp.collect(aims, asyncio.get_running_loop().time() + 5)
    assert len(await anext(sweep)) == 1
    assert sockets_open() > before
    await sweep.aclose()
    assert sockets_open() == before


async def test_a_thousand_connections_leak_nothing(port: int) -> None:
    before = sockets_open()
    results = await collect(targets(*[f"127.0.{i // 250}.{i % 250 + 1}" for i in range(1000)]), port=port)
    assert Counter(result.reason for result in results) == {Reason.OK: 1000}
    async with asyncio.timeout(60):
        while sockets_open() != before:
            await asyncio.sleep(0.01)
