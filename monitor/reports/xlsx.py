"""A report as a workbook: a sheet of text, and a sheet for each table.

Numbers are numbers; percentages and sums are formulas over the cells beside them, so that whoever signs can
check. A percentage is cut off on whole numbers, ``INT(online*10000/counted)/10000``, as on paper. Names are
written as text even when they look like a formula.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.properties import PageSetupProperties

from monitor.books.tally import Fraction
from monitor.reports.document import (
    Column,
    Document,
    Facts,
    Heading,
    Paragraph,
    Signatures,
    Sort,
    Table,
    Value,
)

Sheet = Any
"""A sheet that is written row by row; the library's types know only half of it."""

_FACE: dict[str, Any] = {"name": "Calibri", "size": 11}
"""Named for every cell: a cell with a font of its own would else fall back to another face."""
_HEAD = Font(bold=True, **_FACE)
_FILL = PatternFill("solid", fgColor="FFE2E8F0")
_BAD = Font(color="FF991B1B", **_FACE)
_FORMATS = {
    Sort.COUNT: "#,##0",
    Sort.SECONDS: "#,##0",
    Sort.PERCENT: "0.00%",
    Sort.MOMENT: "yyyy-mm-dd hh:mm:ss",
}
_A4 = 9
_LOOKED_AT, _WIDEST = 200, 60
"""How many rows say how wide a column of text is, and the most it gets."""
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LONGEST = 32_767
"""Characters in a cell, by the file format."""


def write_xlsx(document: Document, path: Path) -> None:
    book = Workbook(write_only=True)
    taken: set[str] = set()
    front = _sheet_name(document.words.text("Summary"), taken)
    tables = [
        (block, _sheet_name(block.title, taken)) for block in document.blocks if isinstance(block, Table)
    ]
    _front(book.create_sheet(front), document, {id(table): name for table, name in tables})
    for table, name in tables:
        _sheet(book.create_sheet(name), document, table)
    book.save(path)


def _front(sheet: Sheet, document: Document, names: Mapping[int, str]) -> None:
    """The text, and where each table is. ``names``: of the sheets, by the identity of their table."""
    _for_print(sheet)
    sheet.column_dimensions["A"].width = 44
    sheet.column_dimensions["B"].width = 60
    sheet.append([_text(sheet, document.title, bold=True)])
    sheet.append([_text(sheet, document.subtitle)])
    for block in document.blocks:
        match block:
            case Heading(text):
                sheet.append([])
                sheet.append([_text(sheet, text, bold=True)])
            case Paragraph(text):
                sheet.append([_text(sheet, text)])
            case Facts(pairs):
                for label, value in pairs:
                    sheet.append([_text(sheet, label), _text(sheet, value)])
            case Table():
                sheet.append([_text(sheet, block.title), _linked(sheet, names[id(block)])])
            case Signatures(parties, sign, date):
                for party in parties:
                    sheet.append([])
                    sheet.append([_text(sheet, party)])
                    sheet.append([_text(sheet, sign), _text(sheet, date)])


def _linked(sheet: Sheet, name: str) -> Cell:
    """The name of a sheet, which leads there. A link within the book; not a formula."""
    cell = _text(sheet, f"→ {name}")
    quoted = name.replace("'", "''")
    cell.hyperlink = Hyperlink(ref="", location=f"'{quoted}'!A1")
    cell.font = Font(color="FF1D4ED8", **_FACE)
    return cell


def _for_print(sheet: Sheet) -> None:
    """Landscape, and no column on a page of its own."""
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = _A4
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0


def _sheet(sheet: Sheet, document: Document, table: Table) -> None:
    _for_print(sheet)
    sheet.freeze_panes = "A2"
    sheet.print_title_rows = "1:1"
    for n, column in enumerate(table.columns):
        texts = (row[n] for row in table.rows[:_LOOKED_AT] if isinstance(row[n], str))
        widest = max(map(_wide, texts), default=0) + 2
        width = max(10, 14 * column.width, min(widest, _WIDEST))
        sheet.column_dimensions[get_column_letter(n + 1)].width = width
    head = [_text(sheet, _title(document, column), bold=True) for column in table.columns]
    for cell, column in zip(head, table.columns, strict=True):
        cell.fill = _FILL
        side = "left" if column.sort is Sort.TEXT else "right"
        cell.alignment = Alignment(wrap_text=True, vertical="center", horizontal=side)
    sheet.append(head)
    for number, row in enumerate(table.rows, start=2):
        cells = [
            _cell(sheet, document, column, value, number)
            for column, value in zip(table.columns, row, strict=True)
        ]
        if number - 2 in table.bad:
            for cell in cells:
                cell.font = _BAD
        sheet.append(cells)
    if not table.rows and table.empty:
        sheet.append([_text(sheet, table.empty)])
    if table.total and table.rows:
        sheet.append(_total(sheet, table, len(table.rows) + 2))


def _wide(text: Value) -> int:
    """In letters; a Chinese one takes the room of two."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in str(text)[: 2 * _WIDEST])


def _title(document: Document, column: Column) -> str:
    if column.sort is Sort.SECONDS:
        return document.words.text("{title} (s)", title=column.title)
    return column.title


def _cell(sheet: Sheet, document: Document, column: Column, value: Value, row: int) -> Cell:
    if isinstance(value, str):
        return _text(sheet, value)
    cell: Cell = WriteOnlyCell(sheet)
    cell.number_format = _FORMATS.get(column.sort, "General")
    if isinstance(value, Fraction):
        if column.of is not None:
            cell.value = _quotient(column.of, row)
        elif value.counted:
            cell.value = value.online * 10_000 // value.counted / 10_000
    elif column.sort is Sort.MOMENT and value is not None:
        cell.value = datetime.fromtimestamp(value, UTC).astimezone(document.zone).replace(tzinfo=None)
    else:
        cell.value = value
    return cell


def _total(sheet: Sheet, table: Table, row: int) -> list[Cell]:
    cells = [_text(sheet, table.total, bold=True)]
    for n, column in enumerate(table.columns[1:], start=2):
        cell: Cell = WriteOnlyCell(sheet)
        cell.font = _HEAD
        cell.number_format = _FORMATS.get(column.sort, "General")
        letter = get_column_letter(n)
        if column.sums:
            cell.value = f"=SUM({letter}2:{letter}{row - 1})"
        elif column.of is not None and table.columns[column.of[0]].sums:
            cell.value = _quotient(column.of, row)
        cells.append(cell)
    return cells


def _quotient(of: tuple[int, int], row: int) -> str:
    over, under = (f"{get_column_letter(n + 1)}{row}" for n in of)
    return f'=IF({under}=0,"",INT({over}*10000/{under})/10000)'


def _text(sheet: Sheet, text: str, *, bold: bool = False) -> Cell:
    """Text that stays text, also when somebody edits the cell."""
    cell: Cell = WriteOnlyCell(sheet, _FORBIDDEN.sub("", text)[:_LONGEST])
    cell.data_type = "s"
    if text[:1] in ("=", "+", "-", "@", "\t", "\r"):
        cell.quotePrefix = True
    if bold:
        cell.font = _HEAD
    return cell


def _sheet_name(title: str, taken: set[str]) -> str:
    """At most 31 characters, none of ``[]:*?/\\``, no quote at an end, and no two alike."""
    stem = re.sub(r"[\[\]:*?/\\]", " ", title).strip().strip("'")[:28] or "–"
    name, number = stem, 2
    while name.casefold() in taken:
        name, number = f"{stem} {number}", number + 1
    taken.add(name.casefold())
    return name
