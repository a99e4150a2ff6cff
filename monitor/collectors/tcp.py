"""The TCP check: does a port accept connections. Nothing is sent; the connection is closed at once."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import ClassVar

from pydantic import Field

from monitor.collectors.base import CheckSettings, Env
from monitor.model import Reading, Reason, Result, Target

CHECK = "tcp"
_FAILED = (Reading("tcp.result_code", 1),)
_GOOD = Reading("tcp.result_code", 0)
_REFUSED = (errno.ECONNREFUSED, errno.ECONNRESET)


class TcpSettings(CheckSettings):
    """``[checks.tcp]``"""

    port: int = Field(default=554, ge=1, le=65535)
    """The port to connect to; 554 is RTSP."""
    concurrency: int = Field(default=500, ge=1, le=10_000)
    """Connections under way at a time in one sweep. Each takes a file descriptor."""


class TcpCollector:
    """Connects to one port of many devices. A device's time begins when its own connect does, so those
    that wait for their turn lose nothing by it."""

    Settings: ClassVar[type[CheckSettings]] = TcpSettings

    def __init__(self, settings: CheckSettings, env: Env) -> None:
        if not isinstance(settings, TcpSettings):
            raise TypeError(f"TcpSettings wanted, not {type(settings).__name__}")
        self._settings = settings
        self._env = env

    async def start(self) -> None:
        """Nothing is kept open between sweeps."""

    async def stop(self) -> None:
        """Nothing to close: a sweep ends its own connections."""

    async def collect(self, targets: Sequence[Target], deadline: float) -> AsyncIterator[list[Result]]:
        queue = iter(targets)
        results: asyncio.Queue[Result] = asyncio.Queue()
        count = min(self._settings.concurrency, len(targets))
        workers = [asyncio.create_task(self._work(queue, results, deadline)) for _ in range(count)]
        try:
            left = len(targets)
            while left:
                batch = [await results.get()]
                while not results.empty():
                    batch.append(results.get_nowait())
                left -= len(batch)
                yield batch
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, queue: Iterator[Target], results: asyncio.Queue[Result], deadline: float) -> None:
        for target in queue:
            results.put_nowait(await self._check(target, deadline))

    async def _check(self, target: Target, deadline: float) -> Result:
        loop = asyncio.get_running_loop()
        at = self._env.clock.now().wall
        started = loop.time()
        wait = min(self._settings.timeout, deadline - started)
        if wait <= 0:
            detail = "its turn did not come before the deadline"
            return Result(target.device.id, CHECK, at, Reason.SEND_FAILED, (), detail)
        reason, detail = await connect(target.ip, self._settings.port, wait)
        if reason is Reason.TIMEOUT and wait < self._settings.timeout:
            reason, detail = Reason.OWN_LOSS, "the deadline came before the time-out"
        readings: tuple[Reading, ...]
        if reason is Reason.OK:
            took_ms = (loop.time() - started) * 1000
            readings = (Reading("tcp.response_ms", took_ms), _GOOD)
        else:
            readings = () if reason.ours else _FAILED
        return Result(target.device.id, CHECK, at, reason, readings, detail)


async def connect(ip: str, port: int, timeout_s: float) -> tuple[Reason, str]:
    """Try to connect to ``ip``, an address, and close. Never raises for what the network does.

    An error that the kernel returns from the call itself never left this machine: it is ours. One that
    comes later was told by the network.
    """
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        # Anything but an address would be looked up by the connect call, which blocks.
        socket.inet_pton(family, ip.partition("%")[0])
    except (OSError, ValueError):
        return Reason.RESOLVE, f'not an address: "{ip[:60]}"'
    try:
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        return Reason.SEND_FAILED, _words(error.errno)
    with sock:
        try:
            code = sock.connect_ex((ip, port))
        except (OSError, UnicodeError, ValueError):
            return Reason.RESOLVE, f'not an address: "{ip[:60]}"'
        if code == 0:
            return Reason.OK, ""
        if code in _REFUSED:
            return Reason.REFUSED, ""
        if code != errno.EINPROGRESS:
            return Reason.SEND_FAILED, _words(code)
        return await _outcome(sock, timeout_s)


async def _outcome(sock: socket.socket, timeout_s: float) -> tuple[Reason, str]:
    loop = asyncio.get_running_loop()
    writable: asyncio.Future[bool] = loop.create_future()

    def settle(answered: bool) -> None:
        if not writable.done():
            writable.set_result(answered)

    loop.add_writer(sock, settle, True)
    timer = loop.call_later(timeout_s, settle, False)
    try:
        if not await writable:
            return Reason.TIMEOUT, ""
    finally:
        timer.cancel()
        loop.remove_writer(sock)
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code == 0:
        return Reason.OK, ""
    if code in _REFUSED:
        return Reason.REFUSED, ""
    if code == errno.ETIMEDOUT:
        return Reason.TIMEOUT, ""
    return Reason.UNREACHABLE, _words(code)


def _words(code: int | None) -> str:
    return os.strerror(code or errno.EIO)
