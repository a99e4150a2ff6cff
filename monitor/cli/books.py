"""What the commands over the ledger share: opening it, spans of time, choosing devices."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from monitor.books.period import Period, parse_moment
from monitor.books.settings import Terms
from monitor.config import ConfigError, DaemonSettings, contract_terms
from monitor.model import DeviceId
from monitor.select import Selector
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


def terms_of(path: Path) -> Terms:
    """What the contract asks for, or a clean exit."""
    try:
        return contract_terms(path)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None


def span_of(since: str, until: str, zone: ZoneInfo) -> Period:
    """What ``--from`` and ``--to`` say, or a clean exit."""
    period = Period(moment("--from", since, zone), moment("--to", until, zone), zone)
    if period.until <= period.since:
        raise click.BadParameter("it must be later than --from", param_hint="--to")
    return period


def moment(option: str, text: str, zone: ZoneInfo) -> int:
    """Seconds since 1970, or a clean exit."""
    try:
        return parse_moment(text, zone)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from None


_LABELS = ("device", "name", "kind", "address", "site", "area", "key_site", "vendor", "model", "feeder")


def devices_with(db: sqlite3.Connection, labels: Mapping[str, str]) -> frozenset[DeviceId]:
    """The devices that ever were so by the ledger, or a clean exit: a typo would give an empty report."""
    try:
        selector = Selector(labels)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    for label in labels:
        if label not in _LABELS:
            raise click.ClickException(f'devices have no label "{label}"; they have {", ".join(_LABELS)}')
    rows = db.execute(
        "SELECT DISTINCT device, name, kind, address, site, area, iif(key_site, 'true', 'false'), vendor,"
        " model, feeder FROM membership"
    )
    found = frozenset(
        DeviceId(row[0]) for row in rows if selector.matches(dict(zip(_LABELS, row, strict=True)))
    )
    if not found:
        text = ", ".join(f"{label}={value}" for label, value in labels.items())
        raise click.ClickException(f"no device with {text} has ever been in the inventory")
    return found


def _migrate(path: Path) -> None:
    """The ledger of an older Camwatch whose successor has not run yet."""
    with closing(connect(path)) as db:
        migrate(db)


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise click.ClickException(f"{path}: {error}") from None
