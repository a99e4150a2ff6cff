"""The ledger's exclusions that stop the contract's clocks, read every little while."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from monitor.alerts.pauses import Pause
from monitor.books.exclusion import Cause
from monitor.books.read import read_exclusions
from monitor.model import WallMs
from monitor.storage.ledger.writer import connect

POLL_S = 10.0
_STOPPING = (Cause.WEATHER, Cause.POWER_CUT)


def read_pauses(ledger: Path) -> list[Pause]:
    """Blocking: call it in a thread. A ledger that cannot be read now raises ``sqlite3.Error``."""
    with closing(connect(ledger, read_only=True)) as db:
        return [
            Pause(
                WallMs(e.span.since * 1000),
                WallMs(e.span.until * 1000),
                e.reach.value,
                e.name,
                e.cause.value,
            )
            for e in read_exclusions(db)
            if e.counts and e.cause in _STOPPING
        ]
