"""One channel's lane: takes messages in order, keeps its rate, tries again, and says when it is failing.

Order holds per incident: while a message of an incident waits to be tried again, later messages of the same
incident wait behind it and those of other incidents pass. Books are written only after the channel answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from monitor.clock import Clock
from monitor.model import Severity, WallMs
from monitor.notifiers.attachment import Enclosed
from monitor.notifiers.courier.wire import Done, Report
from monitor.notifiers.notice import Notice, NoticeKind, OutboxBooks, OutboxEntry, Outcome, SendResult
from monitor.notifiers.rate import Rate
from monitor.notifiers.render import Rendered
from monitor.notifiers.settings import Channel

_MAX_DOUBLINGS = 30


class Sender(Protocol):
    """What a lane needs of the courier. Never raises for what a channel does."""

    async def send(
        self,
        channel: Channel,
        title: str,
        body: str,
        level: str = "info",
        done: Done = (),
        attachments: tuple[Enclosed, ...] = (),
    ) -> Report: ...


@dataclass(frozen=True, slots=True)
class Health:
    """A channel has begun to fail, or works again."""

    channel: str
    failing: bool
    reason: str
    """What it last said; empty when it works again."""
    pending: int


@dataclass(frozen=True, slots=True)
class LaneStats:
    channel: str
    pending: int
    delivered: int
    failures: int
    """Attempts that did not deliver."""
    dead: int
    failing: bool
    oldest: WallMs | None
    """When the oldest waiting message was written."""
    last: SendResult | None


@dataclass(slots=True)
class _Waiting:
    entry: OutboxEntry
    due: float = 0.0
    rendered: Rendered | None = None
    """Rendered once: a second attempt must be cut into the same parts as the first."""
    done: Done = ()

    @property
    def key(self) -> object:
        """What keeps its order among its like: the messages of an incident; each other one is alone."""
        incident = self.entry.notice.incident
        return ("incident", incident) if incident is not None else ("message", self.entry.id)


class Lane:
    """``render`` words a notice for this channel; ``on_health`` is called when the channel begins to fail
    (some attempts in a row, or a message that is refused for good) and when it delivers again."""

    def __init__(
        self,
        channel: Channel,
        sender: Sender,
        render: Callable[[Notice], Rendered],
        books: OutboxBooks,
        clock: Clock,
        rng: random.Random,
        on_health: Callable[[Health], None],
    ) -> None:
        self.channel = channel
        self._sender = sender
        self._render = render
        self._books = books
        self._clock = clock
        self._rng = rng
        self._on_health = on_health
        self._rate = Rate(channel.per_minute)
        self._queue: dict[int, _Waiting] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._not_before = 0.0
        self._in_a_row = 0
        self._open = False
        """The breaker: only probes go out."""
        self._failing = False
        """What ``on_health`` was last told."""
        self._delivered = self._failures = self._dead = 0
        self._last: SendResult | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"lane {self.channel.name}")

    def submit(self, entry: OutboxEntry) -> None:
        """Takes a message that the books hold already. The same id twice is one message."""
        self._queue.setdefault(entry.id, _Waiting(entry))
        self._wake.set()

    async def stop(self, timeout_s: float) -> None:
        """Lets a send under way end within ``timeout_s``; whatever waits stays in the books."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=timeout_s)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def waiting(self) -> list[OutboxEntry]:
        return [item.entry for item in self._queue.values()]

    def stats(self) -> LaneStats:
        oldest = min((item.entry.created for item in self._queue.values()), default=None)
        return LaneStats(
            self.channel.name,
            len(self._queue),
            self._delivered,
            self._failures,
            self._dead,
            self._failing,
            oldest,
            self._last,
        )

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._stopping:
            self._wake.clear()
            now = loop.time()
            item = self._choose(now)
            if item is None:
                await self._wake.wait()
                continue
            wait = max(item.due, self._not_before, self._rate.free_at(now)) - now
            if wait > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()
                continue
            await self._attempt(item)

    def _choose(self, now: float) -> _Waiting | None:
        """The next message to try, or the one that is due soonest."""
        soonest: _Waiting | None = None
        for item in self._heads():
            if self._open:
                # A probe: with the message tried least, lest one that is never taken holds up the rest.
                if soonest is None or item.entry.attempts < soonest.entry.attempts:
                    soonest = item
            elif item.due <= now:
                return item
            elif soonest is None or item.due < soonest.due:
                soonest = item
        return soonest

    def _heads(self) -> Iterator[_Waiting]:
        """The first waiting message of each incident."""
        seen: set[object] = set()
        for item in self._queue.values():
            key = item.key
            if key not in seen:
                seen.add(key)
                yield item

    async def _attempt(self, item: _Waiting) -> None:
        if item.rendered is None:
            item.rendered = self._render(item.entry.notice)
        try:
            report = await self._sender.send(
                self.channel,
                item.rendered.title,
                item.rendered.body,
                level_of(item.entry.notice),
                item.done,
                item.rendered.files,
            )
        except Exception as error:  # a lane must outlive whatever goes wrong in one send
            report = Report(0, Outcome.TEMPORARY, "internal", f"{type(error).__name__} in the sender")
        now = asyncio.get_running_loop().time()
        self._rate.took(now, report.posts)
        item.done = report.done
        item.entry = replace(item.entry, attempts=item.entry.attempts + 1)
        self._last = result = report.result()
        if result.retry_after_s is not None:
            self._not_before = now + result.retry_after_s
        if result.outcome is Outcome.DELIVERED:
            self._took(item, result)
        elif result.outcome is Outcome.PERMANENT:
            self._bury(item, result)
        else:
            self._postpone(item, result, now)

    def _took(self, item: _Waiting, result: SendResult) -> None:
        del self._queue[item.entry.id]
        self._delivered += 1
        self._in_a_row = 0
        self._books.delivered(item.entry, result)
        if self._open:
            self._open = False
            for other in self._queue.values():
                other.due = 0.0
        self._tell(False, "")

    def _bury(self, item: _Waiting, result: SendResult) -> None:
        del self._queue[item.entry.id]
        self._dead += 1
        self._failures += 1
        self._books.dead(item.entry, result)
        self._tell(True, _words(result))

    def _postpone(self, item: _Waiting, result: SendResult, now: float) -> None:
        settings = self.channel.settings
        self._in_a_row += 1
        if self._clock.now().wall - item.entry.created > settings.give_up * 1000:
            self._bury(item, replace(result, detail=f"given up: {result.detail}"))
            return
        self._failures += 1
        self._open = self._in_a_row >= settings.breaker_failures
        if self._open:
            wait = settings.probe
        else:
            doublings = min(item.entry.attempts - 1, _MAX_DOUBLINGS)
            wait = min(settings.retry_first * 2**doublings, settings.retry_longest)
        wait = max(wait * self._rng.uniform(0.75, 1.25), result.retry_after_s or 0.0)
        item.due = now + wait
        if self._open:
            self._not_before = item.due
        self._books.postponed(item.entry, result, wait)
        if self._open:
            self._tell(True, _words(result))

    def _tell(self, failing: bool, reason: str) -> None:
        if failing is not self._failing:
            self._failing = failing
            self._on_health(Health(self.channel.name, failing, reason, len(self._queue)))


def level_of(notice: Notice) -> str:
    """Apprise's sort of message, by which some services choose a colour or a sound."""
    if notice.kind is NoticeKind.RESOLVED:
        return "success"
    if notice.kind in (NoticeKind.TEST, NoticeKind.REPORT) or notice.severity <= Severity.INFO:
        return "info"
    return "warning" if notice.severity <= Severity.WARNING else "failure"


def _words(result: SendResult) -> str:
    return " ".join(filter(None, (result.code, result.detail)))
