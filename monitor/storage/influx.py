"""The InfluxDB sink: results in, batches to disk, batches to the server, live ones first.

Three tasks and one thread. The *intake* turns what it was given into line protocol, slice by slice; the
thread compresses each batch and writes it to the spool; the *poster* posts batches, newest arrivals before
the backlog; *housekeeping* syncs the spool and holds its bounds. Nothing here waits for the server but the
poster, and ``write_*`` only append to a queue.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import aiohttp
import structlog

from monitor.clock import Clock
from monitor.model import Device, DeviceId, Point, Result
from monitor.storage.batches import Batches
from monitor.storage.encoder import Encoded, Encoder
from monitor.storage.influx_api import Client
from monitor.storage.intake import Intake
from monitor.storage.poster import Poster
from monitor.storage.schema import Schema
from monitor.storage.settings import InfluxSettings
from monitor.storage.stats import SinkStats
from monitor.storage.tables import SCHEMA
from monitor.storage.trouble import Trouble

log = structlog.get_logger(room="sink")

STOP_GRACE_S = 3.0
BOOKS_S = 30.0
"""How often the sink writes down how it is doing (``camwatch_sink``)."""


class InfluxSink:
    """See ``Sink``. ``settings.spool.path`` belongs to one sink at a time."""

    def __init__(self, settings: InfluxSettings, clock: Clock, rng: random.Random) -> None:
        self._settings = settings
        self._clock = clock
        self._encoder = Encoder(SCHEMA)
        self._stats = SinkStats()
        self._trouble = Trouble(clock, rng)
        self._batches = Batches(settings.spool, self._stats, self._trouble)
        self._intake = Intake(self._encoder, self._batches, settings, clock, self._stats)
        self._poster = Poster(self._batches, clock, self._stats, self._trouble)
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None

    # --- the seam -------------------------------------------------------------------------------------

    async def start(self) -> None:
        await self._batches.open()
        self._stats.recovered = self._batches.spool.points
        self._session = aiohttp.ClientSession(auto_decompress=False)
        client = Client(self._session, self._settings)
        self._tasks = [
            asyncio.create_task(self._keep(self._intake.run), name="sink-encode"),
            asyncio.create_task(self._keep(partial(self._poster.run, client)), name="sink-post"),
            asyncio.create_task(self._keep(self._housekeeping), name="sink-housekeeping"),
        ]

    async def stop(self) -> None:
        """Everything goes to disk; what is live gets a few seconds to reach the server."""
        if self._session is None:
            return
        await self.flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_GRACE_S):
                while self._poster.busy and not self._trouble.holding:
                    await self._poster.progress()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()
        self._session = None
        self._stats.dropped += self.in_memory_only()
        await self._batches.close()

    def devices_changed(self, devices: Mapping[DeviceId, Device]) -> None:
        self._intake.devices_changed(devices)

    def schema_changed(self, schema: Schema) -> None:
        self._intake.schema_changed(schema)

    def write_results(self, results: Sequence[Result]) -> None:
        self._intake.accept_results(results)

    def write_points(self, points: Sequence[Point]) -> None:
        self._intake.accept_points(points)

    def trouble(self) -> str:
        return self._trouble.words()

    # --- beyond the seam ------------------------------------------------------------------------------

    def write_encoded(self, encoded: Encoded) -> None:
        """Lines that are line protocol already (dead letters that were repaired)."""
        self._intake.accept_encoded(encoded)

    @property
    def failing(self) -> str:
        """Why the last post failed, however short ago; empty when it did not."""
        return self._trouble.last_words()

    async def flush(self) -> None:
        """Until everything written so far is on disk (or was counted as lost)."""
        await self._intake.flush()

    async def drained(self) -> None:
        """Until the server has taken everything, the backlog too."""
        await self.flush()
        while self._poster.busy or self._batches.spool.points:
            await self._poster.progress()

    def in_memory_only(self) -> int:
        """Points that would be lost if the process ended now."""
        current = self._poster.current
        alone = current.points if current is not None and current.ref is None else 0
        return self._batches.in_memory_only() + alone

    def stats(self) -> SinkStats:
        spool = self._batches.spool
        return replace(
            self._stats,
            bad_values=self._encoder.bad_values,
            dropped=self._stats.dropped + spool.counts.dropped,
            damaged_bytes=spool.counts.damaged_bytes,
            queue_points=self._stats.queue_points + self._intake.open_points,
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

    async def _housekeeping(self) -> None:
        loop = asyncio.get_running_loop()
        books_due = loop.time() + BOOKS_S
        while True:
            await asyncio.sleep(self._settings.spool.sync_interval)
            if loop.time() >= books_due:
                books_due += BOOKS_S
                self.write_points([self.stats().point(self._clock.now().wall)])
            await self._batches.keep_house(self._clock.now().wall)
