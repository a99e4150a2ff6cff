"""Tables of devices from files, each row as texts; where things stand, for messages."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from monitor.inventory.columns import SYNONYMS, Field, Header, looks_like_header, read_header
from monitor.problems import Findings, Place, did_you_mean

HEADER_WITHIN = 10
"""Lists often begin with a title or two: the headings are looked for in this many rows."""


class NumberText(str):
    """The text of a spreadsheet's *number* cell: one that holds at most 15 trustworthy digits."""

    __slots__ = ()


class Row(NamedTuple):
    """One device as written. From TOML some are not text: a list of parents, a table of tags."""

    id: object
    name: object
    kind: object
    address: object
    site: object
    area: object
    key_site: object
    parents: object
    vendor: object
    model: object
    longitude: object
    latitude: object
    feeder: object
    tags: object
    checks: object
    liveness: object


class Table(Protocol):
    """Rows and the way to point at them."""

    @property
    def rows(self) -> Iterable[tuple[int, Row]]:
        """Each row with its number, as ``place`` takes it."""
        ...

    def place(self, row: int, field: Field | None = None) -> Place: ...

    def summary(self, field: Field) -> Place:
        """The place of a remark on many rows."""
        ...


@dataclass(frozen=True, slots=True)
class SheetTable:
    """A CSV file or one sheet of a workbook; ``sheet`` is empty for CSV."""

    file: str
    sheet: str
    header: Header
    rows: Sequence[tuple[int, Row]]

    def place(self, row: int, field: Field | None = None) -> Place:
        column = self.header.column(field) if field is not None else -1
        if self.sheet:
            cell = f"cell {column_letters(column)}{row}" if column >= 0 else f"row {row}"
            return Place(self.file, f'sheet "{self.sheet}", {cell}')
        if column >= 0:
            return Place(self.file, f'row {row}, column "{self.header.names[column]}"')
        return Place(self.file, f"row {row}")

    def summary(self, field: Field) -> Place:
        column = self.header.column(field)
        name = f'column "{self.header.names[column]}"'
        return Place(self.file, f'sheet "{self.sheet}", {name}' if self.sheet else name)


def column_letters(index: int) -> str:
    """``A`` for 0, ``AA`` for 26: as a spreadsheet names its columns."""
    letters = ""
    number = index + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def csv_table(path: Path, shown: str, findings: Findings) -> SheetTable | None:
    """The table of a CSV file in UTF-8 (with or without BOM) or GB18030."""
    place = Place(shown)
    try:
        raw = path.read_bytes()
    except OSError as error:
        findings.error(place, f"cannot be read: {error.strerror}")
        return None
    text = _decode(raw, place, findings)
    if text is None:
        return None
    lines: list[list[str]] = []
    try:
        lines.extend(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        what = "a quoted cell is never closed" if "end of data" in str(error) else str(error)
        findings.error(Place(shown, f"row {len(lines) + 1}"), what, 'check the quotes (") of this row')
        return None
    return sheet_table(shown, "", list(enumerate(lines, 1)), findings)


def sheet_table(
    file: str, sheet: str, lines: Sequence[tuple[int, Sequence[str]]], findings: Findings
) -> SheetTable | None:
    """Finds the headings among the first rows and tells what is wrong with them."""
    place = Place(file, f'sheet "{sheet}"') if sheet else Place(file)
    start = _header_at(lines)
    if start is None:
        seen = next((", ".join(filter(None, cells)) for _, cells in lines if any(cells)), "")
        if not sheet:
            found = f"no row of headings; the first row is: {seen[:100]}" if seen else "the file is empty"
            findings.error(place, found, _separated(seen) or _NEEDED)
        elif seen:
            findings.warning(place, "the sheet has no row of headings and was left out")
        return None
    number, names = lines[start]
    header = read_header(names)
    heading = Place(file, f'sheet "{sheet}", row {number}' if sheet else f"row {number}")
    for field in header.missing:
        close = next((name for name in header.unknown if did_you_mean(name, SYNONYMS[field].split())), None)
        hint = f'is "{close}" meant for it? ' if close else ""
        findings.error(heading, f"the column {field} is missing", hint + _example(field))
    for field, columns in header.twice:
        names_text = " and ".join(f'"{name}"' for name in columns)
        findings.error(heading, f"the columns {names_text} both mean {field}", "rename or remove one")
    if header.unknown:
        names_text = ", ".join(f'"{name}"' for name in header.unknown)
        findings.warning(heading, f"columns that are not known and were left out: {names_text}")
    if header.missing or header.twice:
        return None
    rows = _rows(lines[start + 1 :], header, place, findings)
    if len(lines) == start + 1:
        findings.warning(place, "there is no device below the headings")
    return SheetTable(file, sheet, header, rows)


_NEEDED = "the columns id (编号), name (名称) and address (IP地址) are needed"


def _separated(first: str) -> str:
    """What to do about headings that are all in one cell."""
    for mark, name in ((";", "semicolons"), ("；", "full-width semicolons"), ("\t", "tabs")):
        if looks_like_header(read_header(first.split(mark))):
            return f"its cells are separated by {name}; save it with commas between them"
    return ""


def _header_at(lines: Sequence[tuple[int, Sequence[str]]]) -> int | None:
    for index, (_, cells) in enumerate(lines[:HEADER_WITHIN]):
        if looks_like_header(read_header(cells)):
            return index
    for index, (_, cells) in enumerate(lines[:HEADER_WITHIN]):
        # One known heading is enough to say which others are missing.
        if len(cells) > 1 and read_header(cells).known:
            return index
    return None


def _rows(
    lines: Sequence[tuple[int, Sequence[str]]], header: Header, place: Place, findings: Findings
) -> list[tuple[int, Row]]:
    width, index, rows = len(header.names), header.index, []
    for number, cells in lines:
        if len(cells) != width:
            if len(cells) > width and any(cells[width:]):
                where = f"{place.path}, row {number}" if place.path else f"row {number}"
                findings.error(
                    Place(place.file, where),
                    f"{len(cells)} cells under {width} headings",
                    'a cell that holds a comma is written in "quotes"',
                )
                continue
            cells = [*cells, *[""] * (width - len(cells))]
        if any(cells):
            # A column that is not there (-1) reads as empty.
            rows.append((number, Row._make(cells[at] if at >= 0 else "" for at in index)))
    return rows


def _example(field: Field) -> str:
    return {
        Field.ID: "name it id, 编号, 设备编码 or 国标编码",
        Field.NAME: "name it name, 名称, 设备名称 or 点位名称",
        Field.ADDRESS: "name it address, IP, IP地址 or 地址",
    }[field]


def _decode(raw: bytes, place: Place, findings: Findings) -> str | None:
    """UTF-8 (with or without BOM) if it is valid as that, else GB18030.

    That is exact for lists with Chinese headings: none of those we know is valid UTF-8 in GB18030 (a test
    holds this).
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        findings.error(place, "the encoding is UTF-16", 'save it as "CSV UTF-8"')
        return None
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
    findings.error(Place(place.file, f"line {line}"), "neither UTF-8 nor GB18030", 'save it as "CSV UTF-8"')
    return None
