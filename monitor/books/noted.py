"""What rules spoke of a device within a period, besides its being off line: for the inspection's findings."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from monitor.books.period import Period
from monitor.model import DeviceId


@dataclass(frozen=True, slots=True)
class Noted:
    """One cause at one device."""

    cause: str
    times: int
    open: bool
    """Not over at the end of the period."""
    detail: str
    """Of the last time; may be empty."""


# With max() alone among the aggregates, SQLite takes the bare columns from the row that has the maximum.
_NOTED = (
    "WITH spoken AS ("
    " SELECT device, cause, since, detail, until IS NULL OR until >= :until AS open FROM alert"
    " WHERE device IS NOT NULL AND cause NOT LIKE 'device%' AND rule NOT LIKE 'camwatch.%'"
    " AND since < :until AND (until IS NULL OR until >= :since))"
    " SELECT last.device, last.cause, times, was_open, detail FROM"
    " (SELECT device, cause, count(*) AS times, max(open) AS was_open FROM spoken GROUP BY device, cause)"
    " JOIN (SELECT device, cause, detail, max(since) FROM spoken GROUP BY device, cause) last"
    " USING (device, cause) ORDER BY device, cause"
)


def read_noted(db: sqlite3.Connection, period: Period) -> dict[DeviceId, list[Noted]]:
    """By device; those it says nothing of are not in it."""
    bounds = {"since": period.since * 1000, "until": period.until * 1000}
    found: dict[DeviceId, list[Noted]] = {}
    for device, cause, times, is_open, detail in db.execute(_NOTED, bounds):
        found.setdefault(DeviceId(device), []).append(Noted(cause, times, bool(is_open), detail))
    return found
