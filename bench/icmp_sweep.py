"""The ICMP sweep beside ``fping`` on the same targets, in two network namespaces that it makes itself.

``python -m bench.icmp_sweep --json`` (root; Debian packages fping, iproute2, nftables). Ratios are fping's
figure over ours: more is better. Ours is the whole collector: sockets, matching, readings, results.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import resource
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.output import show
from monitor.collectors.icmp import IcmpCollector
from monitor.collectors.icmp import collector as collector_module
from monitor.collectors.icmp.plain import PlainIO
from monitor.model import Reason, Result, Target
from tests.icmp_support import Network, collect, collector, many, network, shell, targets

UNLIMITED = 1e9
FPING_INTERVALS_MS = ("0", "0.01", "0.02", "0.05", "0.1", "0.2")
LOSS = """nft -f - <<'END'
table ip loss {
    chain output {
        type filter hook output priority 0;
        icmp type echo-reply numgen random mod 100 < 1 drop
    }
}
END"""


@dataclass(slots=True)
class Cost:
    wall_s: float
    cpu_s: float
    alive: int


def middle(costs: list[Cost]) -> Cost:
    """Medians of the runs; the least alive."""
    return Cost(
        statistics.median(cost.wall_s for cost in costs),
        statistics.median(cost.cpu_s for cost in costs),
        min(cost.alive for cost in costs),
    )


def fping(ips: list[str], interval_ms: str) -> Cost:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    command = ["fping", "-a", "-q", f"-i{interval_ms}", "-r0", "-b56", "-t1000"]
    done = subprocess.run(command, input="\n".join(ips), capture_output=True, text=True, check=False)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu, len(set(done.stdout.split())))


async def ours(icmp: IcmpCollector, aims: list[Target]) -> Cost:
    started, cpu = time.perf_counter(), time.process_time()
    alive = 0
    async for batch in icmp.collect(aims, asyncio.get_running_loop().time() + 20):
        alive += sum(result.ok for result in batch)
    return Cost(time.perf_counter() - started, time.process_time() - cpu, alive)


@contextlib.contextmanager
def plain_io() -> Iterator[None]:
    batched, collector_module.open_io = collector_module.open_io, PlainIO
    try:
        yield
    finally:
        collector_module.open_io = batched


async def swept(aims: list[Target], stamp_sent: bool) -> Cost:
    # Opened for its own turn only: every open raw socket is given a copy of each reply, the peer's too.
    async with collector(echoes=1, rate=UNLIMITED, stamp_sent=stamp_sent) as icmp:
        return await ours(icmp, aims)


async def beside_fping(ips: list[str], runs: int, interval_ms: str) -> dict[str, Cost]:
    """Every way in turn, ``runs`` times."""
    aims = targets(*ips)
    costs: dict[str, list[Cost]] = {"fping": [], "stamped": [], "batched": [], "plain": []}
    for _ in range(runs):
        costs["fping"].append(await asyncio.to_thread(fping, ips, interval_ms))
        costs["stamped"].append(await swept(aims, stamp_sent=True))
        costs["batched"].append(await swept(aims, stamp_sent=False))
        with plain_io():
            costs["plain"].append(await swept(aims, stamp_sent=False))
    return {way: middle(found) for way, found in costs.items()}


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Ourselves and the peer before whatever else runs on this machine. For what is nothing but work: with a
    delay on the way, what a peer loses depends on how it is scheduled, so there all is as usual."""
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


async def no_delay(ips: list[str], runs: int) -> dict[str, float]:
    with undisturbed():
        found = await beside_fping(ips, runs, "0")
    peer, best = found["fping"], found["batched"]
    return {
        "ratio_wall": peer.wall_s / best.wall_s,
        "ratio_cpu": peer.cpu_s / best.cpu_s,
        "ratio_wall_stamped": peer.wall_s / found["stamped"].wall_s,
        "ratio_wall_plain": peer.wall_s / found["plain"].wall_s,
        "wall_s": best.wall_s,
        "cpu_s": best.cpu_s,
        "wall_s_stamped": found["stamped"].wall_s,
        "wall_s_plain": found["plain"].wall_s,
        "fping_wall_s": peer.wall_s,
        "fping_cpu_s": peer.cpu_s,
        "false_dead_no_delay": len(ips) - min(cost.alive for way, cost in found.items() if way != "fping"),
    }


@contextlib.contextmanager
def far_away(delay_ms: float) -> Iterator[None]:
    """10.95.0.0/16 answers after ``delay_ms``."""
    command = [sys.executable, "-m", "bench.tun_responder", "far", str(delay_ms)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        shell("ip route add 10.95.0.0/16 dev far")
        yield
    finally:
        process.communicate()


async def delayed(count: int, runs: int) -> dict[str, float | str]:
    ips = many("10.95", count)
    with far_away(5):
        lossless = next(
            (ms for ms in FPING_INTERVALS_MS if min(fping(ips, ms).alive for _ in range(3)) == count), ""
        )
        found = await beside_fping(ips, runs, lossless or FPING_INTERVALS_MS[-1])
    peer, best = found["fping"], found["batched"]
    return {
        "delay_fping_interval_ms": lossless or "none is lossless",
        "delay_ratio_wall": peer.wall_s / best.wall_s,
        "delay_ratio_cpu": peer.cpu_s / best.cpu_s,
        "delay_wall_s": best.wall_s,
        "delay_cpu_s": best.cpu_s,
        "delay_ratio_wall_stamped": peer.wall_s / found["stamped"].wall_s,
        "delay_fping_wall_s": peer.wall_s,
        "delay_fping_cpu_s": peer.cpu_s,
        "false_dead_delay": count - best.alive,
    }


async def lossy(net: Network, ips: list[str]) -> dict[str, int]:
    """One reply in a hundred is lost; the silent are looked at once more."""
    net.in_fleet(LOSS)
    try:
        async with collector(echoes=1, rate=100_000) as icmp:
            aims = targets(*ips)
            first = await collect(icmp, aims)
            silent = [aim for aim, result in zip(aims, first, strict=True) if not result.ok]
            second = await collect(icmp, silent)
    finally:
        net.in_fleet("nft delete table ip loss")
    return {"loss_silent_once": len(silent), "loss_false_dead": sum(not result.ok for result in second)}


async def dead_checks(count: int) -> dict[str, int]:
    """Checks of dead devices beside a living fleet whose replies keep coming in."""
    alive, dead = many("10.99", 5000), many("10.98", 20_000)
    false_alive = false_dead = done = 0
    async with collector(echoes=1, timeout="500ms", rate=100_000) as icmp:
        aims = targets(*dead, *alive)
        while done < count:
            results = await collect(icmp, aims, within_s=30)
            false_alive += sum(result.ok for result in results[: len(dead)])
            false_dead += sum(not result.ok for result in results[len(dead) :])
            done += len(dead)
    return {"dead_checks": done, "false_alive": false_alive, "false_dead": false_dead}


class Tap:
    """Sees each packet on the monitor's cable with its time (AF_PACKET): the truth about round-trip times."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self.sock.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self.sock.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
        self.sock.bind(("monitor", 0x0003))
        self.sock.setblocking(False)

    def round_trips(self) -> dict[str, int]:
        """Nanoseconds by address, of devices asked once."""
        sent: dict[bytes, int] = {}
        found: dict[str, int] = {}
        while True:
            try:
                data, control, _, _ = self.sock.recvmsg(2000, 128)
            except BlockingIOError:
                return found
            if len(data) < 28 or data[0] != 0x45 or data[9] != 1:
                continue
            seconds, nanoseconds = struct.unpack("qq", control[0][2])
            at = seconds * 1_000_000_000 + nanoseconds
            if data[20] == 8:
                sent[data[16:20]] = at
            elif data[20] == 0 and data[12:16] in sent:
                found[socket.inet_ntoa(data[12:16])] = at - sent[data[12:16]]


async def round_trip_error(count: int) -> dict[str, float]:
    tap = Tap()
    try:
        async with collector(echoes=1) as icmp:
            await collect(icmp, targets("10.99.250.1"))
            results: list[Result] = await collect(icmp, targets(*many("10.99", count)))
        truth = tap.round_trips()
    finally:
        tap.sock.close()
    errors = sorted(
        abs(float(result.readings[0].value) * 1000 - truth[ip] / 1000)
        for result in results
        if result.reason is Reason.OK and (ip := result.device.partition("@")[2]) in truth
    )
    return {
        "rtt_error_p50_us": errors[len(errors) // 2],
        "rtt_error_p99_us": errors[len(errors) * 99 // 100],
        "rtt_samples": len(errors),
    }


async def loop_stall(ips: list[str]) -> dict[str, float]:
    """The longest that the loop was not given back, by the wall and by our own CPU time alone (other
    processes on this machine are in the first)."""
    walls, cpus = [0.0], [0.0]

    async def watch() -> None:
        while True:
            wall, cpu = time.perf_counter(), time.process_time()
            await asyncio.sleep(0)
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)

    async with collector(echoes=1, rate=UNLIMITED) as icmp:
        aims = targets(*ips)
        gc.collect()
        gc.freeze()  # again: the fleet is there to stay, as the daemon's inventory is
        watcher = asyncio.create_task(watch())
        for _ in range(5):
            await ours(icmp, aims)
        watcher.cancel()
    return {"stall_max_ms": max(walls) * 1000, "stall_max_cpu_ms": max(cpus) * 1000}


async def three_echoes(ips: list[str]) -> dict[str, float]:
    """What the daemon does: three echoes to each, paced, with readings."""
    async with collector(echoes=3) as icmp:
        costs = [await ours(icmp, targets(*ips)) for _ in range(2)]
    return {"cpu_us_per_check_3_echoes": costs[-1].cpu_s / len(ips) * 1e6}


async def measure(net: Network, hosts: int, runs: int, dead: int) -> dict[str, float | int | str]:
    ips = many("10.99", hosts)
    gc.collect()
    gc.freeze()  # as the daemon does after start-up
    found: dict[str, float | int | str] = {"hosts": hosts, "runs": runs}
    found |= await no_delay(ips, runs)
    found |= await delayed(hosts, runs)
    found |= await lossy(net, ips)
    found |= await round_trip_error(min(hosts, 5000))
    found |= await loop_stall(ips)
    found |= await three_echoes(ips)
    found |= await dead_checks(dead)
    return {key: round(value, 5) if isinstance(value, float) else value for key, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--dead-checks", type=int, default=1_000_000)
    arguments = parser.parse_args()
    if shutil.which("fping") is None:
        sys.exit("no `fping`: install the Debian package fping")
    with network() as net:
        found = asyncio.run(measure(net, arguments.hosts, arguments.runs, arguments.dead_checks))
    show(found, arguments.json)


if __name__ == "__main__":
    main()
