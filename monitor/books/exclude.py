"""Entering exclusions: checked, written and audited in one transaction.

The daemon writes the same file; ``BEGIN IMMEDIATE`` and the connection's busy time-out let both wait for
each other. Nothing is ever deleted: a removed exclusion keeps its row and its history.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from difflib import get_close_matches

from monitor.books.exclusion import Cause, Exclusion, Reach
from monitor.books.records import Span

_YEAR_S = 366 * 86_400
_LONGEST_TEXT = 500


class ExclusionRefused(Exception):
    """What is wrong with it, and what would be right."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An exclusion as somebody wants it. Times in seconds since 1970."""

    reach: Reach
    name: str
    span: Span
    cause: Cause
    note: str = ""
    confirmed_by: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """One change: who, when, from what to what. ``before`` and ``after`` are JSON, empty for none."""

    exclusion: int
    at: int
    author: str
    action: str
    before: str
    after: str


def add(db: sqlite3.Connection, draft: Draft, author: str, now: int) -> int:
    """The number of the new exclusion. ``ExclusionRefused`` when it makes no sense."""
    with transaction(db):
        _check(db, draft, author, now)
        cursor = db.execute(
            "INSERT INTO exclusion (reach, name, since, until, cause, author, note, confirmed_by)"
            " VALUES (?,?,?,?,?,?,?,?)",
            (*_place(draft), author, draft.note, draft.confirmed_by),
        )
        id_ = int(cursor.lastrowid or 0)
        _audit(db, id_, now, author, "added", "", _json(draft))
        return id_


def edit(db: sqlite3.Connection, id_: int, draft: Draft, author: str, now: int) -> None:
    """Put ``draft`` in its place; whoever entered it first stays its author, the change is audited."""
    with transaction(db):
        before = _draft(find(db, id_))
        if draft == before:
            raise ExclusionRefused(f"exclusion {id_} is already as you want it: nothing changed")
        _check(db, draft, author, now)
        db.execute(
            "UPDATE exclusion SET reach=?, name=?, since=?, until=?, cause=?, note=?, confirmed_by=?"
            " WHERE id=?",
            (*_place(draft), draft.note, draft.confirmed_by, id_),
        )
        _audit(db, id_, now, author, "edited", _json(before), _json(draft))


def remove(db: sqlite3.Connection, id_: int, author: str, now: int) -> None:
    with transaction(db):
        before = _draft(find(db, id_))
        _check_text("--by", author, needed=True)
        db.execute("UPDATE exclusion SET removed=1 WHERE id=?", (id_,))
        _audit(db, id_, now, author, "removed", _json(before), "")


def find(db: sqlite3.Connection, id_: int) -> Exclusion:
    row = db.execute(
        "SELECT reach, name, since, until, cause, author, note, confirmed_by, removed FROM exclusion"
        " WHERE id=?",
        (id_,),
    ).fetchone()
    if row is None:
        raise ExclusionRefused(f"there is no exclusion {id_}; `camwatch exclude list` names them")
    reach, name, since, until, cause, author, note, confirmed, removed = row
    if removed:
        raise ExclusionRefused(f"exclusion {id_} has been removed; add a new one")
    span = Span(since // 1000, until // 1000)
    return Exclusion(id_, Reach(reach), name, span, Cause(cause), author, note, confirmed)


def history(db: sqlite3.Connection, id_: int | None = None) -> list[Audit]:
    """The changes of one exclusion, or of all, in the order they were made."""
    rows = db.execute(
        "SELECT exclusion, at, author, action, before, after FROM exclusion_audit"
        " WHERE ?1 IS NULL OR exclusion = ?1 ORDER BY rowid",
        (id_,),
    )
    return [Audit(ex, at // 1000, author, action, b, a) for ex, at, author, action, b, a in rows]


# -------------------------------------------------------------------- what makes sense


def _check(db: sqlite3.Connection, draft: Draft, author: str, now: int) -> None:
    _check_text("--by", author, needed=True)
    _check_text("--note", draft.note, needed=False)
    _check_text("--confirmed-by", draft.confirmed_by, needed=False)
    since, until = draft.span
    if until <= since:
        raise ExclusionRefused("it ends before it begins: --to must be later than --from")
    if until - since > _YEAR_S:
        raise ExclusionRefused("it is longer than a year: check the years of --from and --to")
    if until > now and not draft.cause.foreseeable:
        known = ", ".join(cause.value for cause in Cause if cause.foreseeable)
        raise ExclusionRefused(
            f"{draft.cause.value} cannot be known in advance, and --to is in the future: enter it once it is"
            f" over; only {known} can be announced"
        )
    if until > now + _YEAR_S:
        raise ExclusionRefused("it ends more than a year ahead: check the year of --to")
    _check_name(db, draft)


def _check_text(option: str, text: str, *, needed: bool) -> None:
    if needed and not text.strip():
        raise ExclusionRefused(f"{option} is empty: somebody must answer for it")
    if len(text) > _LONGEST_TEXT or any(not c.isprintable() for c in text):
        raise ExclusionRefused(f"{option}: one line of at most {_LONGEST_TEXT} characters")


_NAMES = {
    Reach.AREA: "SELECT DISTINCT area FROM membership",
    Reach.SITE: "SELECT DISTINCT site FROM membership",
    Reach.FEEDER: "SELECT DISTINCT feeder FROM membership",
    Reach.DEVICE: "SELECT DISTINCT device FROM membership",
}


def _check_name(db: sqlite3.Connection, draft: Draft) -> None:
    """The name must be one that the books know, now or in the past: a typo would exclude nothing."""
    if draft.reach is Reach.ALL:
        return
    names = [name for (name,) in db.execute(_NAMES[draft.reach])]
    if not draft.name or draft.name not in names:
        close = get_close_matches(draft.name, names, n=3, cutoff=0.5)
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise ExclusionRefused(f'no {draft.reach.value} "{draft.name}" has ever been in the inventory{hint}')


# -------------------------------------------------------------------- books


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Waits for the daemon that is writing, and is undone whole."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _place(draft: Draft) -> tuple[str, str, int, int, str]:
    name = "" if draft.reach is Reach.ALL else draft.name
    return draft.reach.value, name, draft.span.since * 1000, draft.span.until * 1000, draft.cause.value


def _draft(exclusion: Exclusion) -> Draft:
    return Draft(
        exclusion.reach,
        exclusion.name,
        exclusion.span,
        exclusion.cause,
        exclusion.note,
        exclusion.confirmed_by,
    )


def _json(draft: Draft) -> str:
    return json.dumps(asdict(draft), ensure_ascii=False)


def _audit(
    db: sqlite3.Connection, id_: int, now: int, author: str, action: str, before: str, after: str
) -> None:
    db.execute(
        "INSERT INTO exclusion_audit (exclusion, at, author, action, before, after) VALUES (?,?,?,?,?,?)",
        (id_, now * 1000, author, action, before, after),
    )
