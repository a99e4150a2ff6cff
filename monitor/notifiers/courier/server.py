"""The courier's own loop: takes orders, forks a child for each, hands back reports, kills what overstays.

Single-threaded on purpose: ``fork`` is only safe then. The courier ends when its standard input closes,
which the kernel sees to even after ``kill -9`` of the daemon, and takes its children with it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import time
from dataclasses import dataclass, field

from monitor.notifiers.courier.child import run_child, warm_up
from monitor.notifiers.courier.wire import (
    READY,
    FrameBuffer,
    Op,
    Order,
    Report,
    WireError,
    frame,
    order_from,
    report_from,
)
from monitor.notifiers.notice import Outcome
from monitor.notifiers.plugins import load_plugins

_CHUNK = 65536
_STDIN, _STDOUT = 0, 1
_REAP_S = 0.02
MAX_REPORT = 1 << 20


@dataclass(slots=True)
class _Child:
    order: Order
    pid: int
    pipe: int
    started: float
    heard: bytearray = field(default_factory=bytearray)

    @property
    def deadline(self) -> float:
        return self.started + self.order.deadline_s


class Server:
    def __init__(self) -> None:
        self._poll = select.poll()
        self._children: dict[int, _Child] = {}
        """By the descriptor that the child reports on."""
        self._dying: list[int] = []
        """Killed and not yet reaped: the kernel takes a moment, which nobody waits for."""
        self._orders = FrameBuffer()
        self._out = bytearray()

    def run(self) -> None:
        os.set_blocking(_STDIN, False)
        os.set_blocking(_STDOUT, False)
        self._poll.register(_STDIN, select.POLLIN)
        self._say(Report(READY, Outcome.DELIVERED))
        try:
            while self._turn():
                pass
        finally:
            for child in list(self._children.values()):
                self._release(child)

    def _turn(self) -> bool:
        """Waits for something to happen and sees to it; False when it is time to end."""
        for fd, events in self._poll.poll(self._wait_ms()):
            if fd == _STDIN:
                if not self._read_orders():
                    return False
            elif fd == _STDOUT:
                if events & (select.POLLERR | select.POLLHUP) or not self._flush():
                    return False
            elif fd in self._children:
                self._hear(self._children[fd])
        now = time.monotonic()
        for child in [c for c in self._children.values() if c.deadline <= now]:
            self._release(child)
            self._fail(child, "timeout", f"not done after {now - child.started:.1f} s")
        self._dying = [pid for pid in self._dying if os.waitpid(pid, os.WNOHANG)[0] == 0]
        return True

    def _wait_ms(self) -> float | None:
        waits = [child.deadline - time.monotonic() for child in self._children.values()]
        if self._dying:
            waits.append(_REAP_S)
        return max(0.0, min(waits)) * 1000 + 1 if waits else None

    def _read_orders(self) -> bool:
        """False at the end of the input."""
        try:
            data = os.read(_STDIN, _CHUNK)
        except BlockingIOError:
            return True
        if not data:
            return False
        for whole in self._orders.feed(data):
            order = order_from(whole)
            if order.op is Op.CANCEL:
                for child in [c for c in self._children.values() if c.order.id == order.id]:
                    self._release(child)
            else:
                self._begin(order)
        return True

    def _begin(self, order: Order) -> None:
        started = time.monotonic()
        read_end, write_end = os.pipe()
        try:
            pid = os.fork()
        except OSError as error:
            os.close(read_end)
            os.close(write_end)
            self._say(Report(order.id, Outcome.TEMPORARY, "fork", error.strerror or "fork failed"))
            return
        if pid == 0:
            # Whatever of the courier's the child could disturb is let go before a plugin runs, and it must
            # never return into the courier's loop.
            try:
                for fd in (_STDIN, _STDOUT, read_end, *self._children):
                    os.close(fd)
                run_child(order, write_end, started)
            finally:
                os._exit(1)
        os.close(write_end)
        os.set_blocking(read_end, False)
        self._children[read_end] = _Child(order, pid, read_end, started)
        self._poll.register(read_end, select.POLLIN)

    def _hear(self, child: _Child) -> None:
        try:
            data = os.read(child.pipe, _CHUNK)
        except BlockingIOError:
            return
        if data and len(child.heard) < MAX_REPORT:
            child.heard += data
            return
        self._release(child)
        try:
            report = report_from(bytes(child.heard))
        except (WireError, ValueError, TypeError, KeyError):
            self._fail(child, "crash", "the sending process ended without a report")
        else:
            self._say(report)

    def _release(self, child: _Child) -> None:
        """Kills the child with all that it started. Its pid stays ours until reaped, so this is safe."""
        self._poll.unregister(child.pipe)
        del self._children[child.pipe]
        os.close(child.pipe)
        for kill in (os.killpg, os.kill):  # no group yet if it has only just been forked
            with contextlib.suppress(ProcessLookupError):
                kill(child.pid, signal.SIGKILL)
        self._dying.append(child.pid)

    def _fail(self, child: _Child, code: str, detail: str) -> None:
        took = time.monotonic() - child.started
        self._say(Report(child.order.id, Outcome.TEMPORARY, code, detail, took_s=took))

    def _say(self, report: Report) -> None:
        self._out += frame(report)
        if not self._flush():
            raise SystemExit(0)

    def _flush(self) -> bool:
        """Writes what the pipe takes now; False when nobody reads any more."""
        while self._out:
            try:
                del self._out[: os.write(_STDOUT, self._out)]
            except BlockingIOError:
                self._poll.register(_STDOUT, select.POLLOUT)
                return True
            except BrokenPipeError:
                return False
        with contextlib.suppress(KeyError):
            self._poll.unregister(_STDOUT)
        return True


def main() -> None:
    # The daemon decides when to end, by closing our input. A Ctrl-C at the terminal and systemd's SIGTERM
    # reach the whole group, and would cut off sends that the daemon waits for.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    load_plugins()
    warm_up()
    gc.collect()
    gc.freeze()  # children share these pages; a collection in one would copy them
    Server().run()
