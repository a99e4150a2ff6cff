"""A report as a workbook: a sheet of text, and a sheet for each table.

Numbers are numbers; percentages and sums are formulas over the cells beside them, so that whoever signs can
check. A percentage is cut off on whole numbers, ``INT(online*10000/counted)/10000``, as on paper. Names are
written as text even when they look like a formula.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from monitor.books.tally import Fraction
from monitor.reports.document import Column, Document, Facts, Heading, Paragraph, Sort, Table, Value

_HEAD = Font(bold=True)
_FILL = PatternFill("solid", fgColor="FFE2E8F0")
_BAD = Font(color="FF991B1B")
_FORMATS = {
    Sort.COUNT: "#,##0",
    Sort.SECONDS: "#,##0",
    Sort.PERCENT: "0.00%",
    Sort.MOMENT: "yyyy-mm-dd hh:mm:ss",
}
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LONGEST = 32_767
"""Characters in a cell, by the file format."""


def write_xlsx(document: Document, path: Path) -> None:
    book = Workbook(write_only=True)
    names: set[str] = set()
    _front(book, document, names)
    for block in document.blocks:
        if isinstance(block, Table):
            _sheet(book, document, block, names)
    book.save(path)


def _front(book: Workbook, document: Document, names: set[str]) -> None:
    sheet = book.create_sheet(_sheet_name(document.words.text("Summary"), names))
    sheet.column_dimensions["A"].width = 28
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


def _sheet(book: Workbook, document: Document, table: Table, names: set[str]) -> None:
    sheet = book.create_sheet(_sheet_name(table.title, names))
    sheet.freeze_panes = "A2"
    for n, column in enumerate(table.columns, start=1):
        sheet.column_dimensions[get_column_letter(n)].width = max(10.0, 14 * column.width)
    head = [_text(sheet, _title(document, column), bold=True) for column in table.columns]
    for cell in head:
        cell.fill = _FILL
        cell.alignment = Alignment(wrap_text=True, vertical="center")
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
    if table.total and table.rows:
        sheet.append(_total(sheet, table, len(table.rows) + 2))


def _title(document: Document, column: Column) -> str:
    if column.sort is Sort.SECONDS:
        return document.words.text("{title} (s)", title=column.title)
    return column.title


def _cell(sheet: WriteOnlyWorksheet, document: Document, column: Column, value: Value, row: int) -> Cell:
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


def _total(sheet: WriteOnlyWorksheet, table: Table, row: int) -> list[Cell]:
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


def _text(sheet: WriteOnlyWorksheet, text: str, *, bold: bool = False) -> Cell:
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
