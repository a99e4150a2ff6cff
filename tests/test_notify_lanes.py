"""Lanes: everything accepted is delivered or booked as dead, in order per incident, at the service's pace."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import ManualClock
from monitor.model import IncidentId, Severity
from monitor.notifiers.attachment import Attachments, Enclosed
from monitor.notifiers.courier.wire import Done, Report
from monitor.notifiers.lane import Health
from monitor.notifiers.lanes import Lanes
from monitor.notifiers.notice import Notice, NoticeKind, OutboxEntry, Outcome, SendResult
from monitor.notifiers.rate import Rate
from monitor.notifiers.settings import Channel
from monitor.words import Language
from tests.notify_support import channel

T, P, OK = Outcome.TEMPORARY, Outcome.PERMANENT, Outcome.DELIVERED
NO_FILES = Attachments(Path("no attachments"))
Script = Callable[[str, int, int], Report | Outcome]


@dataclass
class Courier:
    """Answers as a script says: (channel, incident, how many attempts that incident's messages had)."""

    script: Script = lambda *_: OK
    taken: list[tuple[str, str]] = field(default_factory=list)
    attempts: Counter[tuple[str, str]] = field(default_factory=Counter)
    done: dict[str, list[Done]] = field(default_factory=lambda: defaultdict(list))
    hanging: set[str] = field(default_factory=set)

    async def send(
        self,
        channel: Channel,
        title: str,
        body: str,
        level: str = "info",
        done: Done = (),
        attachments: tuple[Enclosed, ...] = (),
    ) -> Report:
        if channel.name in self.hanging:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        incident = title.rpartition("#")[2]
        self.done[incident].append(done)
        self.attempts[channel.name, title] += 1
        said = self.script(channel.name, int(incident), self.attempts[channel.name, title])
        report = said if isinstance(said, Report) else Report(0, said, "x", "said so")
        if report.outcome is OK:
            self.taken.append((channel.name, title))
        return report


@dataclass
class Books:
    booked: list[tuple[str, int, int]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def delivered(self, entry: OutboxEntry, result: SendResult) -> None:
        self._book("delivered", entry)

    def postponed(self, entry: OutboxEntry, result: SendResult, retry_in_s: float) -> None:
        self.waits.append(retry_in_s)
        self._book("postponed", entry)

    def dead(self, entry: OutboxEntry, result: SendResult) -> None:
        self._book("dead", entry)

    def _book(self, what: str, entry: OutboxEntry) -> None:
        self.booked.append((what, entry.id, entry.attempts))
        self.changed.set()

    def ids(self, what: str) -> list[int]:
        return [id for said, id, _ in self.booked if said == what]

    async def until(self, what: str, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.ids(what)) < count:
                self.changed.clear()
                await self.changed.wait()


@dataclass
class Bench:
    lanes: Lanes
    courier: Courier
    books: Books
    clock: ManualClock
    health: list[Health]


@asynccontextmanager
async def bench(*channels: Channel, script: Script = lambda *_: OK) -> AsyncIterator[Bench]:
    courier, books, clock, health = Courier(script), Books(), ManualClock(), list[Health]()
    zone = ZoneInfo("Asia/Shanghai")
    lanes = Lanes(courier, books, clock, random.Random(1), Language.ZH_CN, zone, health.append, NO_FILES)
    await lanes.configure(channels)
    yield Bench(lanes, courier, books, clock, health)
    await lanes.stop(0)


def entry(
    id: int,
    incident: int,
    to: str = "a",
    kind: NoticeKind = NoticeKind.OPENED,
    created: int = 1_800_000_000_000,
) -> OutboxEntry:
    notice = Notice(
        kind,
        Severity.MAJOR,
        "device_down",
        f"设备{id}",
        created,
        incident=IncidentId(incident),
        since=created,
    )
    return OutboxEntry(id, to, notice, created)


def fast(tmp: Path, name: str = "a", **more: object) -> Channel:
    quick = {"retry_first": "2ms", "retry_longest": "8ms", "probe": "10ms", "per_minute": 6000}
    return channel(tmp, "json://example.org", name=name, **quick | more)


async def test_a_resolve_never_overtakes_its_opening_message(tmp_path: Path) -> None:
    def script(_: str, incident: int, attempt: int) -> Outcome:
        return T if incident == 1 and attempt < 4 else OK

    async with bench(fast(tmp_path), script=script) as b:
        b.lanes.submit(entry(1, 1))
        b.lanes.submit(entry(2, 1, kind=NoticeKind.RESOLVED))
        b.lanes.submit(entry(3, 2))
        await b.books.until("delivered", 3)
        order = b.books.ids("delivered")
    # The other incident passes while the first one waits to be tried again.
    assert order.index(1) < order.index(2) and order[0] == 3


async def test_a_stuck_channel_delays_no_other(tmp_path: Path) -> None:
    async with bench(fast(tmp_path, "stuck"), fast(tmp_path, "good")) as b:
        b.courier.hanging.add("stuck")
        for n in range(20):
            b.lanes.submit(entry(n, n, to="stuck" if n % 2 else "good"))
        await b.books.until("delivered", 10)
        pending = {lane.channel: lane.pending for lane in b.lanes.stats()}
    assert pending == {"stuck": 10, "good": 0}


async def test_a_permanent_refusal_is_dead_at_once_and_told(tmp_path: Path) -> None:
    async with bench(fast(tmp_path), script=lambda _, incident, __: P if incident == 1 else OK) as b:
        b.lanes.submit(entry(1, 1))
        b.lanes.submit(entry(2, 2))
        await b.books.until("delivered", 1)
        assert b.books.booked == [("dead", 1, 1), ("delivered", 2, 1)]
    assert [(h.failing, h.reason) for h in b.health] == [(True, "x said so"), (False, "")]


async def test_waits_double_up_to_the_longest_with_jitter(tmp_path: Path) -> None:
    target = fast(tmp_path, retry_first="2ms", retry_longest="8ms", breaker_failures=100)
    async with bench(target, script=lambda _, __, attempt: T if attempt < 7 else OK) as b:
        b.lanes.submit(entry(1, 1))
        await b.books.until("delivered", 1)
    for wait, base in zip(b.books.waits, (2, 4, 8, 8, 8, 8), strict=True):
        assert 0.75 * base <= wait * 1000 <= 1.25 * base
    assert len(set(b.books.waits)) == 6


async def test_a_retry_after_is_honoured_for_the_whole_channel(tmp_path: Path) -> None:
    def script(_: str, incident: int, attempt: int) -> Report | Outcome:
        return Report(0, T, "429", "", retry_after_s=0.15) if (incident, attempt) == (1, 1) else OK

    async with bench(fast(tmp_path), script=script) as b:
        began = asyncio.get_running_loop().time()
        b.lanes.submit(entry(1, 1))
        b.lanes.submit(entry(2, 2))
        await b.books.until("delivered", 2)
        assert asyncio.get_running_loop().time() - began >= 0.15
    assert b.books.waits == [0.15]


async def test_a_failing_channel_is_told_once_probed_slowly_and_loses_nothing(tmp_path: Path) -> None:
    broken = True

    def script(*_: object) -> Outcome:
        return T if broken else OK

    async with bench(fast(tmp_path, breaker_failures=3), script=script) as b:
        for n in range(30):
            b.lanes.submit(entry(n, n))
        await b.books.until("postponed", 10)
        assert [h.failing for h in b.health] == [True]
        # Only probes since the breaker opened: about the probe's pace, not the retry's.
        assert all(wait >= 0.0075 for wait in b.books.waits[3:])
        broken = False
        await b.books.until("delivered", 30)
    assert [h.failing for h in b.health] == [True, False]
    assert sorted(b.books.ids("delivered")) == list(range(30))


async def test_a_message_that_is_never_taken_does_not_keep_a_channel_from_recovering(tmp_path: Path) -> None:
    async with bench(
        fast(tmp_path, breaker_failures=2), script=lambda _, incident, __: T if incident == 1 else OK
    ) as b:
        b.lanes.submit(entry(1, 1))
        await b.books.until("postponed", 3)
        for n in range(2, 10):
            b.lanes.submit(entry(n, n))
        await b.books.until("delivered", 8)


async def test_a_message_that_grew_too_old_is_given_up_with_the_last_reason(tmp_path: Path) -> None:
    async with bench(fast(tmp_path, give_up="1h"), script=lambda *_: T) as b:
        b.lanes.submit(entry(1, 1))
        await b.books.until("postponed", 2)
        b.clock.advance(3_600_001)
        await b.books.until("dead", 1)
        (stats,) = b.lanes.stats()
    assert stats.pending == 0 and stats.dead == 1
    assert stats.last is not None and stats.last.detail == "said so"


async def test_what_was_taken_in_part_is_handed_to_the_next_attempt(tmp_path: Path) -> None:
    half: Done = ((0, "tuple", "('to', '1')"),)

    def script(_: str, __: int, attempt: int) -> Report | Outcome:
        return Report(0, T, "", "", done=half) if attempt == 1 else OK

    async with bench(fast(tmp_path), script=script) as b:
        b.lanes.submit(entry(1, 1))
        await b.books.until("delivered", 1)
    assert b.courier.done["1"] == [(), half]


async def test_what_the_outbox_held_is_taken_up_oldest_first_and_once(tmp_path: Path) -> None:
    async with bench(fast(tmp_path)) as b:
        b.lanes.load([entry(n, n) for n in (3, 1, 2)])
        b.lanes.submit(entry(2, 2))
        await b.books.until("delivered", 3)
    assert b.books.ids("delivered") == [1, 2, 3]


async def test_a_reload_carries_waiting_messages_over_and_buries_those_of_a_removed_channel(
    tmp_path: Path,
) -> None:
    async with bench(fast(tmp_path, "a"), fast(tmp_path, "b"), script=lambda *_: T) as b:
        b.lanes.submit(entry(1, 1, to="a"))
        b.lanes.submit(entry(2, 2, to="b"))
        await b.books.until("postponed", 2)
        b.courier.script = lambda *_: OK
        await b.lanes.configure([fast(tmp_path, "a", language="en")])
        await b.books.until("delivered", 1)
    assert b.books.ids("delivered") == [1] and b.books.ids("dead") == [2]
    assert ("a", "[major] 设备1 is offline #1") in b.courier.taken


async def test_an_error_of_our_own_in_sending_is_a_temporary_failure(tmp_path: Path) -> None:
    def script(_: str, __: int, attempt: int) -> Outcome:
        if attempt == 1:
            raise RuntimeError("a bug")
        return OK

    async with bench(fast(tmp_path), script=script) as b:
        b.lanes.submit(entry(1, 1))
        await b.books.until("delivered", 1)
    assert b.books.booked == [("postponed", 1, 1), ("delivered", 1, 2)]


@settings(max_examples=50)
@given(st.integers(1, 30), st.lists(st.tuples(st.floats(0, 20), st.integers(1, 3)), max_size=80))
def test_no_window_of_sixty_seconds_has_more_than_the_rate(
    per_minute: int, steps: list[tuple[float, int]]
) -> None:
    """A message of several posts may go over by what its own posts add, never by another message."""
    rate, now, sent = Rate(per_minute), 0.0, list[float]()
    for pause, posts in steps:
        now = max(now + pause, rate.free_at(now + pause))
        assert len([at for at in sent if at > now - 60 + 1e-6]) < per_minute
        rate.took(now, posts)
        sent += [now] * posts


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 4), st.lists(st.sampled_from([T, OK, P]), max_size=4)), max_size=12))
async def test_every_message_is_delivered_or_dead_and_in_order_per_incident(
    messages: list[tuple[int, list[Outcome]]],
) -> None:
    """Whatever the channel answers: each message ends exactly once, and an incident's in their order."""
    scripts = {f"设备{n}": answers for n, (_, answers) in enumerate(messages)}

    class Scripted(Courier):
        async def send(
            self,
            channel: Channel,
            title: str,
            body: str,
            level: str = "info",
            done: Done = (),
            attachments: tuple[Enclosed, ...] = (),
        ) -> Report:
            await asyncio.sleep(0)
            answers = next(a for name, a in scripts.items() if f"{name} " in title)
            return Report(0, answers.pop(0) if answers else OK)

    with tempfile.TemporaryDirectory() as folder:
        target = fast(Path(folder), retry_first="1ms", retry_longest="1ms", probe="1ms", breaker_failures=2)
        books = Books()
        zone = ZoneInfo("Asia/Shanghai")
        lanes = Lanes(
            Scripted(), books, ManualClock(), random.Random(1), Language.ZH_CN, zone, lambda _: None, NO_FILES
        )
        await lanes.configure([target])
        for n, (incident, _) in enumerate(messages):
            lanes.submit(entry(n, incident))
        async with asyncio.timeout(60):
            while len(books.ids("delivered")) + len(books.ids("dead")) < len(messages):
                books.changed.clear()
                await books.changed.wait()
        await lanes.stop(0)
    ended = [id for what, id, _ in books.booked if what != "postponed"]
    assert sorted(ended) == list(range(len(messages)))
    for incident in {incident for incident, _ in messages}:
        own = [id for id in ended if messages[id][0] == incident]
        assert own == sorted(own)
