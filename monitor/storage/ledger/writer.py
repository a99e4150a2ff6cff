"""The ledger: one SQLite file, one writer thread, group commit.

``write`` hands over the records of one pipeline step and returns at once; everything that has gathered is
committed in one transaction (WAL, ``synchronous=FULL``), and only then is ``then`` called in the event loop.
When the disk is full or failing nothing is dropped: records wait in memory in their order, up to a bound
that is counted, the trouble is told by ``trouble()``, and writing goes on when the disk takes it again. That
holds from the first moment: a ledger that cannot even be opened for writing is read as it is.
"""

from __future__ import annotations

import asyncio
import errno
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from monitor.storage.ledger.records import Record
from monitor.storage.ledger.schema import migrate

log = structlog.get_logger(room="ledger")

_MAX_WAITING = 1_000_000
_RETRY_S = 2.0
_PATIENCE_S = 1.0
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_OUR_FAULT = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    ValueError,  # text that is no Unicode
    OverflowError,
)
"""A record that cannot be written whatever the disk does: a bug, which must not hold up its neighbours."""


@dataclass(frozen=True, slots=True)
class _Step:
    records: Sequence[Record]
    then: Callable[[], None] | None


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection with the ledger's settings. ``isolation_level=None``: transactions are ours."""
    target = f"{path.resolve().as_uri()}?mode=ro" if read_only else str(path)
    db = sqlite3.connect(target, uri=read_only, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA busy_timeout=5000")
        if not read_only:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA wal_autocheckpoint=2000")
    except BaseException:
        db.close()  # else its lock stays
        raise
    return db


def open_ledger(path: Path) -> sqlite3.Connection:
    """Ready to be written, with the tables of this version; made if it is not there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    db = connect(path)
    try:
        migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def read_as_it_is(path: Path) -> sqlite3.Connection:
    """The ledger on a full disk, to read. Locked exclusively SQLite needs no room for shared memory; an empty
    one is stood in for by one in memory."""
    db = sqlite3.connect(path if path.exists() else ":memory:", isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA locking_mode=EXCLUSIVE")
    if db.execute("PRAGMA user_version").fetchone() == (0,):
        db.close()
        db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        migrate(db)
    return db


def commit(db: sqlite3.Connection, records: Sequence[Record]) -> None:
    """Write the records, in their order, in one transaction."""
    db.execute("BEGIN IMMEDIATE")
    try:
        start = 0
        while start < len(records):
            sql, end = records[start].sql, start + 1
            while end < len(records) and records[end].sql is sql:
                end += 1
            db.executemany(sql, [record.values() for record in records[start:end]])
            start = end
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def commit_what_is_sound(db: sqlite3.Connection, records: Sequence[Record]) -> int:
    """As ``commit``, but without the records that are refused for what they hold; how many those were."""
    refused = 0
    db.execute("BEGIN IMMEDIATE")
    try:
        for record in records:
            db.execute("SAVEPOINT one")
            try:
                db.execute(record.sql, record.values())
            except _OUR_FAULT:
                db.execute("ROLLBACK TO one")
                refused += 1
                log.exception("record refused", record=type(record).__name__)
            db.execute("RELEASE one")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return refused


class Ledger:
    """The writing side. Readers open their own connections (``connect(path, read_only=True)``)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._trouble = ""
        self._reopen = False
        """The ledger was opened on a full disk: to be opened anew once there is room."""
        try:
            self.db = open_ledger(path)
        except (sqlite3.OperationalError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in _NO_SPACE:
                raise
            self._told(error)
            self.db = read_as_it_is(path)
            self._reopen = True
        self._waiting: deque[_Step] = deque()
        self._size = 0
        self._wake = threading.Condition()
        self._stopping = False
        self.dropped = 0
        self.written = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin writing; callbacks run in the loop that is running now."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def write(self, records: Sequence[Record], then: Callable[[], None] | None = None) -> None:
        """Queue the records of one step, to be committed together. Never blocks, never raises."""
        if not records and then is None:
            return
        with self._wake:
            if self._size + len(records) > _MAX_WAITING:
                self.dropped += len(records)
                return
            self._waiting.append(_Step(records, then))
            self._size += len(records)
            self._wake.notify()

    def trouble(self) -> str:
        """Why the ledger cannot be written now; empty when all is well."""
        return self._trouble

    @property
    def waiting(self) -> int:
        """Records accepted and not yet committed."""
        return self._size

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    async def stop(self, patience_s: float = 4.0) -> None:
        """Commit what is left and close. Gives up after ``patience_s`` when the disk does not take it."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._thread.join, patience_s)
            if self._thread.is_alive():
                log.error("ledger not flushed", records=self._size, trouble=self._trouble)
                return
        self.db.close()

    # ---------------------------------------------------------------- the thread

    def _run(self) -> None:
        tries_left = 1
        while True:
            with self._wake:
                while not self._waiting and not self._stopping:
                    self._wake.wait()
                if not self._waiting or (self._stopping and tries_left < 0):
                    return
                steps = list(self._waiting)
            if self._commit(steps):
                with self._wake:
                    for step in steps:
                        self._waiting.popleft()
                        self._size -= len(step.records)
                self._call_back(steps)
            else:
                with self._wake:
                    tries_left -= self._stopping
                    self._wake.wait_for(lambda: self._stopping, _PATIENCE_S if self._stopping else _RETRY_S)

    def _commit(self, steps: list[_Step]) -> bool:
        records = [record for step in steps for record in step.records]
        refused = 0
        try:
            if self._reopen:
                self.db.close()
                self.db, self._reopen = open_ledger(self.path), False
            try:
                commit(self.db, records)
            except _OUR_FAULT:
                log.exception("a record was refused: each is tried by itself")
                refused = commit_what_is_sound(self.db, records)
        except (sqlite3.Error, OSError) as error:
            self._told(error)
            return False
        self.written += len(records) - refused
        self.dropped += refused
        if self._trouble:
            log.warning("ledger is written again", path=str(self.path))
        self._trouble = ""
        return True

    def _told(self, error: Exception) -> None:
        if not self._trouble:
            log.error("ledger cannot be written", path=str(self.path), error=str(error))
        self._trouble = str(error)

    def _call_back(self, steps: list[_Step]) -> None:
        calls = [step.then for step in steps if step.then is not None]
        if calls and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: [call() for call in calls])
