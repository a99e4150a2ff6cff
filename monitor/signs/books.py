"""Calls in the ledger: written as they change, read at start and by reports."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from monitor.model import DeviceId, WallMs
from monitor.signs.calls import Call, Calls, Outcome, Record
from monitor.signs.kinds import Sign
from monitor.signs.score import Finding
from monitor.storage.ledger.records import SqlValue


@dataclass(frozen=True, slots=True)
class CallSaved:
    call: Call

    sql = (
        "INSERT INTO failure_call (device, at, score, signs, outcome, judged) VALUES (?,?,?,?,?,?)"
        " ON CONFLICT (device, at) DO UPDATE SET score=excluded.score, signs=excluded.signs,"
        " outcome=excluded.outcome, judged=excluded.judged"
    )

    def values(self) -> tuple[SqlValue, ...]:
        call = self.call
        signs = [[f.sign.value, f.recent, f.before, f.share, list(map(list, f.tags))] for f in call.findings]
        text = json.dumps(signs, ensure_ascii=False)
        return call.device, call.at, call.score, text, call.outcome.value, call.judged


@dataclass(frozen=True, slots=True)
class Foretold:
    """What stood foretold at a moment, and the record up to then."""

    calls: tuple[Call, ...]
    """The likeliest to fail first."""
    record: Record


def read_calls(db: sqlite3.Connection) -> Calls:
    """What the last run left; nothing, where a full disk keeps the ledger from being brought up to date."""
    try:
        rows = db.execute(_OPEN).fetchall()
    except sqlite3.OperationalError:
        return Calls()
    record = Record(**dict(db.execute(_COUNTS, {"until": 1 << 62}).fetchall()))
    return Calls(map(_call, rows), record)


def read_foretold(db: sqlite3.Connection, until_ms: int) -> Foretold:
    rows = db.execute(
        "SELECT device, at, score, signs, outcome, judged FROM failure_call"
        " WHERE at < :until AND outcome != 'missed'"
        " AND (judged IS NULL OR judged >= :until) ORDER BY score DESC, device",
        {"until": until_ms},
    )
    calls = tuple(map(_call, rows))
    return Foretold(calls, Record(**dict(db.execute(_COUNTS, {"until": until_ms}).fetchall())))


_OPEN = "SELECT device, at, score, signs, outcome, judged FROM failure_call WHERE outcome = ''"
_COUNTS = (
    "SELECT outcome, count(*) FROM failure_call WHERE outcome != '' AND judged < :until GROUP BY outcome"
)


def _call(row: tuple[Any, ...]) -> Call:
    device, at, score, signs, outcome, judged = row
    found = tuple(
        Finding(Sign(sign), recent, before, share, tuple((name, value) for name, value in tags))
        for sign, recent, before, share, tags in json.loads(signs)
        if sign in set(Sign)
    )
    return Call(
        DeviceId(device),
        WallMs(at),
        score,
        found,
        Outcome(outcome),
        None if judged is None else WallMs(judged),
    )
