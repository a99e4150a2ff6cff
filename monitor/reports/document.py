"""What a report is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import Enum, auto

from monitor.books.tally import Fraction
from monitor.reports.drawing import Drawing
from monitor.words import Words


class Sort(Enum):
    """What a column holds, and so how it is written."""

    TEXT = auto()
    COUNT = auto()
    SECONDS = auto()
    """A length of time; exact, as h:mm:ss on paper and as seconds in a workbook."""
    PERCENT = auto()
    """A ``Fraction``."""
    MOMENT = auto()
    """Seconds since 1970."""


Value = str | int | Fraction | None


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    sort: Sort = Sort.TEXT
    width: float = 1.0
    """Share of the line, relative to the others."""
    sums: bool = False
    """Added up in the table's last row."""
    of: tuple[int, int] | None = None
    """For a percentage: the columns it is the quotient of, so that a workbook can hold the formula."""


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Value, ...]]
    bad: frozenset[int] = frozenset()
    """Rows that miss what was agreed; they say so in words too."""
    total: str = ""
    """The first cell of the last row, which adds up; empty for no such row."""
    empty: str = ""
    """What is said when there are no rows."""


@dataclass(frozen=True, slots=True)
class Heading:
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Short labelled values, like a letter head."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    drawing: Drawing


@dataclass(frozen=True, slots=True)
class Signatures:
    """A block to be signed by hand: one field for each party."""

    parties: tuple[str, ...]
    sign: str
    """The words at the line: signature and seal."""
    date: str


Block = Heading | Paragraph | Facts | Table | Chart | Signatures


@dataclass(frozen=True, slots=True)
class Document:
    title: str
    subtitle: str
    blocks: tuple[Block, ...]
    zone: tzinfo
    words: Words


def show(value: Value, column: Column, zone: tzinfo) -> str:
    """A cell as people read it."""
    if value is None:
        return "–"
    if isinstance(value, Fraction):
        return value.percent() or "–"
    if isinstance(value, str):
        return value
    match column.sort:
        case Sort.SECONDS:
            return hours(value)
        case Sort.MOMENT:
            return moment(value, zone)
    return f"{value:,}"


def hours(seconds: int) -> str:
    """``1,234:05:06``: exact, however long."""
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:,}:{minute:02}:{second:02}"


def moment(at: int, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(at, UTC).astimezone(zone):%Y-%m-%d %H:%M:%S}"


def totals(table: Table) -> tuple[Value, ...]:
    """The last row: sums, and percentages of sums."""
    sums = [
        sum(value for row in table.rows if isinstance(value := row[n], int)) if column.sums else None
        for n, column in enumerate(table.columns)
    ]
    row: list[Value] = [*sums]
    for n, column in enumerate(table.columns):
        if column.of is not None and (over := sums[column.of[0]]) is not None:
            row[n] = Fraction(over, sums[column.of[1]] or 0)
    row[0] = table.total
    return tuple("" if value is None else value for value in row)
