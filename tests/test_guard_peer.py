"""Two instances: a signed sign of life; one sends while the other is silent; no stranger silences anybody."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from monitor.cli import main
from monitor.guard.peer import PeerError, PeerServer, ask
from monitor.guard.standby import OVERLAP_MS, Standby
from monitor.model import Device, IncidentId, MonoMs, Severity, WallMs
from monitor.notifiers.notice import Notice, NoticeKind, OutboxEntry
from monitor.secrets import Secret
from tests.addresses import free_port
from tests.daemon_support import PATIENCE_S
from tests.service_support import Hook, furnish, hook, town

OURS = Secret("the secret of both")


def entry(number: int, incident: int, kind: NoticeKind = NoticeKind.OPENED) -> OutboxEntry:
    notice = Notice(kind, Severity.WARNING, "device_down", "x", WallMs(1), incident=IncidentId(incident))
    return OutboxEntry(number, "sms", notice, WallMs(1))


async def test_alive_is_alive_and_ill_wrong_secret_or_silence_is_not() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(PeerError, match=r"127\.0\.0\.1"):
        await ask(address, OURS)
    well = True
    server = PeerServer(address, OURS, lambda: well)
    await server.start()
    try:
        await ask(address, OURS)
        with pytest.raises(PeerError, match="not signed"):
            await ask(address, Secret("another"))
        well = False
        with pytest.raises(PeerError, match="not well"):
            await ask(address, OURS)
    finally:
        await server.stop()


async def test_an_old_answer_played_again_is_no_sign_of_life() -> None:
    address = f"127.0.0.1:{free_port()}"
    server = PeerServer(address, OURS, lambda: True)
    await server.start()
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"0" * 32 + b"\n")
    old = await reader.readline()
    writer.close()
    await server.stop()

    async def parrot(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(old)
        await writer.drain()
        writer.close()

    fake = await asyncio.start_server(parrot, host, int(port))
    with pytest.raises(PeerError, match="not signed"):
        await ask(address, OURS)
    fake.close()
    await fake.wait_closed()


async def test_strangers_neither_hold_nor_break_the_answering() -> None:
    address = f"127.0.0.1:{free_port()}"
    server = PeerServer(address, OURS, lambda: True)
    await server.start()
    host, port = address.split(":")
    for garbage in (b"", b"\xff\xfe\n", b"x" * 100_000, b"GET / HTTP/1.1\r\n\r\n"):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(garbage)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    await ask(address, OURS)
    await server.stop()


# ---------------------------------------------------------------- which messages


def test_a_standby_is_silent_while_the_other_lives() -> None:
    standby = Standby(MonoMs(0), 20_000)
    for second in range(0, 600, 5):
        now = MonoMs(second * 1000)
        standby.peer_alive(now)
        assert not standby.admit(entry(second, second), now)
        assert standby.tick(now)[0] == []
    assert standby.held <= OVERLAP_MS // 5000 + 1


def test_it_takes_over_and_sends_what_the_other_may_not_have_told() -> None:
    standby = Standby(MonoMs(0), 20_000)
    standby.admit(entry(1, 1), MonoMs(0))
    standby.peer_alive(MonoMs(100_000))
    assert [e.id for e in standby.tick(MonoMs(100_000))[1]] == [1]
    standby.admit(entry(2, 2), MonoMs(90_000))
    standby.admit(entry(3, 3), MonoMs(105_000))
    assert standby.tick(MonoMs(119_999)) == ([], [])
    assert [e.id for e in standby.tick(MonoMs(120_000))[0]] == [2, 3]
    assert standby.admit(entry(4, 4), MonoMs(121_000))


def test_whom_it_told_of_a_fault_it_tells_of_the_end_also_when_the_other_is_back() -> None:
    standby = Standby(MonoMs(0), 20_000)
    standby.tick(MonoMs(20_000))
    assert standby.admit(entry(1, 7), MonoMs(21_000))
    standby.peer_alive(MonoMs(22_000))
    assert standby.admit(entry(2, 7, NoticeKind.RESOLVED), MonoMs(23_000))
    assert not standby.admit(entry(3, 8), MonoMs(23_000))


@given(st.lists(st.sampled_from(["message", "alive", "tick", "wait"]), max_size=60))
def test_no_message_is_both_sent_and_dropped_and_none_is_forgotten(moves: list[str]) -> None:
    standby, now, number = Standby(MonoMs(0), 20_000), 0, 0
    sent: list[int] = []
    dropped: list[int] = []
    for move in moves:
        if move == "message":
            number += 1
            if standby.admit(entry(number, number), MonoMs(now)):
                sent.append(number)
        elif move == "alive":
            standby.peer_alive(MonoMs(now))
        elif move == "wait":
            now += 15_000
        else:
            send, drop = standby.tick(MonoMs(now))
            sent += [e.id for e in send]
            dropped += [e.id for e in drop]
    assert sorted(sent + dropped) == sorted(set(sent + dropped))
    assert len(sent) + len(dropped) + standby.held == number


# ---------------------------------------------------------------- two real daemons


async def told(phone: Hook, device: Device) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not any(device.name in body for body in phone.bodies):
            await asyncio.sleep(0.05)


async def test_a_real_standby_takes_over_within_thirty_seconds_and_sends_once(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "secret").write_text("of both\n")
    peer = (
        f'peer = {{{{ {{}} secret = {{{{ file = "{tmp_path / "secret"}" }}}}, every = "200ms",'
        ' dead_after = "5s" }}'
    )
    with town(6, net=3) as fleet:
        async with hook() as first_phone, hook() as second_phone:
            (tmp_path / "a").mkdir()
            (tmp_path / "b").mkdir()
            first = furnish(
                tmp_path / "a", fleet, first_phone.port,
                daemon=peer.format(f'listen = "127.0.0.1:{port}",'),
            )  # fmt: skip
            second = furnish(tmp_path / "b", fleet, second_phone.port, daemon=peer.format(""))
            second.options = ("--standby-of", f"127.0.0.1:{port}")
            async with first.running(), second.running():
                await asyncio.gather(first.all_measured(), second.all_measured())
                fleet.unplug(fleet.devices[3])
                await told(first_phone, fleet.devices[3])
                await second.until(lambda s: bool(s["incidents"]))
                await asyncio.sleep(1.0)
                assert not second_phone.bodies
                asked = await asyncio.to_thread(
                    CliRunner().invoke, main,
                    ["watch-peer", "--once", "-c", str(second.config), f"127.0.0.1:{port}"],
                )  # fmt: skip
                assert asked.exit_code == 0 and "alive" in asked.output, asked.output
                await first.end(signal.SIGKILL)
                fleet.unplug(fleet.devices[4])
                await told(second_phone, fleet.devices[3])
                await told(second_phone, fleet.devices[4])
                await second.until(lambda s: "peer" in {incident["cause"] for incident in s["incidents"]})
                assert await second.stop() == 0
