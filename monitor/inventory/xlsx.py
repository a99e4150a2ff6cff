"""XLSX as texts: the few parts of ECMA-376 that a list of devices needs.

Not openpyxl, for two reasons: 20,000 rows of twelve columns take it 3.5 s merely to read (this: 0.6 s, see
bench/inventory.py), and it hands out a number cell as a float, after which nobody can tell whether a
20-digit code still had all its digits. Here a number stays the text that the file has.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from lxml import etree

from monitor.inventory.tables import NumberText

MAX_BYTES = 512 * 1024 * 1024
"""The unpacked size at most: 100,000 rows take about 60 MB."""
_MAX_COLUMN = 16384
_REL = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_REL = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"


_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    etree.XMLSyntaxError,
    EOFError,
    KeyError,  # a part that is named is not there
    ValueError,  # no number, or no UTF-8, where one belongs
    IndexError,  # a shared string that is not there
    NotImplementedError,  # a compression that zipfile does not know
    RuntimeError,  # encrypted
)


class WorkbookError(Exception):
    """The file is no workbook that can be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Sheet:
    name: str
    rows: list[tuple[int, list[str]]]
    """Rows with their numbers as the spreadsheet shows them; empty ones are left out."""


def read_workbook(path: Path) -> Iterator[Sheet]:
    """The visible sheets in their order."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(item.file_size for item in archive.infolist()) > MAX_BYTES:
                raise WorkbookError(f"is larger than {MAX_BYTES // 2**20} MB unpacked")
            strings = _strings(archive)
            for name, part in _sheets(archive):
                with archive.open(part) as stream:
                    yield Sheet(name, list(_rows(stream, strings)))
    except OSError as error:
        raise WorkbookError(f"cannot be read: {error.strerror or error}") from error
    except _DAMAGE as error:
        raise WorkbookError("is not a sound .xlsx workbook") from error


def _parse(stream: IO[bytes], *tags: str) -> Iterator[etree._Element]:
    """Each element of these local names, when it is complete; emptied once it has been used."""
    wanted = [f"{{*}}{tag}" for tag in tags]
    for _, element in etree.iterparse(
        stream,
        tag=wanted,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    ):
        yield element
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]


def _sheets(archive: zipfile.ZipFile) -> list[tuple[str, str]]:
    with archive.open("xl/_rels/workbook.xml.rels") as stream:
        targets = {item.get("Id"): item.get("Target", "") for item in _parse(stream, "Relationship")}
    found = []
    with archive.open("xl/workbook.xml") as stream:
        for item in _parse(stream, "sheet"):
            target = targets.get(item.get(_REL) or item.get(_STRICT_REL))
            if target and item.get("state", "visible") == "visible" and "chartsheet" not in target:
                part = target.lstrip("/") if target.startswith("/") else str(PurePosixPath("xl") / target)
                found.append((item.get("name", ""), part))
    return found


def _strings(archive: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    with archive.open("xl/sharedStrings.xml") as stream:
        return [_text(item) for item in _parse(stream, "si")]


def _text(item: etree._Element) -> str:
    """The text of a string item: its runs joined, without the phonetic guide (``rPh``)."""
    if len(item) == 1 and item[0].tag.endswith("}t"):
        return item[0].text or ""
    parts = []
    for child in item:
        if child.tag.endswith("}t"):
            parts.append(child.text or "")
        elif child.tag.endswith("}r"):
            parts.extend(run.text or "" for run in child if run.tag.endswith("}t"))
    return "".join(parts)


def _rows(stream: IO[bytes], strings: list[str]) -> Iterator[tuple[int, list[str]]]:
    number = 0
    for row in _parse(stream, "row"):
        number = int(row.get("r", number + 1))
        cells: list[str] = []
        for cell in row:
            reference = cell.get("r")
            column = _column(reference) if reference else len(cells)
            if column != len(cells):
                cells.extend([""] * (column - len(cells)))
            cells.append(_value(cell, strings))
        if any(cells):
            yield number, cells


def _column(reference: str) -> int:
    if len(reference) > 1 and not reference[1].isalpha():
        return ord(reference[0]) - 65
    column = 0
    for letter in reference:
        if not letter.isalpha():
            break
        column = column * 26 + ord(letter) - 64
    if not 0 < column <= _MAX_COLUMN:
        raise ValueError(reference)
    return column - 1


def _value(cell: etree._Element, strings: list[str]) -> str:
    sort = cell.get("t", "n")
    if sort == "inlineStr":
        return _text(cell[-1]) if len(cell) else ""
    # The value is the last child: a formula may stand before it.
    value = cell[-1].text if len(cell) else None
    if value is None:
        return ""
    if sort == "s":
        return strings[int(value)]
    if sort == "n":
        return _number(value)
    if sort == "b":
        return "true" if value == "1" else "false"
    return value


def _number(value: str) -> str:
    # Doubles are written with 17 digits: 116.397 may stand there as 116.39700000000001.
    if len(value) > 16 and "." in value and "e" not in value.lower():
        value = repr(round(float(value), 12))
    return NumberText(value.removesuffix(".0"))
