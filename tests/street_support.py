"""A street of cameras that listen, a phone that takes the messages, and a daemon between the two."""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import shutil
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from monitor.clock import SystemClock
from monitor.model import Device, Kind
from monitor.simulate.city import city
from monitor.simulate.phone import Phone
from tests.daemon_support import KEY, PATIENCE_S, ROOT, RULES, House

CONFIG = """\
inventory = ["cameras.csv"]

[daemon]
state_dir = "state"
run_dir = "run"
uplink = {{ references = ["127.0.0.1"] }}
log = {{ level = "{level}", format = "json" }}

[checks.tcp]
interval = "1s"
timeout = "300ms"
port = {port}

[kind.camera]
checks = ["tcp"]
[kind.switch]
checks = ["tcp"]

[states]
recheck = "200ms"
boot_grace = "1s"
settle = "1s"

[channel.phone]
url = "{url}"
secrets = {{ key = {{ env = "{key}" }} }}
per_minute = 6000
deadline = "60s"
timeout = "30s"
retry_first = "500ms"
retry_longest = "1s"
breaker_failures = 2
probe = "500ms"
{more}
[receiver.duty]
channels = {channels}

[[route]]
receiver = "duty"
group_by = ["area"]
group_wait = "0s"
"""


class Street:
    """Cameras that listen on addresses of the loopback, all on one port: real sockets to connect to."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self.devices = list(devices)
        self.port = 0
        self._listeners: dict[str, socket.socket] = {}
        self._waiting = selectors.DefaultSelector()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="street")

    def __enter__(self) -> Street:
        self.plug(device.address for device in self.devices)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()
        self.unplug(list(self._listeners))
        self._waiting.close()

    def unplug(self, addresses: Iterable[str]) -> None:
        for address in addresses:
            listener = self._listeners.pop(address)
            self._waiting.unregister(listener)
            listener.close()

    def plug(self, addresses: Iterable[str]) -> None:
        for address in addresses:
            listener = socket.socket()
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, self.port))
            listener.listen(64)
            self.port = listener.getsockname()[1]
            self._listeners[address] = listener
            self._waiting.register(listener, selectors.EVENT_READ)

    def _accept(self) -> None:
        """A connection that nobody accepts stays in its listener's queue, and 65 of them fill that."""
        while not self._closed.is_set():
            for key, _ in self._waiting.select(0.05):
                with contextlib.suppress(OSError):
                    key.fileobj.accept()[0].close()  # type: ignore[union-attr]  # we registered sockets


@pytest.fixture
def street() -> Iterator[Street]:
    with Street(list(city(64))) as made:
        yield made


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    made = Phone(SystemClock(), per_minute=100_000)
    await made.start()
    yield made
    await made.stop()


def house_in(folder: Path, street: Street, phone: Phone, **changes: str) -> House:
    house = House(folder, {KEY: phone.key})
    house.furnish(street.devices, config(street, phone, **changes))
    return house


def config(street: Street, phone: Phone, **changes: str) -> str:
    values = {"level": "info", "more": "", "channels": '["phone"]', **changes}
    return CONFIG.format(port=street.port, url=phone.url, key=KEY, **values) + RULES


def camera(street: Street, number: int = 0) -> Device:
    return [d for d in street.devices if d.kind is Kind.CAMERA and not d.key_site][number]


async def told(phone: Phone, *words: str) -> str:
    """The first message with all these words; waits for it."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for message in phone.received:
                if all(word in message.text for word in words):
                    return message.text
            await phone.wait_for(len(phone.received) + 1)


class SmallDisk:
    """A disk of 4 MB for the ledger, mounted where only the daemon sees it. Needs root."""

    def __init__(self, folder: Path) -> None:
        if os.geteuid() != 0 or shutil.which("unshare") is None:
            pytest.skip("a disk of its own needs root and `unshare` (Debian package util-linux)")
        self.state = folder / "state"
        self.state.mkdir()
        self._keeper = subprocess.Popen(
            [
                "unshare",
                "--mount",
                "sh",
                "-c",
                f"mount -t tmpfs -o size=4m small {self.state} && echo && cat",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._keeper.stdout is not None
        if not self._keeper.stdout.readline():
            pytest.skip("mounting is not permitted here")
        # Entering leads to the root folder.
        back = ("sh", "-c", 'cd "$0" && exec "$@"', str(ROOT))
        self.wrap = ("nsenter", f"--mount=/proc/{self._keeper.pid}/ns/mnt", *back)

    @property
    def inside(self) -> Path:
        """The disk, as seen from outside."""
        return Path(f"/proc/{self._keeper.pid}/root{self.state}")

    def fill(self) -> None:
        with (self.inside / "filling").open("wb", buffering=0) as file:
            size = 1 << 20
            while size:
                try:
                    file.write(bytes(size))
                except OSError:
                    size //= 2

    def make_room(self) -> None:
        (self.inside / "filling").unlink()

    def close(self) -> None:
        self._keeper.communicate()
