"""Which reports there are, and their files: built in one go, put in place whole."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from monitor.books.period import Length, Period, before
from monitor.books.settings import Terms
from monitor.reports.advice import advice
from monitor.reports.document import Document
from monitor.reports.figures import Figures, NothingBooked, read_figures
from monitor.reports.fonts import find_font
from monitor.reports.html import write_html
from monitor.reports.inspection import inspection
from monitor.reports.operations import operations
from monitor.reports.statement import statement
from monitor.reports.statistics import statistics
from monitor.reports.xlsx import write_xlsx
from monitor.words import Words


class ReportKind(StrEnum):
    STATEMENT = "statement"
    INSPECTION = "inspection"
    STATISTICS = "statistics"
    ADVICE = "advice"
    LEDGER = "ledger"


class Format(StrEnum):
    HTML = "html"
    PDF = "pdf"
    XLSX = "xlsx"


USUAL = {
    Length.DAY: (ReportKind.INSPECTION, ReportKind.LEDGER),
    Length.WEEK: (ReportKind.STATEMENT, ReportKind.LEDGER),
    Length.MONTH: (ReportKind.STATEMENT, ReportKind.INSPECTION, ReportKind.LEDGER),
    Length.QUARTER: (ReportKind.STATEMENT, ReportKind.STATISTICS, ReportKind.ADVICE),
}
"""What a contract asks for by the day, week, month and quarter."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted."""

    length: Length
    period: Period
    kinds: tuple[ReportKind, ...]
    formats: tuple[Format, ...]
    folder: Path
    font: Path | None = None

    def path(self, kind: ReportKind, format_: Format) -> Path:
        first = self.period.first_day
        name = {
            Length.DAY: f"{first:%Y-%m-%d}",
            Length.WEEK: f"{first:%G-W%V}",
            Length.MONTH: f"{first:%Y-%m}",
            Length.QUARTER: f"{first:%Y}-Q{(first.month + 2) // 3}",
        }[self.length]
        return self.folder / f"camwatch-{kind.value}-{name}.{format_.value}"


def make(db: sqlite3.Connection, order: Order, terms: Terms, words: Words, now: int) -> Iterator[Path]:
    """The files, each as soon as it is in place. ``NothingBooked`` before the first; ``NoFont`` before the
    first when a PDF is wanted and cannot be; ``OSError`` when the folder cannot be written."""
    font = find_font(order.font or terms.contract.font) if Format.PDF in order.formats else None
    figures = read_figures(db, order.period, terms, now)
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
    if ReportKind.STATISTICS not in order.kinds:
        return None
    try:
        return read_figures(db, before(order.length, order.period), terms, now)
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
