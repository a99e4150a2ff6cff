"""Exclusions come by the command line and the reports: the ledger is asked for them every little while."""

from __future__ import annotations

import asyncio
import sqlite3

import structlog

from monitor.books.read import exclusions_of
from monitor.core import Core

log = structlog.get_logger(room="exclusions")

_EVERY_S = 10.0


class ExclusionWatch:
    """One task of the daemon."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def run(self) -> None:
        core = self._core
        while True:
            try:
                found = await asyncio.to_thread(exclusions_of, core.ledger.path)
            except sqlite3.Error as error:
                log.warning("exclusions could not be read", error=str(error))
            else:
                core.pipeline.on_exclusions(found, core.clock.now())
            await asyncio.sleep(_EVERY_S)
