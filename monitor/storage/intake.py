"""The way in: results and points become line protocol in slices short enough for the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from monitor.clock import Clock
from monitor.model import Device, DeviceId, Point, Result
from monitor.storage.batches import Batches
from monitor.storage.encoder import Encoded, Encoder
from monitor.storage.schema import Schema
from monitor.storage.settings import InfluxSettings
from monitor.storage.stats import SinkStats

SLICE = 400
"""Results encoded between two turns of the event loop, if they are no larger than pings."""
SLICE_READINGS = 2400
"""Readings encoded between two turns: under a millisecond, or two when they hold strings."""
SLICE_POINTS = 100
"""Points are encoded value by value, which takes longer."""
MAX_QUEUE = 200_000
"""Results and points that may wait for the encoder; more are dropped and counted."""

Given = Iterator[Encoded]
"""Slice after slice, each encoded when it is asked for."""


class Intake:
    """``accept_*`` never wait: what was accepted is encoded by ``run``, a slice a turn of the loop."""

    def __init__(
        self, encoder: Encoder, batches: Batches, settings: InfluxSettings, clock: Clock, stats: SinkStats
    ) -> None:
        self._encoder = encoder
        self._batches = batches
        self._batch_points = settings.batch_points
        self._flush_interval = settings.flush_interval
        self._clock = clock
        self._stats = stats
        self._inbox: deque[Given | asyncio.Future[None]] = deque()
        self._wanted = asyncio.Event()
        self._chunks: list[bytes] = []
        self._storing: asyncio.Future[None] | None = None
        self.open_points = 0
        """Of the batch that is being filled."""

    def devices_changed(self, devices: Mapping[DeviceId, Device]) -> None:
        self._encoder.devices_changed(devices)

    def schema_changed(self, schema: Schema) -> None:
        self._encoder.schema_changed(schema)

    def accept_results(self, results: Sequence[Result]) -> None:
        if self._admits(len(results)):
            self._put(self._of_results(results))

    def accept_points(self, points: Sequence[Point]) -> None:
        if self._admits(len(points)):
            self._put(self._of_points(points))

    def accept_encoded(self, encoded: Encoded) -> None:
        self._put(iter((encoded,)))

    def _admits(self, count: int) -> bool:
        """There is something, and room for it in the queue; what finds no room is lost, and counted."""
        if self._stats.queue_points + count > MAX_QUEUE:
            self._batches.lost(count)
            return False
        self._stats.queue_points += count
        return count > 0

    def _of_results(self, results: Sequence[Result]) -> Given:
        for part in slices(results):
            self._stats.queue_points -= len(part)
            yield self._encoder.results(part)

    def _of_points(self, points: Sequence[Point]) -> Given:
        for start in range(0, len(points), SLICE_POINTS):
            part = points[start : start + SLICE_POINTS]
            self._stats.queue_points -= len(part)
            yield self._encoder.points(part)

    async def flush(self) -> None:
        """Until everything accepted so far is on disk (or was counted as lost)."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(done)
        await done

    def _put(self, item: Given | asyncio.Future[None]) -> None:
        self._inbox.append(item)
        self._wanted.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        flush_at: float | None = None
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(flush_at):
                    await self._wanted.wait()
            self._wanted.clear()
            while self._inbox:
                await self._encode(self._inbox.popleft())
            if not self._chunks:
                flush_at = None
            elif flush_at is None:
                flush_at = loop.time() + self._flush_interval
            elif loop.time() >= flush_at:
                await self._store()
                flush_at = None

    async def _encode(self, item: Given | asyncio.Future[None]) -> None:
        if isinstance(item, asyncio.Future):
            await self._store()
            await self._stored()
            item.set_result(None)
        else:
            for encoded in item:
                await self._take(encoded)

    async def _take(self, encoded: Encoded) -> None:
        if encoded.points:
            self._chunks.append(encoded.body)
            self.open_points += encoded.points
            self._stats.received += encoded.points
        if self.open_points >= self._batch_points:
            await self._store()
        await asyncio.sleep(0)  # in any case: a store that had nothing to wait for has not let others run

    async def _store(self) -> None:
        """Hand the open batch to the thread; one may be under way while the next is encoded."""
        await self._stored()
        if not self._chunks:
            return
        chunks, points = self._chunks, self.open_points
        self._chunks, self.open_points = [], 0
        self._storing = asyncio.ensure_future(self._batches.add(chunks, points, self._clock.now().wall))

    async def _stored(self) -> None:
        if self._storing is not None:
            storing, self._storing = self._storing, None
            await storing


def slices(results: Sequence[Result]) -> Iterator[Sequence[Result]]:
    """Parts that take about the same time at most: a walk of a switch weighs a hundred pings."""
    for start in range(0, len(results), SLICE):
        part = results[start : start + SLICE]
        sizes = [len(result.readings) for result in part]
        if sum(sizes) <= SLICE_READINGS:
            yield part
            continue
        begin = weight = 0
        for index, size in enumerate(sizes):
            if weight + size > SLICE_READINGS and index > begin:
                yield part[begin:index]
                begin, weight = index, 0
            weight += size
        yield part[begin:]
