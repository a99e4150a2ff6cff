"""Simulated PoE switches that take orders, for the tests of remedies."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from monitor.collectors.snmp import ber
from monitor.simulate import snmp_agents
from monitor.simulate.snmp_writes import POWER, Writes
from monitor.simulate.snmprec import Walk, encode_value
from tests.addresses import free_port

READ, WRITE = "just-looking", "may-write"


def port_name(port: str) -> bytes:
    return ber.oid(f"{ber.oid_text(POWER)}.{port}")


def switch_walk(ports: int = 4) -> Walk:
    """All ports ``1.1`` … give power."""
    names = {port_name(f"1.{port}"): ber.encode_integer(1) for port in range(1, ports + 1)}
    return Walk.of(names | {ber.oid("1.3.6.1.2.1.1.5.0"): encode_value(ber.OCTETS, "switch", False)})


class Switches:
    """Agents at the addresses given. ``die`` and ``live`` are of all of them: the datagrams that come while
    they are dead find nobody."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.writes = Writes(WRITE.encode())
        self.agents = snmp_agents.Agents(
            None,
            {address: switch_walk() for address in addresses},
            community=READ.encode(),
            writes=self.writes,
        )
        self.port = free_port()
        self._socket: socket.socket | None = None

    @property
    def orders(self) -> list[tuple[str, bool]]:
        """What was set: port, and on or off."""
        return [(done.port, done.on) for done in self.writes.done]

    def live(self) -> None:
        self._socket = snmp_agents.open_socket(self.port)
        asyncio.get_running_loop().add_reader(self._socket, self._readable, self._socket)

    def die(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _readable(self, sock: socket.socket) -> None:
        snmp_agents.answer(sock, self.agents)


@contextmanager
def switches(*addresses: str) -> Iterator[Switches]:
    made = Switches(addresses)
    made.live()
    try:
        yield made
    finally:
        made.die()
