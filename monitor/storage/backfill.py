"""Sending again what lies on disk: the spool, and dead letters that somebody has repaired."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from monitor.storage.deadletter import NAME
from monitor.storage.encoder import Encoded
from monitor.storage.influx import InfluxSink
from monitor.storage.line import split_lines
from monitor.storage.stats import SinkStats

RETRY = "dead.retry"
BATCH = 1000
PATIENCE_S = 30.0
"""A server that takes nothing for this long is given up; nothing is lost by it."""


class BackfillError(Exception):
    """Why it cannot go on, in words for a person."""


async def backfill(
    sink: InfluxSink, spool: Path, *, dead_letters: bool, tell: Callable[[SinkStats], None]
) -> SinkStats:
    """Post all that waits. ``sink`` is started, and the only one on this spool. Raises ``BackfillError``."""
    retry = _take_dead_letters(spool) if dead_letters else None
    if retry is not None:
        lines = split_lines(await asyncio.to_thread(retry.read_bytes))
        for start in range(0, len(lines), BATCH):
            part = lines[start : start + BATCH]
            sink.write_encoded(Encoded(b"".join(part), len(part)))
        await sink.flush()
    await _drained(sink, tell)
    if retry is not None:
        retry.unlink()
    return sink.stats()


def _take_dead_letters(spool: Path) -> Path | None:
    """Put the letters aside, so that what is refused again starts a new file. A crash loses none."""
    dead, retry = spool / NAME, spool / RETRY
    if dead.exists():
        with retry.open("ab") as file:
            file.write(dead.read_bytes())
        dead.unlink()
    return retry if retry.exists() else None


async def _drained(sink: InfluxSink, tell: Callable[[SinkStats], None]) -> None:
    loop = asyncio.get_running_loop()
    drained = asyncio.ensure_future(sink.drained())
    written, since = -1, loop.time()
    try:
        while not drained.done():
            await asyncio.wait([drained], timeout=1.0)
            stats = sink.stats()
            tell(stats)
            if stats.written + stats.dead + stats.expired != written:
                written, since = stats.written + stats.dead + stats.expired, loop.time()
            elif sink.failing and loop.time() - since > PATIENCE_S:
                raise BackfillError(sink.failing)
    finally:
        drained.cancel()
