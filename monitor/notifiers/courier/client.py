"""The daemon's side of the courier: orders go in, reports come back, a dead courier is started anew.

Nothing here imports Apprise.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from monitor.notifiers.attachment import Enclosed
from monitor.notifiers.courier.wire import (
    READY,
    Done,
    FrameBuffer,
    Op,
    Order,
    Report,
    WireError,
    frame,
    report_from,
)
from monitor.notifiers.notice import Outcome
from monitor.notifiers.settings import Channel

_GRACE_S = 5.0
"""How much longer than its own deadline a send may go unreported before the courier counts as stuck."""
_READY_S = 30.0
_RESTART_FIRST_S, _RESTART_LONGEST_S = 0.2, 10.0
_PASSED_ON = frozenset(
    {
        "PATH",
        "HOME",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TMPDIR",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
    }
    | {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}
)


class Courier:
    """Sends through one helper process, any number at a time.

    A send's result is ``TEMPORARY`` whenever we cannot know that it was taken: the outbox tries again.
    """

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._waiting: dict[int, asyncio.Future[Report]] = {}
        self._next = 0
        self.restarts = 0
        """How often the courier had to be started again."""

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._up.is_set() else None

    async def start(self) -> bool:
        """Whether the courier takes orders; waits for that for half a minute. It is kept trying to start in
        any case, and while it does not run each send is a temporary failure."""
        self._keeper = asyncio.create_task(self._keep(), name="courier")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_READY_S):
                await self._up.wait()
        return self._up.is_set()

    async def stop(self) -> None:
        """Ends the courier and every send under way."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None

    async def send(
        self,
        channel: Channel,
        title: str,
        body: str,
        level: str = "info",
        done: Done = (),
        attachments: tuple[Enclosed, ...] = (),
    ) -> Report:
        return await self._ask(channel, Op.SEND, title, body, level, done, attachments)

    async def verify(self, channel: Channel) -> Report:
        """Whether Apprise makes a plugin of the channel's URL; nothing is sent."""
        return await self._ask(channel, Op.VERIFY)

    async def _ask(
        self,
        channel: Channel,
        op: Op,
        title: str = "",
        body: str = "",
        level: str = "info",
        done: Done = (),
        attachments: tuple[Enclosed, ...] = (),
    ) -> Report:
        self._next += 1
        settings = channel.settings
        order = Order(
            self._next,
            op,
            channel.url.reveal(),
            tuple(secret.reveal() for secret in channel.secrets),
            title,
            body,
            level,
            settings.deadline,
            min(settings.timeout, settings.deadline),
            done,
            attachments,
        )
        answer: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(settings.deadline + _GRACE_S):
                await self._up.wait()
                if self._process is not None and self._process.stdin is not None:
                    self._process.stdin.write(frame(order))
                self._waiting[order.id] = answer
                return await answer
        except asyncio.CancelledError:
            if order.id in self._waiting and self._process is not None and self._process.stdin is not None:
                self._process.stdin.write(frame(Order(order.id, Op.CANCEL)))
            raise
        except TimeoutError:
            if order.id in self._waiting and self._process is not None:
                # It has not even reported the deadline: it is stuck, and with it everybody's sends.
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
            return Report(order.id, Outcome.TEMPORARY, "courier", "the sending process does not answer")
        finally:
            self._waiting.pop(order.id, None)

    async def _keep(self) -> None:
        """Keeps a courier running until cancelled."""
        wait = _RESTART_FIRST_S
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._live()
            except (OSError, WireError):
                pass
            finally:
                self._up.clear()
                await self._bury()
                self._lose()
            self.restarts += 1
            if asyncio.get_running_loop().time() - began > 60:
                wait = _RESTART_FIRST_S
            await asyncio.sleep(wait)
            wait = min(wait * 2, _RESTART_LONGEST_S)

    async def _live(self) -> None:
        """One courier's life: returns when it has closed its output."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "monitor.notifiers.courier",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(os.environ),
        )
        output = self._process.stdout
        buffer = FrameBuffer()
        while output is not None and (data := await output.read(65536)):
            for whole in buffer.feed(data):
                report = report_from(whole)
                if report.id == READY:
                    self._up.set()
                    continue
                answer = self._waiting.get(report.id)
                if answer is not None and not answer.done():
                    answer.set_result(report)

    async def _bury(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(2):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        # The transport closes its pipes a turn later; leaving that to the collector would warn.
        process._transport.close()  # type: ignore[attr-defined]

    def _lose(self) -> None:
        for id, answer in self._waiting.items():
            if not answer.done():
                answer.set_result(
                    Report(id, Outcome.TEMPORARY, "courier", "the sending process ended during the send")
                )


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """What the courier needs of our environment: not the secrets that are kept there."""
    passed = {key: value for key, value in own.items() if key in _PASSED_ON or key.startswith("LC_")}
    root = str(Path(__file__).parents[3])
    paths = [root, *filter(None, own.get("PYTHONPATH", "").split(os.pathsep))]
    return passed | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)), "PYTHONIOENCODING": "utf-8"}
