"""Writing configurations and inventories for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from monitor.config import Config, load
from monitor.problems import ConfigError, Level, Problem

DEVICE = '[[device]]\nid = "CAM-1"\nname = "Gate"\naddress = "10.0.0.1"\n'


def written(folder: Path, text: str, **files: str) -> Path:
    """A main file of this text, with further files beside it (``more_toml="…"`` is more.toml)."""
    for name, content in files.items():
        stem, _, suffix = name.rpartition("_")
        (folder / f"{stem}.{suffix}").write_text(content, "utf-8")
    path = folder / "camwatch.toml"
    path.write_text(text, "utf-8")
    return path


def loaded(folder: Path, text: str, **files: str) -> Config:
    return load(written(folder, text, **files))


def refused(path: Path) -> list[Problem]:
    """The problems of a configuration that must not load."""
    try:
        load(path)
    except ConfigError as error:
        assert any(problem.level is Level.ERROR for problem in error.problems)
        return error.problems
    raise AssertionError(f"{path} was accepted")


def with_list(folder: Path, name: str, content: bytes) -> Path:
    """A configuration whose inventory is one file of this content."""
    (folder / name).write_bytes(content)
    return written(folder, f'inventory = ["{name}"]')


def workbook(path: Path, **sheets: Sequence[Sequence[object]]) -> None:
    """An .xlsx file as openpyxl writes it."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
