"""The InfluxDB sink: results in, batches to disk, batches to the server, live ones first.

Three tasks and one thread. The *encoder* task turns what it was given into line protocol in slices short
enough for the event loop; the thread compresses each batch and writes it to the spool; the *poster* posts
batches, newest arrivals before the backlog; *housekeeping* syncs the spool and holds its bounds. Nothing here
waits for the server but the poster, and ``write_*`` only append to a queue.
"""

from __future__ import annotations

import asyncio
import random
import zlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import aiohttp
import structlog

from monitor.clock import Clock
from monitor.model import Device, DeviceId, Point, Result
from monitor.storage.bisection import Bisection
from monitor.storage.deadletter import DeadLetters
from monitor.storage.encoder import Encoded, Encoder
from monitor.storage.influx_api import Answer, Client, Verdict
from monitor.storage.line import split_lines
from monitor.storage.settings import InfluxSettings
from monitor.storage.spool import Ref, Spool, SpoolBusy
from monitor.storage.stats import SinkStats
from monitor.storage.tables import SCHEMA
from monitor.storage.trouble import Trouble

log = structlog.get_logger(room="sink")

SLICE = 400
"""Results encoded between two turns of the event loop: about a millisecond."""
MAX_QUEUE = 200_000
"""Results and points that may wait for the encoder; more are dropped and counted."""
LIVE_BATCHES = 16
"""Batches kept in memory for posting; older ones wait on disk."""
MEMORY_BATCHES = 64
"""The same while the disk takes nothing: what does not fit is lost, and counted."""
GZIP_LEVEL = 2
STOP_GRACE_S = 3.0
DISK_PAUSE_S = 1.0
BOOKS_S = 30.0
"""How often the sink writes down how it is doing (``camwatch_sink``)."""

T = TypeVar("T")


@dataclass(slots=True)
class Batch:
    body: bytes
    """gzip"""
    points: int
    newest: int
    ref: Ref | None
    """Its place in the spool; None when the disk would not take it."""
    live: bool
    bisection: Bisection | None = None


def gzipped(chunks: Sequence[bytes]) -> bytes:
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 31)
    return packer.compress(b"".join(chunks)) + packer.flush()


class InfluxSink:
    """See ``Sink``. ``settings.spool.path`` belongs to one sink at a time."""

    def __init__(self, settings: InfluxSettings, clock: Clock, rng: random.Random) -> None:
        self._settings = settings
        self._clock = clock
        self._encoder = Encoder(SCHEMA)
        spool = settings.spool
        self._spool = Spool(spool.path, spool.max_bytes, int(spool.max_age * 1000))
        self._spool_open = False
        self._dead = DeadLetters(spool.path)
        self._trouble = Trouble(clock, rng)
        self._thread = ThreadPoolExecutor(1, "sink-disk")
        self._inbox: deque[Sequence[Result] | Sequence[Point] | Encoded | asyncio.Future[None]] = deque()
        self._chunks: list[bytes] = []
        self._chunk_points = 0
        self._storing: asyncio.Future[None] | None = None
        self._live: deque[Batch] = deque()
        self._current: Batch | None = None
        self._encode_wanted = asyncio.Event()
        self._post_wanted = asyncio.Event()
        self._progress = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None
        self._stats = SinkStats()

    # --- the seam -------------------------------------------------------------------------------------

    async def start(self) -> None:
        try:
            await self._disk(self._spool.open)
            self._spool_open = True
            self._stats.recovered = self._spool.points
            self._trouble.disk("")
        except (OSError, SpoolBusy) as error:
            self._trouble.disk(str(error))
        self._session = aiohttp.ClientSession(auto_decompress=False)
        client = Client(self._session, self._settings)
        self._tasks = [
            asyncio.create_task(self._keep(self._encode), name="sink-encode"),
            asyncio.create_task(self._keep(partial(self._post, client)), name="sink-post"),
            asyncio.create_task(self._keep(self._housekeeping), name="sink-housekeeping"),
        ]

    async def stop(self) -> None:
        """Everything goes to disk; what is live gets a few seconds to reach the server."""
        if self._session is None:
            return
        await self.flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_GRACE_S):
                while (self._live or self._current) and not self._trouble.holding:
                    await self._progress.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()
        self._session = None
        self._stats.dropped += sum(batch.points for batch in self._unspooled())
        if self._spool_open:
            with suppress(OSError):
                await self._disk(self._spool.close)
        self._thread.shutdown()

    def devices_changed(self, devices: Mapping[DeviceId, Device]) -> None:
        self._encoder.devices_changed(devices)

    def write_results(self, results: Sequence[Result]) -> None:
        self._accept(results)

    def write_points(self, points: Sequence[Point]) -> None:
        self._accept(points)

    def trouble(self) -> str:
        return self._trouble.words()

    # --- beyond the seam ------------------------------------------------------------------------------

    def write_encoded(self, encoded: Encoded) -> None:
        """Lines that are line protocol already (dead letters that were repaired)."""
        self._inbox.append(encoded)
        self._encode_wanted.set()

    @property
    def failing(self) -> str:
        """Why the last post failed, however short ago; empty when it did not."""
        return self._trouble.last_words()

    async def flush(self) -> None:
        """Until everything written so far is on disk (or was counted as lost)."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._inbox.append(done)
        self._encode_wanted.set()
        await done

    async def drained(self) -> None:
        """Until the server has taken everything, the backlog too."""
        await self.flush()
        while self._live or self._current or self._spool.points:
            await self._progress.wait()

    def stats(self) -> SinkStats:
        spool = self._spool
        return replace(
            self._stats,
            bad_values=self._encoder.bad_values,
            dropped=self._stats.dropped + spool.counts.dropped,
            damaged_bytes=spool.counts.damaged_bytes,
            queue_points=self._stats.queue_points + self._chunk_points,
            spool_points=spool.points,
            spool_bytes=spool.bytes,
        )

    async def _keep(self, job: Callable[[], Awaitable[None]]) -> None:
        """Run a job for ever; one that dies of a bug is logged, told and started again."""
        while True:
            try:
                await job()
            except Exception as error:
                log.exception("a task of the sink died, starting it again")
                self._trouble.bug(type(error).__name__)
                await asyncio.sleep(1.0)

    # --- encoding -------------------------------------------------------------------------------------

    def _accept(self, items: Sequence[Result] | Sequence[Point]) -> None:
        if not items:
            return
        if self._stats.queue_points + len(items) > MAX_QUEUE:
            self._lost(len(items))
            return
        self._stats.queue_points += len(items)
        self._inbox.append(items)
        self._encode_wanted.set()

    async def _encode(self) -> None:
        loop = asyncio.get_running_loop()
        flush_at: float | None = None
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(flush_at):
                    await self._encode_wanted.wait()
            self._encode_wanted.clear()
            while self._inbox:
                items = self._inbox.popleft()
                if isinstance(items, asyncio.Future):
                    await self._store()
                    await self._stored()
                    items.set_result(None)
                    continue
                if isinstance(items, Encoded):
                    await self._take(items)
                    continue
                for start in range(0, len(items), SLICE):
                    await self._encode_slice(items[start : start + SLICE])
            if not self._chunks:
                flush_at = None
            elif flush_at is None:
                flush_at = loop.time() + self._settings.flush_interval
            elif loop.time() >= flush_at:
                await self._store()
                flush_at = None

    async def _encode_slice(self, items: Sequence[Result] | Sequence[Point]) -> None:
        if isinstance(items[0], Result):
            encoded: Encoded = self._encoder.results(items)  # type: ignore[arg-type]  # one sort a sequence
        else:
            encoded = self._encoder.points(items)  # type: ignore[arg-type]  # as above
        self._stats.queue_points -= len(items)
        await self._take(encoded)

    async def _take(self, encoded: Encoded) -> None:
        if encoded.points:
            self._chunks.append(encoded.body)
            self._chunk_points += encoded.points
            self._stats.received += encoded.points
        if self._chunk_points >= self._settings.batch_points:
            await self._store()
        else:
            await asyncio.sleep(0)

    # --- disk -----------------------------------------------------------------------------------------

    async def _disk(self, call: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)

    async def _store(self) -> None:
        """Hand the open batch to the thread; one may be under way while the next is encoded."""
        await self._stored()
        if not self._chunks:
            return
        chunks, points = self._chunks, self._chunk_points
        self._chunks, self._chunk_points = [], 0
        self._storing = asyncio.ensure_future(self._store_batch(chunks, points, self._clock.now().wall))

    async def _stored(self) -> None:
        if self._storing is not None:
            storing, self._storing = self._storing, None
            await storing

    async def _store_batch(self, chunks: list[bytes], points: int, newest: int) -> None:
        body, ref = await self._disk(self._pack, chunks, points, newest)
        self._live.append(Batch(body, points, newest, ref, live=True))
        while len(self._live) > (LIVE_BATCHES if self._live[0].ref else MEMORY_BATCHES):
            spilled = self._live.popleft()
            if spilled.ref is None:
                self._lost(spilled.points)
        self._post_wanted.set()

    def _pack(self, chunks: list[bytes], points: int, newest: int) -> tuple[bytes, Ref | None]:
        body = gzipped(chunks)
        if not self._spool_open:
            return body, None
        try:
            ref = self._spool.append(body, points, newest)
        except OSError as error:
            self._trouble.disk(str(error))
            return body, None
        self._trouble.disk("")
        return body, ref

    async def _housekeeping(self) -> None:
        loop = asyncio.get_running_loop()
        books_due = loop.time() + BOOKS_S
        while True:
            await asyncio.sleep(self._settings.spool.sync_interval)
            if loop.time() >= books_due:
                books_due += BOOKS_S
                self.write_points([self.stats().point(self._clock.now().wall)])
            if not self._spool_open:
                continue
            try:
                await self._disk(self._spool.sync)
                lost = await self._disk(self._spool.enforce, self._clock.now().wall)
            except OSError as error:
                self._trouble.disk(str(error))
                continue
            if lost:
                self._trouble.lost(lost)

    def _lost(self, points: int) -> None:
        self._stats.dropped += points
        self._trouble.lost(points)

    def _unspooled(self) -> list[Batch]:
        batches = [*self._live, *([self._current] if self._current else [])]
        return [batch for batch in batches if batch.ref is None]

    # --- posting --------------------------------------------------------------------------------------

    async def _post(self, client: Client) -> None:
        while True:
            self._post_wanted.clear()
            pause = 0.0
            try:
                batch = self._current = await self._next()
                if batch is None:
                    self._step()
                    await self._post_wanted.wait()
                    continue
                pause = await self._try(client, batch)
            except OSError as error:  # the spool cannot be read or a segment not be deleted
                self._trouble.disk(str(error))
                pause = DISK_PAUSE_S
            self._current = None
            self._step()
            await asyncio.sleep(pause)

    def _step(self) -> None:
        """Wake whoever waits for the poster to get on."""
        self._progress.set()
        self._progress.clear()

    async def _try(self, client: Client, batch: Batch) -> float:
        """Post one batch; seconds to wait before the next."""
        answer = await self._deliver(client, batch)
        if answer.verdict is not Verdict.TAKEN:
            self._stats.post_failures += 1
            self._trouble.server(answer)
            if batch.live:
                self._live.appendleft(batch)
            return self._trouble.pause_s()
        self._trouble.server(None)
        if batch.live:
            self._stats.lag_s = max(0.0, (self._clock.now().wall - batch.newest) / 1000)
        if batch.ref is not None:
            await self._disk(self._spool.done, batch.ref)
        return 0.0

    async def _next(self) -> Batch | None:
        """The live batches in their order, then the oldest of the backlog."""
        if self._live:
            return self._live.popleft()
        if not self._spool_open or not self._spool.points:
            return None
        stored = await self._disk(self._spool.oldest)
        if stored is None:
            return None
        if self._live:  # written while we looked, and perhaps what we found
            return self._live.popleft()
        return Batch(stored.body, stored.points, stored.newest, stored.ref, live=False)

    async def _deliver(self, client: Client, batch: Batch) -> Answer:
        """Post a batch whole, or in halves until its bad lines stand alone."""
        if batch.bisection is None:
            answer = await self._write(client, batch.body)
            if answer.verdict is not Verdict.REFUSED:
                if answer.verdict is Verdict.TAKEN:
                    self._stats.expired += answer.expired
                    self._stats.written += batch.points - answer.expired
                return answer
            lines = split_lines(zlib.decompress(batch.body, 31))
            batch.bisection = Bisection(lines, answer.status, answer.words)
        work = batch.bisection
        while (chunk := work.chunk()) is not None:
            answer = await self._write(client, gzipped(chunk))
            if answer.verdict is Verdict.TAKEN:
                work.accepted(answer.expired)
            elif answer.verdict is Verdict.REFUSED:
                work.refused(answer.status, answer.words)
            else:
                return answer
        return await self._bury(client, work)

    async def _bury(self, client: Client, work: Bisection) -> Answer:
        """The bad lines go to the dead letters, unless the server refuses good ones too."""
        if work.nothing_taken:
            proof = self._encoder.points([self._stats.point(self._clock.now().wall)])
            answer = await self._write(client, gzipped([proof.body]))
            if answer.verdict is Verdict.REFUSED:
                return replace(answer, verdict=Verdict.DENIED)
            if answer.verdict is not Verdict.TAKEN:
                return answer
        self._stats.expired += work.expired
        self._stats.written += work.taken - work.expired
        dead = len(work.dead)
        try:
            kept = await self._disk(self._dead.add, work.dead, self._clock.now().wall)
        except OSError as error:
            self._trouble.disk(str(error))
            kept = 0
        self._stats.dead += kept
        self._trouble.dead(work.dead[0].words if work.dead else "")
        if dead > kept:
            self._lost(dead - kept)
        return Answer(Verdict.TAKEN)

    async def _write(self, client: Client, body: bytes) -> Answer:
        self._stats.posts += 1
        return await client.write(body)
