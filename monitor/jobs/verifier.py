"""Books the proof of checks: incidents whose repair has held."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import structlog

from monitor.books.verify import BY_CHECK, proven
from monitor.core import Core
from monitor.model import IncidentId
from monitor.storage.ledger import connect
from monitor.storage.ledger.records import IncidentEvent

log = structlog.get_logger(room="verifier")

_EVERY_S = 60.0


class Verifier:
    """One task of the daemon. What it goes by stands in the ledger, so a restart loses nothing."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def run(self) -> None:
        while True:
            await self.verify()
            await asyncio.sleep(_EVERY_S)

    async def verify(self) -> None:
        core, hold = self._core, int(self._core.config.contract.proof)
        now = core.clock.now().wall
        if not hold:
            return
        try:
            found = await asyncio.to_thread(_ask, core.ledger.path, hold, now // 1000)
        except sqlite3.Error as error:
            log.warning("the ledger could not be asked for proofs", error=str(error))
            return
        text = f"held for {hold // 60} min" if hold % 60 == 0 else f"held for {hold} s"
        core.ledger.write([IncidentEvent(id_, now, "verified", BY_CHECK, text) for id_ in found])


def _ask(path: Path, hold: int, now: int) -> list[IncidentId]:
    with closing(connect(path, read_only=True)) as db:
        return proven(db, hold, now)
