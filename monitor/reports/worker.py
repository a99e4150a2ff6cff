"""Reports in a process of their own: a month of a large fleet takes a minute of computing, which the daemon's
loop does not have.

``python -m monitor.reports.worker`` reads one ``Job`` as JSON and prints the files that it made, as a JSON
list; an empty one when the ledger holds nothing of that time. Exit status 1 and a line of words when it
failed.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import RootModel

from monitor.books.period import Length, Period
from monitor.books.service import Deadlines
from monitor.books.settings import ContractSettings, Terms
from monitor.model import DeviceId
from monitor.reports.kinds import Format, ReportKind
from monitor.storage.ledger import connect
from monitor.words import Language, words


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be made, with all that it depends on: the worker reads no configuration."""

    ledger: Path
    zone: str
    language: Language
    now: int
    since: int
    until: int
    length: Length | None
    kinds: tuple[ReportKind, ...]
    formats: tuple[Format, ...]
    folder: Path
    contract: ContractSettings
    levels: Mapping[str, Deadlines]
    stamp: str = ""
    devices: frozenset[DeviceId] | None = None

    def to_json(self) -> bytes:
        return RootModel[Job](self).model_dump_json().encode()

    @staticmethod
    def from_json(text: bytes) -> Job:
        return RootModel[Job].model_validate_json(text).root


def arguments() -> list[str]:
    """The command line of this worker."""
    return [sys.executable, "-m", "monitor.reports.worker"]


def run(job: Job) -> list[Path]:
    """The files that were made; none when nothing is booked of that time."""
    from monitor.reports.build import Order, make  # heavy: only in the worker
    from monitor.reports.figures import NothingBooked

    period = Period(job.since, job.until, ZoneInfo(job.zone))
    order = Order(
        job.length, period, job.kinds, job.formats, job.folder, stamp=job.stamp, devices=job.devices
    )
    terms = Terms(job.contract, job.levels)
    with closing(connect(job.ledger, read_only=True)) as db:
        try:
            return list(make(db, order, terms, words(job.language), job.now))
        except NothingBooked:
            return []


def main() -> None:
    from monitor.reports.fonts import NoFont

    os.nice(10)
    try:
        files = run(Job.from_json(sys.stdin.buffer.read()))
    except (NoFont, OSError, sqlite3.Error) as error:
        raise SystemExit(str(error)) from None
    sys.stdout.write(json.dumps([str(file) for file in files]))


if __name__ == "__main__":
    main()
