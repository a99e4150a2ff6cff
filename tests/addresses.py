"""Ports and networks of the loopback that no other test has at the same time, in whatever process it runs."""

from __future__ import annotations

import contextlib
import os
import socket
from functools import cache
from pathlib import Path

_FIRST_PORT = 10_000
_NETWORKS = 120


def free_port() -> int:
    """A port, TCP and UDP, that is free on every address and stays so: ours until this process ends.

    Not one that the kernel has named and taken back: it would name it again, to whoever asks next, before
    a server that we start has opened it. So it is one of those that the kernel names to nobody.
    """
    end = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    count = end - _FIRST_PORT
    for number in range(count):
        port = _FIRST_PORT + (os.getpid() * 131 + number) % count
        if _claimed(f"port-{port}") and _unused(port):
            return port
    raise AssertionError("no port is free")


@cache
def own_network() -> str:
    """``127.x``, x from 128: ours until this process ends."""
    for number in range(_NETWORKS):
        x = 128 + (os.getpid() + number) % _NETWORKS
        if _claimed(f"network-{x}"):
            return f"127.{x}"
    raise AssertionError("no network is free")


def _claimed(name: str) -> bool:
    """Whether nobody else had it: an abstract address is bound once on a machine, until its process ends."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(f"\0camwatch-test-{name}")
        except OSError:
            return False
        sock.detach()
        return True


def _unused(port: int) -> bool:
    for sort in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with contextlib.closing(socket.socket(socket.AF_INET, sort)) as sock:
            try:
                sock.bind(("", port))
            except OSError:
                return False
    return True
