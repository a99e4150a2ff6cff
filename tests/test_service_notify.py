"""The service manager hears what it must, word for word, on a real datagram socket."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.service.notify import Notifier, from_environment
from monitor.service.pulse import Pulse, ailment
from tests.daemon_support import PATIENCE_S, stopped
from tests.service_support import furnish, hook, town

WELL = Pulse(ticked=100, measured=900, round_ms=1000, writer_alive=True, writer_idle=0)


class Manager:
    """A service manager's side: the socket, and what came."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind("\0" + address[1:] if address.startswith("@") else address)
        self.sock.setblocking(False)
        self.heard: list[str] = []
        self.read = 0

    def take(self) -> list[str]:
        got = []
        while True:
            try:
                got.append(self.sock.recv(8192).decode())
            except BlockingIOError:
                return got

    async def until(self, word: str) -> None:
        """Wait for a message that holds ``word``, after those waited for before."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            self.heard += self.take()
            for place in range(self.read, len(self.heard)):
                if word in self.heard[place]:
                    self.read = place + 1
                    return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never heard {word}; heard {self.heard}")


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify") if request.param == "path" else f"@camwatch-{os.getpid()}")
    yield made
    made.sock.close()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify"))
    yield made
    made.sock.close()


def test_each_message_is_what_sd_notify_says(manager: Manager) -> None:
    told = Notifier.of({"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "30000000"}, 7)
    assert told.watchdog_s == 30.0
    before = time.monotonic_ns() // 1000
    told.ready("two lines\nare one")
    told.status("在线率 99.00 %")
    told.watchdog()
    told.reloading()
    told.stopping()
    ready, status, fed, reloading, stopping = manager.take()
    assert ready == "READY=1\nSTATUS=two lines are one"
    assert status == "STATUS=在线率 99.00 %"
    assert fed == "WATCHDOG=1"
    word, _, stamp = reloading.partition("\nMONOTONIC_USEC=")
    assert word == "RELOADING=1" and before <= int(stamp) <= time.monotonic_ns() // 1000 + 1
    assert stopping.startswith("STOPPING=1")


def test_a_status_is_cut_to_one_datagram_at_a_whole_character(manager: Manager) -> None:
    Notifier(manager.address).status("摄像机" * 5000)
    (status,) = manager.take()
    assert len(status.encode()) <= 1010 and set(status.removeprefix("STATUS=")) == set("摄像机")


def test_the_watchdog_of_another_process_is_not_ours() -> None:
    environment = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "41"}
    assert Notifier.of(environment, 42).watchdog_s == 0.0
    assert Notifier.of(environment, 41).watchdog_s == 1.0


def test_nobody_listening_harms_nothing(tmp_path: Path) -> None:
    Notifier().watchdog()
    Notifier(str(tmp_path / "gone")).ready("x")
    assert Notifier.of({"NOTIFY_SOCKET": "vsock:2:1"}, 1) == Notifier()


def test_children_do_not_inherit_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/x")
    monkeypatch.setenv("WATCHDOG_USEC", "5000000")
    assert from_environment() == Notifier("/run/x", 5.0)
    assert "NOTIFY_SOCKET" not in os.environ and "WATCHDOG_USEC" not in os.environ


@pytest.mark.parametrize(
    ("pulse", "words"),
    [
        (WELL, ""),
        (Pulse(15_001, 900, 1000, True, 0), "not ticked for 15 s"),
        (Pulse(100, 33_001, 1000, True, 0), "no sweep has brought results for 33 s"),
        (Pulse(100, 33_001, 300_000, True, 0), ""),
        (Pulse(100, None, 0, True, 0), ""),
        (Pulse(100, 900, 1000, False, 0), "thread has ended"),
        (Pulse(100, 900, 1000, True, 60_001), "hung for 60 s"),
    ],
)
def test_the_watchdog_starves_when_and_only_when_something_stands_still(pulse: Pulse, words: str) -> None:
    assert words in ailment(pulse) and bool(words) == bool(ailment(pulse))


async def test_a_real_daemon_reports_ready_rate_watchdog_reload_and_stop(
    listener: Manager, tmp_path: Path
) -> None:
    with town(20, net=201) as fleet:
        async with hook() as phone:
            environment = {"NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": "3000000"}
            house = furnish(tmp_path, fleet, phone.port, environment=environment)
            async with house.running():
                await listener.until("READY=1")
                assert listener.heard[0].startswith("READY=1")
                await listener.until("WATCHDOG=1")
                await listener.until("100.00 % on line (20 of 20)")
                os.kill(house.pid, signal.SIGHUP)
                await listener.until("RELOADING=1\nMONOTONIC_USEC=")
                await listener.until("READY=1")
                assert await house.stop() == 0
    assert listener.take()[-1].startswith("STOPPING=1")


async def test_a_daemon_that_stands_still_is_not_fed(listener: Manager, tmp_path: Path) -> None:
    """SIGSTOP stands for a loop that hangs: no message may come until it goes on."""
    with town(5, net=202) as fleet:
        async with hook() as phone:
            environment = {"NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": "1500000"}
            house = furnish(tmp_path, fleet, phone.port, environment=environment)
            async with house.running():
                await listener.until("WATCHDOG=1")
                os.kill(house.pid, signal.SIGSTOP)
                await stopped(house.pid)
                listener.take()
                await asyncio.sleep(2.0)
                assert listener.take() == []
                os.kill(house.pid, signal.SIGCONT)
                await listener.until("WATCHDOG=1")
                assert await house.stop() == 0
