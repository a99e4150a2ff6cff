"""The way out: one batch after the other to the server, halved where it refuses lines."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import replace

from monitor.clock import Clock
from monitor.storage.batches import Batch, Batches, gzipped
from monitor.storage.bisection import Bisection
from monitor.storage.encoder import Encoder
from monitor.storage.influx_api import Answer, Client, Verdict
from monitor.storage.line import split_lines
from monitor.storage.stats import SinkStats
from monitor.storage.tables import SCHEMA
from monitor.storage.trouble import Trouble

DISK_PAUSE_S = 1.0


class Poster:
    def __init__(self, batches: Batches, clock: Clock, stats: SinkStats, trouble: Trouble) -> None:
        self._batches = batches
        self._clock = clock
        self._stats = stats
        self._trouble = trouble
        self._progress = asyncio.Event()
        self.current: Batch | None = None
        """What is being posted."""

    @property
    def busy(self) -> bool:
        """Live data is on its way."""
        return bool(self.current or self._batches)

    async def progress(self) -> None:
        """Until the poster has got on by a batch, or found nothing to do."""
        await self._progress.wait()

    async def run(self, client: Client) -> None:
        while True:
            self._batches.wanted.clear()
            pause = 0.0
            try:
                batch = self.current = await self._batches.next()
                if batch is None:
                    self._step()
                    await self._batches.wanted.wait()
                    continue
                pause = await self._try(client, batch)
            except OSError as error:  # the spool cannot be read or a segment not be deleted
                self._trouble.disk(str(error))
                pause = DISK_PAUSE_S
            self.current = None
            self._step()
            await asyncio.sleep(pause)

    def _step(self) -> None:
        self._progress.set()
        self._progress.clear()

    async def _try(self, client: Client, batch: Batch) -> float:
        """Post one batch; seconds to wait before the next."""
        answer = await self._deliver(client, batch)
        if answer.verdict is not Verdict.TAKEN:
            self._stats.post_failures += 1
            self._trouble.server(answer)
            self._batches.back(batch)
            return self._trouble.pause_s()
        self._trouble.server(None)
        if batch.live:
            self._stats.lag_s = max(0.0, (self._clock.now().wall - batch.newest) / 1000)
        await self._batches.settled(batch)
        return 0.0

    async def _deliver(self, client: Client, batch: Batch) -> Answer:
        """Post a batch whole, or in halves until its bad lines stand alone."""
        if batch.bisection is None:
            answer = await self._write(client, batch.body)
            if answer.verdict is not Verdict.REFUSED:
                if answer.verdict is Verdict.TAKEN:
                    self._stats.expired += answer.expired
                    self._stats.written += batch.points - answer.expired
                return answer
            lines = await self._batches.on_disk(_lines, batch.body)
            batch.bisection = Bisection(lines, answer.status, answer.words)
        work = batch.bisection
        while (chunk := work.chunk()) is not None:
            answer = await self._write(client, await self._batches.on_disk(gzipped, chunk))
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
            proof = Encoder(SCHEMA).points([self._stats.point(self._clock.now().wall)])
            answer = await self._write(client, gzipped([proof.body]))
            if answer.verdict is Verdict.REFUSED:
                return replace(answer, verdict=Verdict.DENIED)
            if answer.verdict is not Verdict.TAKEN:
                return answer
        self._stats.expired += work.expired
        self._stats.written += work.taken - work.expired
        kept = await self._batches.bury(work.dead, self._clock.now().wall)
        self._stats.dead += kept
        self._trouble.dead(work.dead[0].words if work.dead else "")
        if len(work.dead) > kept:
            self._batches.lost(len(work.dead) - kept)
        return Answer(Verdict.TAKEN)

    async def _write(self, client: Client, body: bytes) -> Answer:
        self._stats.posts += 1
        return await client.write(body)


def _lines(body: bytes) -> list[bytes]:
    return split_lines(zlib.decompress(body, 31))
