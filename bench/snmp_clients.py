"""The clients that are compared, each run in a process of its own; they return CPU seconds."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench.snmp_fleet import IF_TABLE, IF_X_TABLE, PORTS, addresses, columns, pin, scalars
from monitor.collectors.snmp import ber, keys, usm
from monitor.collectors.snmp.agents import Agent, EngineSettings
from monitor.collectors.snmp.engine import UdpEngine
from monitor.collectors.snmp.messages import Community, SnmpError, Version, get
from monitor.collectors.snmp.talk import Talk, get_all, walk_table
from monitor.secrets import Secret

WALK_BINDINGS = 60
"""Values in one reply of a walk: the same for all."""
WALK_VALUES = 41 * PORTS
BENCH_USER = keys.User(b"bench", keys.Auth.SHA1, Secret("bench auth"), keys.Priv.AES128, Secret("bench priv"))
SYSTEM = [f"1.3.6.1.2.1.1.{n % 6 + 1}.0" for n in range(10)]


def in_child(work: Callable[..., Any], *arguments: Any) -> Any:
    """``work``'s result, from a forked process pinned to the first core."""
    ours, theirs = multiprocessing.Pipe()

    def run() -> None:
        pin(0)
        theirs.send(work(*arguments))

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    theirs.close()
    try:
        return ours.recv()
    finally:
        process.join()


async def all_of(
    engine: UdpEngine, agents: Sequence[Agent], talk: Callable[[Agent], Talk[Any]], within_s: float = 60
) -> list[Any]:
    """Every agent's conversation, all begun at once; raises if one fails."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    outcomes: list[Any] = []

    def done(outcome: Any) -> None:
        outcomes.append(outcome)
        if len(outcomes) == len(agents):
            ended.set_result(None)

    deadline = loop.time() + within_s
    for agent in agents:
        engine.run(agent, talk(agent), done, deadline)
    await ended
    for outcome in outcomes:
        if isinstance(outcome, SnmpError):
            raise outcome
    return outcomes


def v2c(count: int, port: int) -> list[Agent]:
    community = Community(Version.V2C, Secret("public"))
    return [Agent(ip, port, community) for ip in addresses(count)]


def ours_get(port: int, count: int, rounds: int) -> float:
    async def work() -> float:
        engine = UdpEngine(EngineSettings(timeout_s=5), random.Random(1))
        await engine.start()
        request = get(*map(ber.oid, scalars()))

        def poll(agent: Agent) -> Talk[list[ber.Value]]:
            reply = yield from get_all(request)
            return ber.decode_all(reply.tags, reply.raws)

        agents = v2c(count, port)
        await all_of(engine, agents, poll)
        started = time.process_time()
        for _ in range(rounds):
            await all_of(engine, agents, poll)
        spent = time.process_time() - started
        await engine.stop()
        return spent / count / rounds

    return asyncio.run(work())


def ours_walk(port: int, count: int) -> float:
    async def work() -> float:
        engine = UdpEngine(EngineSettings(timeout_s=5), random.Random(1))
        await engine.start()
        wanted = columns()

        def walk(agent: Agent) -> Talk[int]:
            agent.limits.bindings = WALK_BINDINGS
            found = yield from walk_table(wanted, agent.limits, PORTS)
            return sum(len(column.values()) for column in found)

        agents = v2c(count, port)
        started = time.process_time()
        values = await all_of(engine, agents, walk)
        spent = time.process_time() - started
        await engine.stop()
        if set(values) != {WALK_VALUES}:
            raise RuntimeError(f"a walk came to {set(values)} values")
        return spent / count

    return asyncio.run(work())


def ours_v3(port: int, count: int, rounds: int) -> float:
    async def work() -> float:
        engine = UdpEngine(EngineSettings(timeout_s=10, window=64), random.Random(1))
        await engine.start()
        request = get(*map(ber.oid, SYSTEM))
        agents = [Agent("127.0.0.1", port, usm.Session(BENCH_USER, n << 32)) for n in range(count)]

        def poll(agent: Agent) -> Talk[list[ber.Value]]:
            reply = yield from get_all(request)
            return ber.decode_all(reply.tags, reply.raws)

        await all_of(engine, agents, poll)
        started = time.process_time()
        for _ in range(rounds):
            await all_of(engine, agents, poll)
        spent = time.process_time() - started
        await engine.stop()
        return spent / count / rounds

    return asyncio.run(work())


def aiosnmp_get(port: int, count: int, rounds: int) -> float:
    import aiosnmp

    async def work() -> float:
        clients = [aiosnmp.Snmp(host=ip, port=port, timeout=5) for ip in addresses(count)]
        names = scalars()
        await asyncio.gather(*[client.get(names) for client in clients])
        started = time.process_time()
        for _ in range(rounds):
            await asyncio.gather(*[client.get(names) for client in clients])
        spent = time.process_time() - started
        for client in clients:
            client.close()
        return spent / count / rounds

    return asyncio.run(work())


def aiosnmp_walk(port: int, count: int, repetitions: int) -> float:
    import aiosnmp

    async def walk(client: aiosnmp.Snmp) -> int:
        return len(await client.bulk_walk(IF_TABLE, max_repetitions=repetitions)) + len(
            await client.bulk_walk(IF_X_TABLE, max_repetitions=repetitions)
        )

    async def work() -> float:
        clients = [aiosnmp.Snmp(host=ip, port=port, timeout=5) for ip in addresses(count)]
        started = time.process_time()
        values = await asyncio.gather(*[walk(client) for client in clients])
        spent = time.process_time() - started
        for client in clients:
            client.close()
        if set(values) != {WALK_VALUES}:
            raise RuntimeError(f"a walk came to {set(values)} values")
        return spent / count

    return asyncio.run(work())


def pysnmp_v3(port: int, requests: int) -> float:
    """As its own documentation calls it, MIB look-ups and all."""
    from pysnmp.hlapi.v3arch.asyncio import (
        USM_AUTH_HMAC96_SHA,
        USM_PRIV_CFB128_AES,
        ContextData,
        ObjectIdentity,
        ObjectType,
        SnmpEngine,
        UdpTransportTarget,
        UsmUserData,
        get_cmd,
    )

    async def work() -> float:
        engine = SnmpEngine()
        user = UsmUserData(
            "bench",
            "bench auth",
            "bench priv",
            authProtocol=USM_AUTH_HMAC96_SHA,
            privProtocol=USM_PRIV_CFB128_AES,
        )
        target = await UdpTransportTarget.create(("127.0.0.1", port), timeout=5)
        names = [ObjectType(ObjectIdentity(name)) for name in SYSTEM]

        async def one() -> None:
            error, status, _, _ = await get_cmd(engine, user, target, ContextData(), *names)
            if error or status:
                raise RuntimeError(str(error or status))

        await one()
        started = time.process_time()
        for _ in range(requests):
            await one()
        spent = time.process_time() - started
        engine.close_dispatcher()
        return spent / requests

    return asyncio.run(work())
