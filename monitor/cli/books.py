"""What the commands over the ledger share: opening it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from monitor.config import DaemonSettings
from monitor.storage.ledger import LedgerTooNew, connect
from monitor.storage.ledger.schema import VERSION, migrate


@contextmanager
def ledger(settings: DaemonSettings, *, read_only: bool = False) -> Iterator[sqlite3.Connection]:
    """The daemon's ledger, also while the daemon runs. A clean exit when it cannot be had."""
    path = settings.state_dir / "ledger.db"
    if not _exists(path):
        raise click.ClickException(f"{path}: there is no ledger yet; the daemon makes it when it first runs")
    try:
        with closing(connect(path, read_only=read_only)) as db:
            if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                _migrate(path)
            yield db
    except LedgerTooNew as error:
        raise click.ClickException(str(error)) from None
    except sqlite3.Error as error:
        raise click.ClickException(f"{path}: {error}") from None


def _migrate(path: Path) -> None:
    """The ledger of an older Camwatch whose successor has not run yet."""
    with closing(connect(path)) as db:
        migrate(db)


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise click.ClickException(f"{path}: {error}") from None
