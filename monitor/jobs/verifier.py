"""Books the proof of checks: incidents whose repair has held."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from monitor.books.verify import BY_CHECK, proven
from monitor.model import IncidentId
from monitor.storage.ledger import connect
from monitor.storage.ledger.records import IncidentEvent

if TYPE_CHECKING:
    from monitor.daemon import Daemon

log = structlog.get_logger(room="verifier")

_EVERY_S = 60.0


class Verifier:
    """One task of the daemon. What it goes by stands in the ledger, so a restart loses nothing."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    async def run(self) -> None:
        while True:
            await self.verify()
            await asyncio.sleep(_EVERY_S)

    async def verify(self) -> None:
        daemon, hold = self._daemon, int(self._daemon.config.contract.proof)
        now = daemon.clock.now().wall
        if not hold:
            return
        try:
            found = await asyncio.to_thread(_ask, daemon.ledger.path, hold, now // 1000)
        except sqlite3.Error as error:
            log.warning("the ledger could not be asked for proofs", error=str(error))
            return
        text = f"held for {hold // 60} min" if hold % 60 == 0 else f"held for {hold} s"
        daemon.ledger.write([IncidentEvent(id_, now, "verified", BY_CHECK, text) for id_ in found])


def _ask(path: Path, hold: int, now: int) -> list[IncidentId]:
    with closing(connect(path, read_only=True)) as db:
        return proven(db, hold, now)
