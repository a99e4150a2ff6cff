"""Exclusions come by the command line and the reports: the ledger is asked for them every little while."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

import structlog

from monitor.books.read import exclusions_of

if TYPE_CHECKING:
    from monitor.daemon import Daemon

log = structlog.get_logger(room="exclusions")

_EVERY_S = 10.0


class ExclusionWatch:
    """One task of the daemon."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    async def run(self) -> None:
        daemon = self._daemon
        while True:
            try:
                found = await asyncio.to_thread(exclusions_of, daemon.ledger.path)
            except sqlite3.Error as error:
                log.warning("exclusions could not be read", error=str(error))
            else:
                daemon.pipeline.on_exclusions(found, daemon.clock.now())
            await asyncio.sleep(_EVERY_S)
