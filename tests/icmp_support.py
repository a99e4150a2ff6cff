"""A network of two hosts for the ICMP tests: a monitor (this process) and a fleet, joined by a veth pair.

The fleet's kernel answers for all of 10.99.0.0/16 and fd99::/64 and is silent for 10.98.0.0/16 and
fd98::/64. Both namespaces are nameless, so that nothing stays behind even after ``kill -9``.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import random
import shutil
import socket
import struct
import subprocess
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass

import pytest

from monitor.clock import SystemClock
from monitor.collectors.base import Env
from monitor.collectors.icmp import IcmpCollector, IcmpSettings
from monitor.collectors.icmp.packet import V4, checksum
from monitor.collectors.icmp.sockets import IcmpNotPermitted, open_echo_socket
from monitor.model import Device, DeviceId, Kind, Result, Target

_CLONE_NEWNET = 0x40000000
_SO_RCVBUFFORCE = 33
_LIBC = ctypes.CDLL(None, use_errno=True)
_SET_UP_FLEET = """
ip link set lo up
ip address add 10.97.0.2/30 dev fleet
ip -6 address add fd97::2/64 dev fleet nodad
ip link set fleet up
ip -6 neighbour add fd97::1 lladdr 02:00:00:00:00:01 dev fleet
ip route add local 10.99.0.0/16 dev lo
ip route add blackhole 10.98.0.0/16
ip route add prohibit 10.96.0.0/16
ip -6 route add local fd99::/64 dev lo
ip -6 route add blackhole fd98::/64
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0
"""
_SET_UP_MONITOR = """
ip link set lo up
sysctl -qw net.ipv6.conf.default.accept_dad=0
ip link add monitor address 02:00:00:00:00:01 type veth \\
  peer name fleet address 02:00:00:00:00:02 netns {fleet}
ip address add 10.97.0.1/30 dev monitor
ip -6 address add fd97::1/64 dev monitor nodad
ip link set monitor up
ip -6 neighbour add fd97::2 lladdr 02:00:00:00:00:02 dev monitor
ip route add 10.98.0.0/15 via 10.97.0.2
ip route add 10.96.0.0/16 via 10.97.0.2
ip -6 route add fd98::/15 via fd97::2
sysctl -qw net.ipv4.ping_group_range="0 2147483647"
"""
FLEET_ADDRESS = "10.97.0.2"


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def shell(script: str) -> None:
    subprocess.run(["sh", "-e"], input=script, text=True, check=True, capture_output=True)


@dataclass(slots=True)
class Network:
    fleet_pid: int

    def in_fleet(self, script: str) -> None:
        """Run a shell script in the fleet's namespace."""
        command = ["nsenter", f"--net=/proc/{self.fleet_pid}/ns/net", "sh", "-e"]
        subprocess.run(command, input=script, text=True, check=True, capture_output=True)

    @contextlib.contextmanager
    def as_fleet(self) -> Iterator[None]:
        """Sockets opened inside belong to the fleet's host."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        fleet = os.open(f"/proc/{self.fleet_pid}/ns/net", os.O_RDONLY)
        try:
            _check(_LIBC.setns(fleet, _CLONE_NEWNET))
            yield
        finally:
            _check(_LIBC.setns(home, _CLONE_NEWNET))
            os.close(home)
            os.close(fleet)


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """While open, this thread lives in the monitor's namespace."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces of our own need root")
    for tool, package in (("ip", "iproute2"), ("unshare", "util-linux"), ("sysctl", "procps")):
        if shutil.which(tool) is None:
            pytest.skip(f"no `{tool}`: install the Debian package {package}")
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    # Ends with its input, and so with us.
    fleet = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
    try:
        ours = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{fleet.pid}/ns/net") == ours:
            os.sched_yield()
        _check(_LIBC.unshare(_CLONE_NEWNET))
        shell(_SET_UP_MONITOR.format(fleet=fleet.pid))
        net = Network(fleet.pid)
        net.in_fleet(_SET_UP_FLEET)
        # The carrier comes a moment after the link; until then IPv6 has no way out.
        shell("until ip link show monitor | grep -q 'state UP'; do sleep 0.01; done")
        net.in_fleet("until ip link show fleet | grep -q 'state UP'; do sleep 0.01; done")
        yield net
    finally:
        _check(_LIBC.setns(home, _CLONE_NEWNET))
        os.close(home)
        fleet.communicate()


def targets(*ips: str) -> list[Target]:
    return [
        Target(Device(DeviceId(f"{number}@{ip}"), ip, Kind.CAMERA, ip), ip) for number, ip in enumerate(ips)
    ]


def many(prefix: str, count: int) -> list[str]:
    """``count`` IPv4 addresses below ``prefix`` (two octets)."""
    return [f"{prefix}.{i // 250}.{i % 250 + 1}" for i in range(count)]


@contextlib.asynccontextmanager
async def collector(**settings: object) -> AsyncIterator[IcmpCollector]:
    made = IcmpCollector(IcmpSettings.model_validate(settings), Env(SystemClock(), random.Random(1)))
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def collect(
    collector: IcmpCollector, aims: list[Target], within_s: float = 60.0, echoes: int | None = None
) -> list[Result]:
    """All results, in the order of ``aims``; exactly one for each is part of the promise."""
    deadline = asyncio.get_running_loop().time() + within_s
    found: dict[str, Result] = {}
    async for batch in collector.collect(aims, deadline, echoes):
        assert batch
        for result in batch:
            assert result.device not in found, "answered twice"
            found[result.device] = result
    assert asyncio.get_running_loop().time() < deadline + 30
    return [found.pop(aim.device.id) for aim in aims]


@dataclass(frozen=True, slots=True)
class Request:
    """One echo request as the fleet's host received it."""

    source: str
    camera: str
    message: bytes

    def datagram(self, message: bytes, source: str | None = None) -> bytes:
        return ip4(source or self.camera, self.source, message)

    def reply(self, *, body: bytes | None = None, ident: bytes | None = None) -> bytes:
        """The right answer, or one with other bytes after the id, or another id."""
        return icmp(0, 0, (ident or self.message[4:6]) + (self.message[6:] if body is None else body))

    def error(self, kind: int, code: int, quoted: bytes | None = None, camera: str | None = None) -> bytes:
        inner = ip4(self.source, camera or self.camera, self.message if quoted is None else quoted)
        return icmp(kind, code, bytes(4) + inner)


def icmp(kind: int, code: int, rest: bytes) -> bytes:
    message = bytes((kind, code, 0, 0)) + rest
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


def ip4(source: str, destination: str, message: bytes) -> bytes:
    header = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(message), 0, 0, 64, 1, 0,
        socket.inet_aton(source), socket.inet_aton(destination),
    )  # fmt: skip
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + message


Behaviour = Callable[[Request], Iterable[tuple[float, bytes]]]
"""What to send back: (delay in seconds, IP datagram) …"""


@contextlib.asynccontextmanager
async def liar(net: Network, behave: Behaviour) -> AsyncIterator[list[Request]]:
    """The fleet's host answers by ``behave`` alone; gives the requests it has seen."""
    net.in_fleet("sysctl -qw net.ipv4.icmp_echo_ignore_all=1")
    with net.as_fleet():
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMP)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 8 << 20)  # a busy machine reads it late
    loop = asyncio.get_running_loop()
    seen: list[Request] = []

    def send(datagram: bytes) -> None:
        if sock.fileno() >= 0:
            sock.sendto(datagram, (socket.inet_ntoa(datagram[16:20]), 0))

    def readable() -> None:
        datagram = sock.recv(2000)
        if datagram[20] != 8:
            return
        request = Request(socket.inet_ntoa(datagram[12:16]), socket.inet_ntoa(datagram[16:20]), datagram[20:])
        seen.append(request)
        for delay, answer in behave(request):
            loop.call_later(delay, send, answer)

    loop.add_reader(sock, readable)
    try:
        yield seen
    finally:
        loop.remove_reader(sock)
        sock.close()
        net.in_fleet("sysctl -qw net.ipv4.icmp_echo_ignore_all=0")


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    with network() as made:
        yield made


@pytest.fixture
def firewall(net: Network) -> Iterator[None]:
    """For tests that set rules; takes them away afterwards."""
    if not has_nft():
        pytest.skip("no `nft`: install the Debian package nftables")
    yield
    net.in_fleet("nft flush ruleset")
    shell("nft flush ruleset")


def has_nft() -> bool:
    return shutil.which("nft") is not None


def icmp_or_skip() -> None:
    """Whole daemons that check by ICMP need to be allowed to."""
    try:
        open_echo_socket(V4).close()
    except IcmpNotPermitted:
        pytest.skip("no ICMP socket permitted: be root, or in a group of net.ipv4.ping_group_range")
