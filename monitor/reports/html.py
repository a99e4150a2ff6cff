"""A report as one HTML file: nothing is loaded from elsewhere, nothing in it can act."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from monitor.reports.document import Column, Document, Sort, Table, Value, show, totals
from monitor.reports.drawing import svg

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def write_html(document: Document, path: Path) -> None:
    template = _TEMPLATES.get_template("report.html")
    parts: Iterator[str] = template.generate(
        document=document,
        language=document.words.language.value,
        blocks=[(type(block).__name__, block) for block in document.blocks],
        show=partial(_show, document),
        number=_number,
        svg=svg,
        totals=totals,
        shares=_shares,
    )
    with path.open("w", encoding="utf-8") as file:
        file.writelines(parts)


def _show(document: Document, value: Value, column: Column) -> str:
    return show(value, column, document.zone)


def _shares(table: Table) -> list[str]:
    """How wide each column is, percent: as on paper."""
    whole = sum(column.width for column in table.columns)
    return [f"{100 * column.width / whole:.2f}" for column in table.columns]


def _number(column: Column) -> Markup:
    match column.sort:
        case Sort.TEXT:
            return Markup("")
        case Sort.MOMENT:  # may be broken between day and time
            return Markup(' class="n at"')
    return Markup(' class="n"')
