"""The ledger → the records of one period. The only file of the books that touches SQLite for rates.

All of it is read in one transaction, so that the daemon's writing meanwhile cannot make two figures of one
report disagree.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from monitor.books.exclusion import Cause, Exclusion, Reach
from monitor.books.period import Period
from monitor.books.records import History, Span, StateRow, Stretch, clip, union
from monitor.model import DeviceId, Kind, State
from monitor.storage.ledger import connect


@dataclass(frozen=True, slots=True)
class Records:
    """Everything that the rates of a period follow from."""

    period: Period
    histories: tuple[History, ...]
    """Of each device that was in service at some time of the period."""
    watched: tuple[Span, ...]
    """When the daemon was running: all else is not measured."""
    exclusions: tuple[Exclusion, ...]
    """Those that touch the period, also those that do not count (yet)."""


@contextmanager
def snapshot(db: sqlite3.Connection) -> Iterator[None]:
    """Everything read inside is of one moment."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


def read_records(db: sqlite3.Connection, period: Period) -> Records:
    """O(rows of the period + devices): what lies before is skipped by the index."""
    bounds = Span(period.since, period.until)
    states = _states(db, bounds)
    stretches = _stretches(db, bounds)
    return Records(
        period,
        tuple(History(tuple(found), tuple(states.get(device, ()))) for device, found in stretches.items()),
        tuple(_watched(db, bounds)),
        tuple(
            e
            for e in read_exclusions(db)
            if max(e.span.since, period.since) < min(e.span.until, period.until)
        ),
    )


def exclusions_of(ledger: Path) -> list[Exclusion]:
    """For the running daemon, which asks every little while. Blocking: call it in a thread. A ledger that
    cannot be read now raises ``sqlite3.Error``."""
    with closing(connect(ledger, read_only=True)) as db:
        return read_exclusions(db)


def read_exclusions(db: sqlite3.Connection) -> list[Exclusion]:
    """All that have not been removed, by their begin."""
    rows = db.execute(
        "SELECT id, reach, name, since, until, cause, author, note, confirmed_by FROM exclusion"
        " WHERE removed = 0 ORDER BY since, id"
    )
    return [
        Exclusion(
            id_, Reach(reach), name, Span(since // 1000, until // 1000), Cause(cause), author, note, confirmed
        )
        for id_, reach, name, since, until, cause, author, note, confirmed in rows
    ]


def _watched(db: sqlite3.Connection, bounds: Span) -> list[Span]:
    rows = db.execute("SELECT started, alive FROM run")
    return union([clip(Span(started // 1000, alive // 1000), bounds) for started, alive in rows])


_STRETCHES = (
    "SELECT device, since, until, name, kind, address, site, area, key_site, vendor, model, feeder, checks"
    " FROM membership ORDER BY device, rowid"
)


def _stretches(db: sqlite3.Connection, bounds: Span) -> dict[DeviceId, list[Stretch]]:
    """A stretch that was written later begins no earlier than the end of those before it: a second that the
    calendar saw twice (the clock was set back) is booked once, as first seen."""
    found: dict[DeviceId, list[Stretch]] = {}
    taken: dict[DeviceId, int] = {}
    kinds = {kind.value: kind for kind in Kind}
    for row in db.execute(_STRETCHES):
        device, since, until, name, kind, address, site, area, key_site, vendor, model, feeder, checks = row
        end = bounds.until if until is None else until // 1000
        span = clip(Span(max(since // 1000, taken.get(device, 0)), end), bounds)
        taken[device] = max(taken.get(device, 0), end)
        if span.since < span.until:
            found.setdefault(device, []).append(
                Stretch(
                    device,
                    span,
                    name,
                    kinds[kind],
                    address,
                    site,
                    area,
                    bool(key_site),
                    vendor,
                    model,
                    feeder,
                    checks,
                )
            )
    return found


_BEFORE = (
    "SELECT s.device, s.at, s.state, s.reason, s.parent FROM (SELECT DISTINCT device FROM membership"
    " WHERE since < :until AND (until IS NULL OR until >= :since)) m JOIN state_change s"
    " ON s.rowid = (SELECT rowid FROM state_change WHERE device = m.device AND at < :since"
    " ORDER BY at DESC, rowid DESC LIMIT 1)"
)

_WITHIN = (
    "SELECT s.device, s.at, s.state, s.reason, s.parent FROM (SELECT DISTINCT device FROM membership"
    " WHERE since < :until AND (until IS NULL OR until >= :since)) m JOIN state_change s"
    " ON s.device = m.device AND s.at >= :since AND s.at < :until ORDER BY s.device, s.at, s.rowid"
)


def _states(db: sqlite3.Connection, bounds: Span) -> dict[DeviceId, list[StateRow]]:
    """The state that each device came into the period with, and its changes within."""
    parameters = {"since": bounds.since * 1000, "until": bounds.until * 1000}
    known = {state.value: state for state in State}
    found = {
        DeviceId(device): [StateRow(at // 1000, known[state], reason, parent)]
        for device, at, state, reason, parent in db.execute(_BEFORE, parameters)
    }
    for device, rows in groupby(db.execute(_WITHIN, parameters), key=itemgetter(0)):
        found.setdefault(DeviceId(device), []).extend(
            [StateRow(at // 1000, known[state], reason, parent) for _, at, state, reason, parent in rows]
        )
    return found
