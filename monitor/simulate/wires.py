"""The wires of a simulated fleet: real listeners on 127.x.y.z that can be unplugged.

ICMP, in a private network where the kernel leaves answering to us; or, where the machine permits no such
network, one TCP listener for each device.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import resource
import socket
from collections.abc import Iterable
from typing import Protocol

from monitor.simulate.icmp_responder import IcmpResponder

TCP_PORT = 5540


class Wires(Protocol):
    check: str
    """The check that sees these wires."""

    async def start(self, addresses: Iterable[str]) -> None: ...

    async def stop(self) -> None: ...

    def unplug(self, addresses: Iterable[str]) -> None: ...

    def plug(self, addresses: Iterable[str]) -> None: ...


class IcmpWires:
    check = "icmp"

    def __init__(self, rng: random.Random) -> None:
        self._responder = IcmpResponder(rng, delay_s=0.001)

    async def start(self, addresses: Iterable[str]) -> None:
        await self._responder.start()

    async def stop(self) -> None:
        await self._responder.stop()

    def unplug(self, addresses: Iterable[str]) -> None:
        self._responder.unplug(addresses)

    def plug(self, addresses: Iterable[str]) -> None:
        self._responder.plug(addresses)


class TcpWires:
    check = "tcp"

    def __init__(self) -> None:
        self._listeners: dict[str, socket.socket] = {}

    async def start(self, addresses: Iterable[str]) -> None:
        """``OSError`` when the machine does not let us open that many."""
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.plug(addresses)

    async def stop(self) -> None:
        self.unplug(list(self._listeners))

    def unplug(self, addresses: Iterable[str]) -> None:
        for address in addresses:
            listener = self._listeners.pop(address, None)
            if listener is not None:
                asyncio.get_running_loop().remove_reader(listener)
                listener.close()

    def plug(self, addresses: Iterable[str]) -> None:
        for address in addresses:
            if address not in self._listeners:
                listener = self._listeners[address] = socket.socket()
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((address, TCP_PORT))
                listener.setblocking(False)
                listener.listen(8)
                # One that nobody accepts stays in the queue, and nine of them would unplug the camera.
                asyncio.get_running_loop().add_reader(listener, _accept, listener)


def _accept(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        listener.accept()[0].close()


def behind(devices: Iterable[tuple[str, str, tuple[str, ...]]], fallen: set[str]) -> set[str]:
    """Addresses that fall silent with the fallen ids. Devices come as (id, address, parents), parents
    first."""
    silent_ids: set[str] = set()
    silent: set[str] = set()
    for id_, address, parents in devices:
        if id_ in fallen or (parents and all(parent in silent_ids for parent in parents)):
            silent_ids.add(id_)
            silent.add(address)
    return silent
