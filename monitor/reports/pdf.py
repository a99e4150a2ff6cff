"""A report as a PDF, A4 across; the font is embedded as a subset."""

from __future__ import annotations

from itertools import accumulate, zip_longest
from pathlib import Path

from fpdf import FPDF

from monitor.reports.document import (
    Block,
    Chart,
    Column,
    Document,
    Facts,
    Heading,
    Paragraph,
    Signatures,
    Sort,
    Table,
    show,
    totals,
)
from monitor.reports.drawing import Drawing, Label, Line, Rect
from monitor.reports.fonts import FontFile

_MARGIN = 14.0
_LINE = 5.2
_PAD = 1.2
_GREY, _HEAD, _BAD, _RULE = (71, 85, 105), (241, 245, 249), (153, 27, 27), (203, 213, 225)
_CLOSING = "，。、；：！？）》」』】”’％%,.;:!?)]}"
_OPENING = "（《「『【“‘([{"
_POINT_MM = 25.4 / 72
_SCALE = 0.3
"""Millimetres for a point of a drawing."""
_SMALL, _ROW = 8.0, 4.2
"""Size of the letters in tables, height of a line."""


def write_pdf(document: Document, path: Path, font: FontFile) -> None:
    paper = _Paper(document, font)
    for block, after in zip_longest(document.blocks, document.blocks[1:]):
        paper.block(block, after)
    paper.pdf.output(str(path))


class _Pages(FPDF):
    """Page numbers."""

    foot = ""

    def footer(self) -> None:
        self.set_y(-11)
        self.set_font("cjk", size=8)
        self.set_text_color(*_GREY)
        self.cell(0, 5, self.foot)
        self.set_x(_MARGIN)
        self.cell(0, 5, f"{self.page_no()} / {{nb}}", align="R")


class _Paper:
    def __init__(self, document: Document, font: FontFile) -> None:
        self.document = document
        self._units: dict[str, float] = {}
        """How wide each character is, for a size of one."""
        self._top = 0.0
        """Where the table that is being drawn begins on this page."""
        self.pdf = _Pages(orientation="landscape", format="A4")
        self.pdf.add_font("cjk", fname=str(font.path), collection_font_number=font.index)
        self.pdf.set_title(f"{document.title} {document.subtitle}")
        self.pdf.set_lang(document.words.language.value)
        self.pdf.foot = f"{document.title}  {document.subtitle}"
        self.pdf.set_margins(_MARGIN, _MARGIN)
        self.pdf.set_auto_page_break(auto=False)
        self.pdf.set_draw_color(*_RULE)
        self.pdf.add_page()
        self._font(20)
        self.pdf.cell(0, 11, document.title, align="C", new_x="LMARGIN", new_y="NEXT")
        self._font(10, _GREY)
        self.pdf.cell(0, 6, document.subtitle, align="C", new_x="LMARGIN", new_y="NEXT")
        self.pdf.ln(3)

    @property
    def _bottom(self) -> float:
        return float(self.pdf.h) - _MARGIN

    def _font(self, size: float, colour: tuple[int, int, int] = (30, 41, 59)) -> None:
        self.pdf.set_font("cjk", size=size)
        self.pdf.set_text_color(*colour)

    def _room(self, height: float) -> bool:
        """Begin a new page when there is no room; whether one was begun."""
        if self.pdf.get_y() + height <= self._bottom:
            return False
        self.pdf.add_page()
        return True

    def block(self, block: Block, after: Block | None) -> None:
        match block:
            case Heading(text):
                self._room(12 + (_chart_height(after.drawing) if isinstance(after, Chart) else 24))
                self.pdf.ln(3)
                self._font(13)
                self.pdf.set_fill_color(37, 99, 235)
                self.pdf.rect(_MARGIN, self.pdf.get_y() + 1, 1.2, 5, style="F")
                self.pdf.set_x(_MARGIN + 3)
                self.pdf.cell(0, 7, text, new_x="LMARGIN", new_y="NEXT")
                self.pdf.ln(1)
            case Paragraph(text):
                self._font(10)
                for line in self._wrapped(text, float(self.pdf.epw)):
                    self._room(_LINE)
                    self.pdf.cell(0, _LINE, line, new_x="LMARGIN", new_y="NEXT")
                self.pdf.ln(1)
            case Facts(pairs):
                self._facts(pairs)
            case Chart(title, drawing):
                self._chart(title, drawing)
            case Signatures():
                self._signatures(block)
            case Table():
                self._table(block)

    def _facts(self, pairs: tuple[tuple[str, str], ...]) -> None:
        half = float(self.pdf.epw) / 2
        for n in range(0, len(pairs), 2):
            row = [self._wrapped(value, half - 44) for _, value in pairs[n : n + 2]]
            height = _LINE * max(map(len, row))
            self._room(height)
            y = self.pdf.get_y()
            for side, ((label, _), lines) in enumerate(zip(pairs[n : n + 2], row, strict=True)):
                self._at(_MARGIN + half * side, y, 40, label, colour=_GREY)
                for k, line in enumerate(lines):
                    self._at(_MARGIN + half * side + 42, y + _LINE * k, half - 44, line)
            self.pdf.set_xy(_MARGIN, y + height)
        self.pdf.ln(2)

    def _at(
        self, x: float, y: float, width: float, text: str, colour: tuple[int, int, int] = (30, 41, 59)
    ) -> None:
        self._font(10, colour)
        self.pdf.set_xy(x, y)
        self.pdf.cell(width, _LINE, text)

    # ---------------------------------------------------------------- tables

    def _table(self, table: Table) -> None:
        whole = sum(column.width for column in table.columns)
        widths = [float(self.pdf.epw) * column.width / whole for column in table.columns]
        self._room(_LINE * 5 if table.rows else 7 + _LINE)
        self._font(10.5)
        self.pdf.cell(0, 7, table.title, new_x="LMARGIN", new_y="NEXT")
        if not table.rows:
            self._font(10, _GREY)
            self.pdf.cell(0, _LINE, table.empty, new_x="LMARGIN", new_y="NEXT")
            self.pdf.ln(2)
            return
        self._head(table, widths)
        zone, columns = self.document.zone, table.columns
        for n, row in enumerate(table.rows):
            texts = [show(value, column, zone) for value, column in zip(row, columns, strict=True)]
            # The last row takes the total along to the next page: alone there it would say little.
            more = _ROW + 1 if table.total and n == len(table.rows) - 1 else 0.0
            self._row(table, texts, widths, _BAD if n in table.bad else (30, 41, 59), room=more)
        if table.total:
            texts = [show(value, column, zone) for value, column in zip(totals(table), columns, strict=True)]
            self._row(table, texts, widths, (30, 41, 59), fill=True)
        self._frame(widths)
        self.pdf.ln(3)

    def _frame(self, widths: list[float]) -> None:
        """The upright lines of the table on this page, and the one below it: drawn once, not cell by cell."""
        x, y = _MARGIN, float(self.pdf.get_y())
        for edge in (0.0, *accumulate(widths)):
            self.pdf.line(x + edge, self._top, x + edge, y)
        self.pdf.line(x, y, x + sum(widths), y)

    def _head(self, table: Table, widths: list[float]) -> None:
        self._top = float(self.pdf.get_y())
        self._font(_SMALL, _GREY)
        lines = self._lines([column.title for column in table.columns], widths)
        self._cells(lines, widths, table.columns, fill=True)

    def _row(
        self,
        table: Table,
        texts: list[str],
        widths: list[float],
        colour: tuple[int, int, int],
        *,
        fill: bool = False,
        room: float = 0.0,
    ) -> None:
        self._font(_SMALL, colour)
        lines = self._lines(texts, widths)
        height = max(map(len, lines)) * _ROW + 1 + room
        if self.pdf.get_y() + height > self._bottom:
            self._frame(widths)
            self.pdf.add_page()
            self._head(table, widths)
            self._font(_SMALL, colour)
        self._cells(lines, widths, table.columns, fill=fill)

    def _lines(self, texts: list[str], widths: list[float]) -> list[list[str]]:
        return [self._wrapped(text, width - 2 * _PAD) for text, width in zip(texts, widths, strict=True)]

    def _cells(
        self, lines: list[list[str]], widths: list[float], columns: tuple[Column, ...], *, fill: bool
    ) -> None:
        pdf = self.pdf
        x, y, height = _MARGIN, float(pdf.get_y()), max(map(len, lines)) * _ROW + 1
        if fill:
            pdf.set_fill_color(*_HEAD)
            pdf.rect(x, y, sum(widths), height, style="F")
        pdf.line(x, y, x + sum(widths), y)
        for cell, width, column in zip(lines, widths, columns, strict=True):
            for k, line in enumerate(cell):
                right = column.sort is not Sort.TEXT
                shift = width - _PAD - self._width(line) if right else _PAD
                if line:
                    pdf.text(x + shift, y + _ROW * (k + 0.8), line)
            x += width
        pdf.set_xy(_MARGIN, y + height)

    def _width(self, text: str) -> float:
        """In millimetres, at the present size: the library's own measure costs more than all else."""
        units = self._units
        for char in text:
            if char not in units:
                units[char] = float(self.pdf.get_string_width(char)) / float(self.pdf.font_size_pt)
        return sum(map(units.__getitem__, text)) * float(self.pdf.font_size_pt)

    def _wrapped(self, text: str, width: float) -> list[str]:
        """Lines that fit: broken at a blank where there is one, else between characters as Chinese is set."""
        measure = self._width
        if not text or measure(text) <= width:
            return [text]
        lines, line = [], ""
        for char in text:
            if line and measure(line + char) > width:
                head, blank, rest = line.rpartition(" ")
                if blank and char != " ":
                    lines.append(head)
                    line = rest + char
                else:
                    head, rest = _broken(line, char)
                    lines.append(head)
                    line = rest.strip()
            else:
                line += char
        return [*lines, line]

    # ---------------------------------------------------------------- the rest

    def _chart(self, title: str, drawing: Drawing) -> None:
        self._room(_chart_height(drawing))
        self._font(10.5)
        self.pdf.cell(0, 7, title, new_x="LMARGIN", new_y="NEXT")
        x0, y0 = _MARGIN, float(self.pdf.get_y())
        self._draw(drawing, x0, y0, _SCALE)
        self.pdf.set_draw_color(*_RULE)
        self.pdf.set_line_width(0.2)
        self.pdf.set_xy(_MARGIN, y0 + drawing.height * _SCALE + 2)

    def _draw(self, drawing: Drawing, x0: float, y0: float, scale: float) -> None:
        pdf = self.pdf
        for item in drawing.items:
            match item:
                case Rect(x, y, width, height, fill):
                    pdf.set_fill_color(*_rgb(fill))
                    pdf.rect(x0 + x * scale, y0 + y * scale, width * scale, height * scale, style="F")
                case Line(points, stroke, width, dashed):
                    pdf.set_draw_color(*_rgb(stroke))
                    pdf.set_line_width(width * scale)
                    pdf.set_dash_pattern(*((1.6, 1.0) if dashed else (0, 0)))
                    pdf.polyline([(x0 + x * scale, y0 + y * scale) for x, y in points])
                    pdf.set_dash_pattern()
                case Label(x, y, text, anchor, size, fill):
                    self._font(size * scale / _POINT_MM, _rgb(fill))
                    wide = self._width(text)
                    shift = {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
                    pdf.text(x0 + x * scale - shift, y0 + y * scale, text)

    def _signatures(self, block: Signatures) -> None:
        parties = block.parties
        self._room(34)
        width = float(self.pdf.epw) / len(parties)
        y = self.pdf.get_y() + 8
        self.pdf.set_draw_color(*_GREY)
        for n, party in enumerate(parties):
            self._at(_MARGIN + width * n, y, width - 10, party)
            self._at(_MARGIN + width * n, y + 14, 40, block.sign, colour=_GREY)
            self._at(_MARGIN + width * (n + 0.62), y + 14, 40, block.date, colour=_GREY)
            self.pdf.line(_MARGIN + width * n, y + 20, _MARGIN + width * (n + 1) - 12, y + 20)
        self.pdf.set_draw_color(*_RULE)
        self.pdf.set_xy(_MARGIN, y + 26)


def _broken(line: str, char: str) -> tuple[str, str]:
    """Break ``line`` before ``char``: what stays, and what begins the next line. No line begins with a
    closing mark or ends with an opening one (GB/T 15834), and short words stay whole."""
    least = len(line) - 1 if char in _CLOSING and len(line) > 1 else len(line)
    at, after = least, line[least] if least < len(line) else char
    while at > 1 and (line[at - 1] in _OPENING or (_in_word(line[at - 1]) and _in_word(after))):
        at, after = at - 1, line[at - 1]
    if at <= len(line) // 2:
        at = least
    return line[:at], line[at:] + char


def _in_word(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _chart_height(drawing: Drawing) -> float:
    """With its title and the room below."""
    return drawing.height * _SCALE + 10


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
