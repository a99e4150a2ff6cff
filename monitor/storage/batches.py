"""Batches on their way: each stands on disk before it is posted, the newest also in memory.

One thread does all that touches the disk, and the compression: both leave the event loop alone.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from monitor.model import WallMs
from monitor.storage.bisection import Bisection
from monitor.storage.deadletter import DeadLetters, DeadLine
from monitor.storage.settings import SpoolSettings
from monitor.storage.spool import Ref, Spool, SpoolBusy
from monitor.storage.stats import SinkStats
from monitor.storage.trouble import Trouble

LIVE_BATCHES = 16
"""Batches kept in memory for posting; older ones wait on disk."""
MEMORY_BATCHES = 64
"""The same while the disk takes nothing: what does not fit is lost, and counted."""
GZIP_LEVEL = 2

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


class Batches:
    """Live ones in their order, then the oldest of the backlog."""

    def __init__(self, settings: SpoolSettings, stats: SinkStats, trouble: Trouble) -> None:
        self.spool = Spool(settings.path, settings.max_bytes, int(settings.max_age * 1000))
        self.wanted = asyncio.Event()
        """Something new is to be posted."""
        self._dead = DeadLetters(settings.path)
        self._stats = stats
        self._trouble = trouble
        self._thread = ThreadPoolExecutor(1, "sink-disk")
        self._live: deque[Batch] = deque()
        self._open = False

    def __len__(self) -> int:
        """Live batches that wait for the poster."""
        return len(self._live)

    async def open(self) -> None:
        """Take the spool; without it batches live in memory alone, which is trouble, but no more."""
        try:
            await self.on_disk(self.spool.open)
            self._open = True
            self._trouble.disk("")
        except (OSError, SpoolBusy) as error:
            self._trouble.disk(str(error))

    async def close(self) -> None:
        if self._open:
            with suppress(OSError):
                await self.on_disk(self.spool.close)
        self._thread.shutdown()

    async def on_disk(self, call: Callable[..., T], *args: object) -> T:
        """Run in the thread: disk and compression."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)

    async def add(self, chunks: list[bytes], points: int, newest: WallMs) -> None:
        """Compress and write a batch, and have it posted."""
        body, ref = await self.on_disk(self._pack, chunks, points, newest)
        self._live.append(Batch(body, points, newest, ref, live=True))
        while len(self._live) > (LIVE_BATCHES if self._live[0].ref else MEMORY_BATCHES):
            spilled = self._live.popleft()
            if spilled.ref is None:
                self.lost(spilled.points)
        self.wanted.set()

    def _pack(self, chunks: list[bytes], points: int, newest: int) -> tuple[bytes, Ref | None]:
        body = gzipped(chunks)
        if not self._open:
            return body, None
        try:
            ref = self.spool.append(body, points, newest)
        except OSError as error:
            self._trouble.disk(str(error))
            return body, None
        self._trouble.disk("")
        return body, ref

    async def next(self) -> Batch | None:
        """What to post next; None when nothing waits. Raises ``OSError``."""
        if self._live:
            return self._live.popleft()
        if not self._open or not self.spool.points:
            return None
        stored = await self.on_disk(self.spool.oldest)
        if stored is None:
            return None
        if self._live:  # written while we looked, and perhaps what we found
            return self._live.popleft()
        return Batch(stored.body, stored.points, stored.newest, stored.ref, live=False)

    def back(self, batch: Batch) -> None:
        """It was not taken: a live one is the next again, one of the backlog still lies in its place."""
        if batch.live:
            self._live.appendleft(batch)

    async def settled(self, batch: Batch) -> None:
        """The server has taken it, or it is in the dead letters. Raises ``OSError``."""
        if batch.ref is not None:
            await self.on_disk(self.spool.done, batch.ref, batch.points)

    async def bury(self, dead: Sequence[DeadLine], at: WallMs) -> int:
        """Write dead letters; how many were kept."""
        try:
            return await self.on_disk(self._dead.add, dead, at)
        except OSError as error:
            self._trouble.disk(str(error))
            return 0

    async def keep_house(self, now: WallMs) -> None:
        """Sync, and hold the spool's bounds."""
        if not self._open:
            return
        try:
            await self.on_disk(self.spool.sync)
            lost = await self.on_disk(self.spool.enforce, now)
        except OSError as error:
            self._trouble.disk(str(error))
            return
        if lost:  # the spool itself has counted them
            self._trouble.lost(lost)

    def lost(self, points: int) -> None:
        self._stats.dropped += points
        self._trouble.lost(points)

    def in_memory_only(self) -> int:
        """Points of live batches that no disk holds."""
        return sum(batch.points for batch in self._live if batch.ref is None)
