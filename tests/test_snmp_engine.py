"""What an agent may do wrong, and that it harms nobody: each case of the safety list."""

from __future__ import annotations

import asyncio
import socket

import pytest

from monitor.collectors.snmp import ber
from monitor.collectors.snmp.agents import Agent, EngineSettings
from monitor.collectors.snmp.messages import Community, PduType, Version, get, read_message
from monitor.collectors.snmp.talk import Limits, get_all, walk_table
from monitor.model import Reason
from monitor.secrets import Secret
from monitor.simulate.snmp_agents import Agents, Fault
from monitor.simulate.snmprec import Walk, encode_value
from tests.addresses import free_port
from tests.snmp_support import (
    COLUMNS,
    PATIENT,
    PUBLIC,
    SYS_NAME,
    SYS_UP_TIME,
    V1_PUBLIC,
    agent_at,
    ask_name,
    engine,
    failure,
    scripted,
    simulated,
    small_walk,
)

IP = "127.9.0.1"


@pytest.mark.parametrize("session", [V1_PUBLIC, PUBLIC], ids=["v1", "v2c"])
async def test_values_and_tables_arrive_whole(session: Community) -> None:
    with simulated(Agents(small_walk(rows=300))) as port:
        async with engine() as ours:
            agent = Agent(IP, port, session)
            assert await ask_name(ours, agent) == b"switch"
            first, second = await ours.ask(agent, walk_table(COLUMNS, agent.limits), 60)
            assert first.values() == list(range(1, 301))
            assert [ber.index_text(octets) for octets in second.indexes] == [str(n) for n in range(1, 301)]
            assert second.values()[-1] == b"port 300"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.SILENT, Reason.TIMEOUT),
        (Fault.EMPTY_DATAGRAM, Reason.PROTOCOL),
        (Fault.GARBAGE, Reason.PROTOCOL),
        (Fault.TRUNCATED, Reason.PROTOCOL),
        (Fault.ECHO, Reason.PROTOCOL),
        (Fault.WRONG_ID, Reason.TIMEOUT),
        (Fault.WRONG_COMMUNITY, Reason.PROTOCOL),
        (Fault.WRONG_SOURCE, Reason.WRONG_SOURCE),
        (Fault.WRONG_NAMES, Reason.PROTOCOL),
        (Fault.NO_BINDINGS, Reason.PROTOCOL),
        (Fault.BAD_STATUS, Reason.PROTOCOL),
        (Fault.BAD_INDEX, Reason.PROTOCOL),
    ],
)
async def test_a_bad_answer_to_a_get_gives_a_reason_and_never_a_value(fault: Fault, reason: Reason) -> None:
    with simulated(Agents(small_walk(), faults={IP: fault})) as port:
        async with engine() as ours:
            assert (await failure(ours, Agent(IP, port, PUBLIC), get_all(get(SYS_NAME)))).reason is reason
            assert await ask_name(ours, Agent("127.9.0.9", port, PUBLIC)) == b"switch"


@pytest.mark.parametrize(
    "fault",
    [Fault.REPEATS, Fault.DECREASES, Fault.CYCLES, Fault.NO_BINDINGS, Fault.ECHO, Fault.GARBAGE],
)
async def test_a_walk_over_a_hostile_table_ends(fault: Fault) -> None:
    """The last column is walked too: CYCLES begins again at the end of the agent's objects."""
    agents = Agents(small_walk(rows=150), faults={IP: fault})
    with simulated(agents) as port:
        async with engine() as ours:
            agent = Agent(IP, port, PUBLIC)
            error = await failure(ours, agent, walk_table(COLUMNS, agent.limits))
            assert error.reason is Reason.PROTOCOL


async def test_an_empty_reply_in_mid_walk_is_asked_once_not_six_thousand_times() -> None:
    asked: list[bytes] = []
    agents = Agents(small_walk(rows=150))

    def answer(data: bytes) -> list[bytes]:
        asked.append(data)
        if len(asked) == 2:
            agents.faults["127.0.0.1"] = Fault.NO_BINDINGS
        return [reply for reply, _ in agents.answers(data, "127.0.0.1")]

    with scripted(answer) as port:
        async with engine(PATIENT) as ours:
            agent = agent_at(port)
            assert (await failure(ours, agent, walk_table(COLUMNS, agent.limits))).reason is Reason.PROTOCOL
    assert len(asked) == 2


async def test_a_table_without_end_is_cut_off_at_the_row_limit() -> None:
    def answer(data: bytes) -> list[bytes]:
        _, _, pdu = read_message(data)
        assert pdu is not None
        names, _, _ = ber.varbinds(data, pdu.start, pdu.stop)
        row = ber.index(names[0])[-1]
        walk = Walk.of(
            {COLUMNS[0] + ber.subids((n,)): ber.encode_integer(1) for n in range(row + 1, row + 70)}
        )
        return [reply for reply, _ in Agents(walk).answers(data, "127.0.0.1")]

    with scripted(answer) as port:
        async with engine() as ours:
            agent = agent_at(port)
            agent.limits.max_rows = 500
            error = await failure(ours, agent, walk_table(COLUMNS[:1], agent.limits))
            assert error.reason is Reason.OVERSIZE


async def test_null_in_mid_table_is_a_row_without_a_value_not_the_end() -> None:
    with simulated(Agents(small_walk(rows=90), faults={IP: Fault.NULLS})) as port:
        async with engine() as ours:
            agent = Agent(IP, port, PUBLIC)
            column, _ = await ours.ask(agent, walk_table(COLUMNS, agent.limits), 60)
            assert len(column.indexes) == 90
            assert column.values().count(None) > 10
            assert set(column.values()) - {None} <= set(range(1, 91))


async def test_exceptions_null_and_values_are_told_apart() -> None:
    walk = small_walk()
    null = ber.oid("1.3.6.1.2.1.1.9.0")
    values = dict(zip(walk.names, walk.values, strict=True)) | {null: b"\x05\x00"}
    absent = ber.oid("1.3.6.1.2.1.1.99.0")
    with simulated(Agents(Walk.of(values))) as port:
        async with engine() as ours:
            reply = await ours.ask(Agent(IP, port, PUBLIC), get_all(get(SYS_NAME, absent, null)), 60)
            assert [reply.value(at) for at in range(3)] == [b"switch", ber.Missing.NO_SUCH_INSTANCE, None]
            reply = await ours.ask(Agent(IP, port, V1_PUBLIC), get_all(get(absent, SYS_NAME, absent)), 60)
            missing = ber.Missing.NO_SUCH_NAME
            assert [reply.value(at) for at in range(3)] == [missing, b"switch", missing]


async def test_too_big_makes_requests_smaller_until_they_fit() -> None:
    with simulated(Agents(small_walk(rows=40), faults={IP: Fault.TOO_BIG})) as port:
        async with engine() as ours:
            agent = Agent(IP, port, PUBLIC)
            rows = tuple(COLUMNS[0] + ber.subids((n,)) for n in range(1, 10))
            reply = await ours.ask(agent, get_all(get(*rows)), 60)
            assert [reply.value(at) for at in range(9)] == list(range(1, 10))
            columns = await ours.ask(agent, walk_table(COLUMNS, agent.limits), 60)
            assert [len(column.indexes) for column in columns] == [40, 40]
            assert agent.limits.bindings <= 8  # and it is remembered


async def test_gen_err_is_told_from_an_object_that_is_not_there() -> None:
    with simulated(Agents(small_walk(), faults={IP: Fault.GEN_ERR})) as port:
        async with engine() as ours:
            agent = Agent(IP, port, PUBLIC)
            reply = await ours.ask(agent, get_all(get(SYS_NAME)), 60)
            assert reply.value(0) is ber.Missing.GEN_ERR
            error = await failure(ours, agent, walk_table(COLUMNS, agent.limits))
            assert (error.reason, "genErr" in error.detail) == (Reason.UNEXPECTED, True)


async def test_a_reply_of_many_kilobytes_is_read_whole() -> None:
    long = {COLUMNS[1] + ber.subids((n,)): encode_value(ber.OCTETS, "x" * 1000, False) for n in range(1, 41)}
    with simulated(Agents(Walk.of(long))) as port:
        async with engine() as ours:
            agent = Agent(IP, port, PUBLIC)
            (column,) = await ours.ask(agent, walk_table(COLUMNS[1:], Limits(bindings=50)), 60)
            assert [len(value) for value in column.raws] == [1000] * 40


async def test_late_and_double_answers_change_nothing() -> None:
    with simulated(Agents(small_walk(rows=80), faults={IP: Fault.DOUBLED})) as port:
        async with engine() as ours:
            agent = Agent(IP, port, PUBLIC)
            (column,) = await ours.ask(agent, walk_table(COLUMNS[:1], agent.limits), 60)
            assert column.values() == list(range(1, 81))
            async with asyncio.timeout(60):
                while not ours.stats["late_or_unasked"]:
                    await asyncio.sleep(0.01)


async def test_a_lost_request_is_sent_again() -> None:
    asked: list[bytes] = []

    def answer(data: bytes) -> list[bytes]:
        asked.append(data)
        if len(asked) == 1:
            return []
        return [reply for reply, _ in Agents(small_walk()).answers(data, "127.0.0.1")]

    with scripted(answer) as port:
        async with engine() as ours:
            assert await ask_name(ours, agent_at(port)) == b"switch"
    assert asked[0] == asked[1]


async def test_port_unreachable_is_refused_and_known_at_once() -> None:
    async with engine(EngineSettings(timeout_s=30, retries=0)) as ours:
        error = await failure(ours, agent_at(free_port()), get_all(get(SYS_NAME)), timeout_s=60)
        assert error.reason is Reason.REFUSED


async def test_port_unreachable_of_one_does_not_touch_another() -> None:
    with simulated(Agents(small_walk())) as port:
        async with engine() as ours:
            dead = [
                ours.ask(Agent(f"127.9.1.{n}", free_port(), PUBLIC), get_all(get(SYS_NAME)), 60)
                for n in range(30)
            ]
            alive = [ask_name(ours, Agent(f"127.9.2.{n}", port, PUBLIC)) for n in range(30)]
            outcomes = await asyncio.gather(*dead, *alive, return_exceptions=True)
            assert outcomes[30:] == [b"switch"] * 30
            assert all(getattr(error, "reason", None) is Reason.REFUSED for error in outcomes[:30])


async def test_an_address_that_cannot_be_sent_to_is_our_own_failure() -> None:
    async with engine() as ours:
        error = await failure(ours, Agent("255.255.255.255", 161, PUBLIC), get_all(get(SYS_NAME)))
        assert error.reason.ours


async def test_an_agent_is_not_blamed_for_what_our_own_buffer_lost() -> None:
    """Before each answer somebody floods our socket, which holds two datagrams."""
    ours_at: list[tuple[str, int]] = []
    agents = Agents(small_walk())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:

        def answer(data: bytes) -> list[bytes]:
            for _ in range(64):
                flood.sendto(bytes(1000), ours_at[0])
            return [reply for reply, _ in agents.answers(data, "127.0.0.1")]

        with scripted(answer) as port:
            async with engine() as ours:
                sock = ours._open(socket.AF_INET)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
                ours_at.append(("127.0.0.1", sock.getsockname()[1]))
                error = await failure(ours, agent_at(port), get_all(get(SYS_NAME)))
                assert error.reason is Reason.OWN_LOSS


async def test_an_agent_is_reached_by_ipv6() -> None:
    agents = Agents(small_walk())
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::1", 0))
        sock.setblocking(False)

        def readable() -> None:
            data, peer = sock.recvfrom(65535)
            for reply, _ in agents.answers(data, "127.0.0.1"):
                sock.sendto(reply, peer)

        loop.add_reader(sock, readable)
        async with engine() as ours:
            assert await ask_name(ours, Agent("::1", sock.getsockname()[1], PUBLIC)) == b"switch"
            gone = await failure(ours, Agent("::1", free_port(), PUBLIC), get_all(get(SYS_NAME)))
            assert gone.reason is Reason.REFUSED
        loop.remove_reader(sock)


async def test_agents_are_asked_no_more_at_once_than_they_can_take() -> None:
    at_once: list[int] = []
    held: list[bytes] = []
    agents = Agents(small_walk())
    settings = EngineSettings(timeout_s=0.1, retries=5, backoff=1.0, per_agent=2)

    def answer(data: bytes) -> list[bytes]:
        if data not in held:
            held.append(data)
        at_once.append(len(held))
        if len(held) < 2:
            return []
        ready, held[:] = list(held), []
        return [reply for request in ready for reply, _ in agents.answers(request, "127.0.0.1")]

    with scripted(answer) as port:
        async with engine(settings) as ours:
            agent = agent_at(port)
            assert await asyncio.gather(*[ask_name(ours, agent) for _ in range(8)]) == [b"switch"] * 8
    assert max(at_once) == 2


async def test_the_window_bounds_what_is_under_way() -> None:
    with simulated(Agents(small_walk())) as port:
        async with engine(EngineSettings(timeout_s=1, window=16)) as ours:
            peak: list[int] = []

            async def watch() -> None:
                while True:
                    peak.append(ours.under_way)
                    await asyncio.sleep(0)

            watcher = asyncio.create_task(watch())
            agents = [Agent(f"127.9.3.{n}", port, PUBLIC) for n in range(200)]
            assert await asyncio.gather(*[ask_name(ours, agent) for agent in agents]) == [b"switch"] * 200
            watcher.cancel()
            assert max(peak) == 16


async def test_cancelled_requests_leak_nothing() -> None:
    """Under way, waiting for their agent, and waiting for the window: ``engine`` looks into every table."""
    with simulated(Agents(small_walk(), faults={IP: Fault.SILENT})) as port:
        async with engine(EngineSettings(timeout_s=5, window=3)) as ours:
            agent = Agent(IP, port, PUBLIC)
            others = [Agent(f"127.9.4.{n}", port, PUBLIC) for n in range(4)]
            tasks = [asyncio.create_task(ask_name(ours, one)) for one in [agent] * 6 + others]
            await asyncio.sleep(0.05)
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            assert sum(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes) >= 6


async def test_every_conversation_ends_by_its_deadline() -> None:
    """Also those that wait behind a silent agent."""
    with simulated(Agents(small_walk(), faults={IP: Fault.SILENT})) as port:
        async with engine(EngineSettings(timeout_s=30, retries=9)) as ours:
            agent = Agent(IP, port, PUBLIC)
            errors = await asyncio.gather(
                *[failure(ours, agent, get_all(get(SYS_NAME)), 0.15) for _ in range(5)]
            )
            assert {error.reason for error in errors} == {Reason.TIMEOUT, Reason.OWN_LOSS}


async def test_dead_agents_do_not_delay_the_others() -> None:
    faults = {f"127.9.5.{n}": Fault.SILENT for n in range(0, 100, 20)}
    with simulated(Agents(small_walk(), faults=faults)) as port:
        async with engine(EngineSettings(timeout_s=0.5, retries=1)) as ours:
            agents = [Agent(f"127.9.5.{n}", port, PUBLIC) for n in range(100)]
            order: list[str] = []

            async def one(agent: Agent) -> None:
                try:
                    await ask_name(ours, agent)
                    order.append("alive")
                except Exception:
                    order.append("dead")

            await asyncio.gather(*[one(agent) for agent in agents])
            assert order == ["alive"] * 95 + ["dead"] * 5


async def test_another_community_is_never_taken_for_ours() -> None:
    with simulated(Agents(small_walk(), community=b"other")) as port:
        async with engine() as ours:
            error = await failure(ours, Agent(IP, port, PUBLIC), get_all(get(SYS_NAME)))
            assert error.reason is Reason.TIMEOUT  # a real agent is silent
            other = Community(Version.V2C, Secret("other"))
            assert await ask_name(ours, Agent(IP, port, other)) == b"switch"


async def test_a_v2c_answer_to_a_v1_request_is_not_taken() -> None:
    def answer(data: bytes) -> list[bytes]:
        replies = Agents(small_walk()).answers(data, "127.0.0.1")
        return [
            reply.replace(b"\x02\x01\x00\x04\x06public", b"\x02\x01\x01\x04\x06public")
            for reply, _ in replies
        ]

    with scripted(answer) as port:
        async with engine() as ours:
            error = await failure(ours, agent_at(port, V1_PUBLIC), get_all(get(SYS_NAME)))
            assert error.reason is Reason.PROTOCOL


def test_the_quick_reader_agrees_with_the_careful_one() -> None:
    """Every reply cut and stretched: both read the same, or both refuse."""
    agents = Agents(small_walk(rows=60))
    request = PUBLIC.encode(get(SYS_NAME, SYS_UP_TIME), 0x41424344)
    (reply, _), *_ = agents.answers(request, IP)
    quick_ones = 0
    for at in range(len(reply)):
        for octet in (0x00, 0x01, 0x02, 0x30, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFF, reply[at]):
            data = reply[:at] + bytes((octet,)) + reply[at + 1 :]
            quick = PUBLIC.read_quickly(data)
            if quick is None:
                continue
            quick_ones += 1
            version, community, pdu = read_message(data)
            assert pdu is not None
            assert (version, community, pdu.type) == (PUBLIC.version, PUBLIC.community, PduType.RESPONSE)
            assert quick == (pdu.request_id, pdu.status, pdu.error_index, pdu.start)
            assert pdu.stop == len(data)
    assert quick_ones > 100
