"""Series of readings that alerted too often to page: for the report of the week."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from monitor.books.period import Period


@dataclass(frozen=True, slots=True)
class NoisySeries:
    rule: str
    metric: str
    device: str
    name: str
    area: str
    part: str
    times: int
    untold: int
    last: int
    """Seconds since 1970."""
    value: float
    """Of the last alert, and what was usual then."""
    low: float
    high: float


_NOISY = (
    "SELECT a.rule, a.metric, a.device, coalesce(m.name, a.device), coalesce(m.area, ''), a.part,"
    " count(*), sum(a.told = 0), max(a.at), a.value, a.low, a.high"
    " FROM series_alert a LEFT JOIN membership m ON m.rowid ="
    "  (SELECT max(rowid) FROM membership WHERE device = a.device)"
    " WHERE a.at >= :since AND a.at < :until"
    " GROUP BY a.rule, a.device, a.part HAVING sum(a.told = 0) > 0"
    " ORDER BY count(*) DESC, a.rule, a.device, a.part LIMIT 500"
)


def read_noisy(db: sqlite3.Connection, period: Period) -> list[NoisySeries]:
    """The noisiest first. SQLite gives a row's other columns from where its ``max`` is."""
    bounds = {"since": period.since * 1000, "until": period.until * 1000}
    return [
        NoisySeries(rule, metric, device, name, area, part, times, untold, last // 1000, value, low, high)
        for rule, metric, device, name, area, part, times, untold, last, value, low, high in db.execute(
            _NOISY, bounds
        )
    ]
