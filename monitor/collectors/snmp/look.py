"""A close look at one agent by hand: what its profile yields, and what it holds."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass

from monitor.collectors.snmp import ber, usm
from monitor.collectors.snmp.agents import Agent, EngineSettings
from monitor.collectors.snmp.engine import UdpEngine
from monitor.collectors.snmp.messages import Community
from monitor.collectors.snmp.poll import Memory, Poll, poll
from monitor.collectors.snmp.profiles import Profiles
from monitor.collectors.snmp.talk import walk_table

_REFRESH_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Look:
    """What two polls of a device came to: the second has rates."""

    object_id: str
    profile: str
    title: str
    poll: Poll


@dataclass(frozen=True, slots=True)
class Binding:
    name: bytes
    tag: int
    raw: bytes


async def look(
    ip: str,
    port: int,
    session: Community | usm.Session,
    profiles: Profiles,
    gap_s: float,
    timeout_s: float,
    override: str = "",
) -> Look:
    """Poll twice, ``gap_s`` apart. ``override`` names the profile. Raises ``SnmpError``."""
    memory = Memory(override)
    async with _Engine(timeout_s) as engine:
        agent = Agent(ip, port, session)
        for again in (False, True):
            if again:
                await asyncio.sleep(gap_s)
            found = await engine.ask(agent, poll(memory, profiles, agent.limits, _REFRESH_MS, _mono), 60)
    profile = memory.profile
    return Look(memory.object_id, profile.name if profile else "", profile.title if profile else "", found)


async def walk(
    ip: str, port: int, session: Community | usm.Session, root: bytes, timeout_s: float, limit: int
) -> list[Binding]:
    """All that lies under ``root``. Raises ``SnmpError``."""
    async with _Engine(timeout_s) as engine:
        agent = Agent(ip, port, session)
        agent.limits.max_rows = limit
        (column,) = await engine.ask(agent, walk_table((root,), agent.limits), 600)
        return [
            Binding(root + index, tag, raw)
            for index, tag, raw in zip(column.indexes, column.tags, column.raws, strict=True)
        ]


def shown(binding: Binding) -> str:
    """One line for a person; texts that are none in hexadecimal."""
    value = ber.decode(binding.tag, binding.raw)
    kind = _KINDS.get(binding.tag, f"0x{binding.tag:02x}")
    if isinstance(value, bytes):
        text = value.decode("utf-8", "replace")
        value = f'"{text}"' if text.isprintable() else value.hex(":")
    return f"{ber.oid_text(binding.name)} = {kind}: {'' if value is None else value}"


_KINDS = {
    ber.INTEGER: "INTEGER",
    ber.OCTETS: "STRING",
    ber.NULL: "NULL",
    ber.OID: "OID",
    ber.IP_ADDRESS: "IpAddress",
    ber.COUNTER32: "Counter32",
    ber.GAUGE32: "Gauge32",
    ber.TIME_TICKS: "TimeTicks",
    ber.OPAQUE: "Opaque",
    ber.COUNTER64: "Counter64",
}


def _mono() -> int:
    return time.monotonic_ns() // 1_000_000


class _Engine(UdpEngine):
    """An engine for the length of a ``with``."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(EngineSettings(timeout_s=timeout_s), random.SystemRandom())

    async def __aenter__(self) -> UdpEngine:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
