"""The files of reports: built in one go, put in place whole."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from monitor.books.period import Length, Period, before
from monitor.books.settings import Terms
from monitor.model import DeviceId
from monitor.reports.advice import advice
from monitor.reports.document import Document
from monitor.reports.figures import Figures, NothingBooked, read_figures
from monitor.reports.fonts import find_font
from monitor.reports.html import write_html
from monitor.reports.inspection import inspection
from monitor.reports.kinds import Format, ReportKind
from monitor.reports.operations import operations
from monitor.reports.statement import statement
from monitor.reports.statistics import statistics
from monitor.reports.xlsx import write_xlsx
from monitor.words import Words


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted."""

    length: Length | None
    """``None``: a span of its own, which has no period before it."""
    period: Period
    kinds: tuple[ReportKind, ...]
    formats: tuple[Format, ...]
    folder: Path
    font: Path | None = None
    stamp: str = ""
    """In the files' names, instead of the period."""
    devices: frozenset[DeviceId] | None = None
    """Only of these."""

    def path(self, kind: ReportKind, format_: Format) -> Path:
        stamp = self.stamp or stamp_of(self.length, self.period)
        return self.folder / f"camwatch-{kind.value}-{stamp}.{format_.value}"


def stamp_of(length: Length | None, period: Period) -> str:
    """``2026-06-01``, ``2026-W23``, ``2026-06``, ``2026-Q2``, or both ends of a span."""
    first = period.first_day
    match length:
        case Length.DAY:
            return f"{first:%Y-%m-%d}"
        case Length.WEEK:
            return f"{first:%G-W%V}"
        case Length.MONTH:
            return f"{first:%Y-%m}"
        case Length.QUARTER:
            return f"{first:%Y}-Q{(first.month + 2) // 3}"
        case None:
            return f"{period.local(period.since):%Y%m%dT%H%M%S}-{period.local(period.until):%Y%m%dT%H%M%S}"


def make(db: sqlite3.Connection, order: Order, terms: Terms, words: Words, now: int) -> Iterator[Path]:
    """The files, each as soon as it is in place. ``NothingBooked`` before the first; ``NoFont`` before the
    first when a PDF is wanted and cannot be; ``OSError`` when the folder cannot be written."""
    font = find_font(order.font or terms.contract.font) if Format.PDF in order.formats else None
    figures = read_figures(db, order.period, terms, now, order.devices)
    earlier = _earlier(db, order, terms, now)
    order.folder.mkdir(parents=True, exist_ok=True)
    for kind in order.kinds:
        document = _document(kind, figures, earlier, words)
        for format_ in order.formats:
            path = order.path(kind, format_)
            if format_ is Format.HTML:
                _put(path, partial(write_html, document))
            elif format_ is Format.XLSX:
                _put(path, partial(write_xlsx, document))
            elif font is not None:
                # Only here: a report without a PDF needs no PDF library.
                from monitor.reports.pdf import write_pdf

                _put(path, partial(write_pdf, document, font=font))
            yield path


def _document(kind: ReportKind, figures: Figures, earlier: Figures | None, words: Words) -> Document:
    match kind:
        case ReportKind.STATEMENT:
            return statement(figures, words)
        case ReportKind.INSPECTION:
            return inspection(figures, words)
        case ReportKind.STATISTICS:
            return statistics(figures, earlier, words)
        case ReportKind.ADVICE:
            return advice(figures, words)
        case ReportKind.LEDGER:
            return operations(figures, words)


def _earlier(db: sqlite3.Connection, order: Order, terms: Terms, now: int) -> Figures | None:
    if ReportKind.STATISTICS not in order.kinds or order.length is None:
        return None
    try:
        return read_figures(db, before(order.length, order.period), terms, now, order.devices)
    except NothingBooked:
        return None


def _put(path: Path, write: Callable[[Path], None]) -> None:
    """A reader sees the old file or the whole new one; two reports at once do not mix."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    draft = Path(name)
    try:
        write(draft)
        draft.chmod(0o640)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
