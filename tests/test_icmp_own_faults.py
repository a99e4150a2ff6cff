"""What goes wrong on our own side is never booked as the device's fault."""

from __future__ import annotations

import asyncio
import errno
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence

import pytest

from monitor.collectors.icmp import collector as collector_module
from monitor.collectors.icmp import pinger as pinger_module
from monitor.collectors.icmp import sockets
from monitor.collectors.icmp.batched import BatchedIO
from monitor.collectors.icmp.packet import V4
from monitor.collectors.icmp.plain import PlainIO
from monitor.model import Reason
from tests.icmp_support import (
    Network,
    Request,
    collect,
    collector,
    liar,
    many,
    network,
    shell,
    targets,
)


@pytest.fixture(params=["batched", "plain"], autouse=True)
def either_io(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "plain":
        monkeypatch.setattr(collector_module, "open_io", PlainIO)


async def test_no_route_of_our_own_is_a_failed_send(net: Network) -> None:
    """In the midst of devices that can be sent to, and none of those suffers."""
    ips = many("10.99", 400)
    ips[100:100] = ["203.0.113.1", "203.0.113.2"]
    async with collector(echoes=2, spacing="10ms", timeout="300ms") as icmp:
        results = await collect(icmp, targets(*ips, "2001:db8::1"))
    failed = [result for result in results if not result.ok]
    assert [result.reason for result in failed] == [Reason.SEND_FAILED] * 3
    assert {result.detail for result in failed} == {"Network is unreachable"}
    assert {result.readings for result in failed} == {()}


async def test_our_own_firewall_is_a_failed_send(net: Network, firewall: None) -> None:
    shell(
        """nft -f - <<'END'
        table ip wall {
            chain output {
                type filter hook output priority 0;
                ip daddr 10.99.0.7 drop
            }
        }
END"""
    )
    async with collector(echoes=1, timeout="300ms") as icmp:
        results = await collect(icmp, targets(*many("10.99", 10)))
    assert [result.reason for result in results if not result.ok] == [Reason.SEND_FAILED]
    assert results[6].detail == "Operation not permitted"


async def test_replies_dropped_at_our_full_socket_are_our_own_loss(
    net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody reads the socket while two thousand replies come in: most do not fit into the small buffer."""
    monkeypatch.setattr(sockets, "_RECEIVE_BUFFER", 20_000)
    async with collector(echoes=1, timeout="300ms", rate=1e6) as icmp:
        monkeypatch.setattr(pinger_module.Pinger, "_drain", lambda self, until: self._read_errors() or True)
        asyncio.get_running_loop().call_later(0.2, monkeypatch.undo)
        results = await collect(icmp, targets(*many("10.99", 2000)))
    found = Counter(result.reason for result in results)
    assert set(found) == {Reason.OK, Reason.OWN_LOSS}
    assert found[Reason.OWN_LOSS] > 1000
    assert all(result.readings == () for result in results if not result.ok)


async def test_a_pause_of_our_process_makes_nobody_late(net: Network) -> None:
    """The replies came in time and wait in the socket while the loop stands still past the time-out."""
    async with collector(echoes=1, timeout="100ms", rate=1000) as icmp:
        asyncio.get_running_loop().call_later(0.05, time.sleep, 0.4)
        results = await collect(icmp, targets(*many("10.99", 100)))
    assert all(result.ok for result in results)


async def test_full_buffers_are_waited_for_and_not_for_ever(
    net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few ENOBUFS pass unnoticed; a device that always gets one fails as our own fault."""
    hopeless = V4.name("10.99.0.31")
    armed: list[bytes] = []
    calls = 0

    def wrap(io: type[BatchedIO] | type[PlainIO]) -> None:
        real_arm, real_send = io.arm, io.send

        def arm(self: BatchedIO | PlainIO, names: Sequence[bytes]) -> list[bytes]:
            armed[:] = names
            return real_arm(self, names)

        def send(self: BatchedIO | PlainIO, first: int, count: int) -> int:
            nonlocal calls
            calls += 1
            if calls < 10 or armed[first] == hopeless:
                raise OSError(errno.ENOBUFS, "No buffer space available")
            rest = armed[first : first + count]
            return real_send(self, first, rest.index(hopeless) if hopeless in rest else count)

        monkeypatch.setattr(io, "arm", arm)
        monkeypatch.setattr(io, "send", send)

    wrap(BatchedIO)
    wrap(PlainIO)
    async with collector(echoes=2, spacing="10ms", timeout="300ms") as icmp:
        results = await collect(icmp, targets(*many("10.99", 60)))
    assert [index for index, result in enumerate(results) if not result.ok] == [30]
    assert results[30].reason is Reason.SEND_FAILED
    assert results[30].detail == "No buffer space available"


async def test_the_deadline_holds_and_what_was_not_tried_is_not_down(net: Network) -> None:
    async with collector(echoes=1, rate=200) as icmp:
        results = await collect(icmp, targets(*many("10.99", 1000)), within_s=0.5)
    found = Counter(result.reason for result in results)
    assert set(found) == {Reason.OK, Reason.SEND_FAILED}
    assert found[Reason.SEND_FAILED] > 700


async def test_silence_cut_short_by_the_deadline_is_not_a_time_out(net: Network) -> None:
    async with collector(echoes=1, timeout="5s") as icmp:
        (result,) = await collect(icmp, targets("10.98.1.1"), within_s=0.2)
    assert result.reason is Reason.OWN_LOSS


async def test_an_address_that_is_none_is_answered_for_at_once(net: Network) -> None:
    async with collector(echoes=1, timeout="200ms") as icmp:
        results = await collect(icmp, targets("camera.example", "10.99.1.1", "", "fe80::1%nope"))
    assert [result.reason for result in results] == [
        Reason.RESOLVE, Reason.OK, Reason.RESOLVE, Reason.RESOLVE,
    ]  # fmt: skip


async def test_no_targets_is_no_work(net: Network) -> None:
    async with collector() as icmp:
        assert await collect(icmp, []) == []


async def test_a_clock_that_is_set_in_the_midst_loses_no_echo(
    net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's stamps jump by an hour between sending and receiving: alive, time not known."""

    def behave(request: Request) -> list[tuple[float, bytes]]:
        return [(0.05, request.datagram(request.reply()))]

    real = pinger_module.Pinger._match

    def match(self: pinger_module.Pinger, replies: list[tuple[bytes, int, bytes]]) -> None:
        step = 3_600_000_000_000
        real(
            self, [(source, at - step if source[3] % 2 else at + step, body) for source, at, body in replies]
        )

    monkeypatch.setattr(pinger_module.Pinger, "_match", match)
    async with liar(net, behave), collector(echoes=2, spacing="10ms", timeout="20s") as icmp:
        results = await collect(icmp, targets(*many("10.99", 20)))
    assert all(result.ok for result in results)
    assert {tuple(reading.metric for reading in result.readings) for result in results} == {
        ("ping.percent_packet_loss", "ping.result_code")
    }


async def test_stopping_leaves_no_socket_and_no_timer(net: Network) -> None:
    loop = asyncio.get_running_loop()
    async with collector(echoes=3) as icmp:
        sweep = icmp.collect(targets(*many("10.98", 50)), loop.time() + 5)
        waiting = asyncio.create_task(anext(sweep))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    await sweep.aclose()


def test_without_permission_the_message_says_what_to_do() -> None:
    """As another user, where unprivileged ICMP is off."""
    script = (
        "import os; os.setgid(65534); os.setuid(65534)\n"
        "from monitor.collectors.icmp.sockets import open_echo_socket\n"
        "from monitor.collectors.icmp.packet import V4\n"
        "open_echo_socket(V4)"
    )
    with network():
        shell('sysctl -qw net.ipv4.ping_group_range="1 0"')
        # Imported before the user is changed, since that one may not be able to read our files.
        script = "import monitor.collectors.icmp\n" + script
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode not in (0, -signal.SIGKILL)
    assert "give CAP_NET_RAW, or put our group into net.ipv4.ping_group_range" in done.stderr
