"""Reading the configuration's files: TOML, includes, and who said what where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli

from monitor.config.wording import describe
from monitor.problems import Findings, Place

_PLAIN = (
    (
        re.compile(r"Expected '=' after a key"),
        "a key without a value",
        'write key = value (text in "quotes")',
    ),
    (re.compile(r"Cannot declare .* twice"), "this table is written twice", "keep one of the two"),
    (re.compile(r"Cannot overwrite a value"), "this key is written twice", "keep one of the two"),
    (re.compile(r"Invalid value"), "a value that TOML does not know", 'text belongs in "quotes"'),
    (
        re.compile(r"Unterminated string"),
        "a text without its closing quote",
        "close the quote on the same line",
    ),
    (
        re.compile(r"Illegal character '\\n'"),
        "a text without its closing quote",
        "close the quote on the same line",
    ),
    (
        re.compile(r"Unescaped '\\'|escape"),
        "a backslash within a text",
        r"write \\ for one, or use 'single quotes'",
    ),
    (
        re.compile(r"Expected newline or end of document"),
        "something more after the value",
        "one key = value a line; # begins a comment",
    ),
    (re.compile(r"Unclosed array"), "a list without its closing bracket", "close it with ]"),
    (re.compile(r"Invalid statement"), "neither a key, nor a [table], nor a # comment", ""),
    (re.compile(r"Expected '\]'"), "a table's name without its closing bracket", "write [name] or [[name]]"),
)


@dataclass(frozen=True, slots=True)
class Source:
    """One file as it was read."""

    path: Path
    shown: str
    """The name for messages: as the person wrote it."""
    data: dict[str, Any]

    @property
    def place(self) -> Place:
        return Place(self.shown)


@dataclass(frozen=True, slots=True)
class Entry:
    """One piece of configuration and where it stands."""

    place: Place
    value: Any
    base: Path
    """The folder that relative names in it start from."""


@dataclass(frozen=True, slots=True)
class Sources:
    files: tuple[Source, ...]
    paths: tuple[Path, ...]
    """Every file found, readable or not."""
    whole: bool
    """All files could be read: only then does a missing name mean something."""

    def tables(self, section: str) -> Iterator[Entry]:
        """Each file's ``[section]``."""
        for source in self.files:
            if section in source.data:
                yield Entry(source.place.at(section), source.data[section], source.path.parent)

    def named(self, section: str, findings: Findings) -> dict[str, Entry]:
        """``[section.NAME]`` by name; a name that two files give is an error naming both."""
        found: dict[str, Entry] = {}
        for entry in self.tables(section):
            if not isinstance(entry.value, dict):
                findings.error(entry.place, f"found {describe(entry.value)}", f"write [{section}.NAME]")
                continue
            for name, value in entry.value.items():
                place = entry.place.at(name)
                if name in found:
                    findings.error(place, f'"{name}" is also defined in {found[name].place}', "keep one")
                else:
                    found[name] = Entry(place, value, entry.base)
        return found

    def listed(self, section: str, findings: Findings) -> list[Entry]:
        """Each ``[[section]]`` of every file, in their order."""
        found = []
        for entry in self.tables(section):
            if isinstance(entry.value, list):
                found += [
                    Entry(entry.place.at(index), value, entry.base) for index, value in enumerate(entry.value)
                ]
            else:
                findings.error(entry.place, f"found {describe(entry.value)}", f"write [[{section}]]")
        return found

    def single(self, section: str, findings: Findings) -> Entry | None:
        """``[section]``, which only one file may have."""
        entries = list(self.tables(section))
        for entry in entries[1:]:
            findings.error(
                entry.place, f"[{section}] is also in {entries[0].place.file}", "keep it in one file"
            )
        return entries[0] if entries else None


def read_sources(path: Path, findings: Findings) -> Sources:
    """The file at ``path`` and all that it includes."""
    before = findings.errors
    main = read_file(path, str(path), findings)
    if main is None:
        return Sources((), (path,), whole=False)
    paths, files = [path], [main]
    for pattern, place in _patterns(main, findings):
        matched = matching(path.parent, pattern)
        if not matched and is_pattern(pattern):
            findings.warning(place, f'no file matches "{pattern}"', f"it is looked for in {path.parent}")
        elif not matched:
            findings.error(place, f'there is no file "{pattern}"', f"it is looked for in {path.parent}")
        for found in matched:
            if found.resolve() in {known.resolve() for known in paths}:
                continue
            paths.append(found)
            source = read_file(found, str(found), findings)
            if source is None:
                continue
            files.append(source)
            if "include" in source.data:
                findings.error(
                    source.place.at("include"),
                    "an included file cannot include others",
                    f"name them in the include of {main.shown}",
                )
    return Sources(tuple(files), tuple(paths), whole=findings.errors == before)


def _patterns(main: Source, findings: Findings) -> Iterator[tuple[str, Place]]:
    value = main.data.get("include", [])
    place = main.place.at("include")
    if not isinstance(value, list):
        findings.error(place, f"found {describe(value)}", 'write a list: include = ["rules.d/*.toml"]')
        return
    for index, pattern in enumerate(value):
        if isinstance(pattern, str) and pattern:
            yield pattern, place.at(index)
        else:
            findings.error(
                place.at(index), f"found {describe(pattern)}", "expected the name of a file in quotes"
            )


def is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")


def matching(base: Path, name: str) -> list[Path]:
    """The files that a name or pattern means, sorted; relative to ``base``."""
    if not is_pattern(name):
        return [base / name] if (base / name).exists() else []
    # Path.glob takes no absolute pattern: split it at its root.
    root = Path(Path(name).anchor) if Path(name).is_absolute() else base
    inner = str(Path(name).relative_to(root)) if root != base else name
    return sorted(match for match in root.glob(inner) if match.is_file())


def read_file(path: Path, shown: str, findings: Findings) -> Source | None:
    """One TOML file; ``None`` when it cannot be read, which is then noted."""
    place = Place(shown)
    try:
        raw = path.read_bytes()
    except OSError as error:
        findings.error(place, f"cannot be read: {error.strerror}")
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        findings.error(
            Place(shown, f"line {line}"), "is not UTF-8 text", "save the file with the encoding UTF-8"
        )
        return None
    try:
        # TOML ends lines with LF or CRLF; tomli normalises only in load().
        return Source(path, shown, tomli.loads(text.replace("\r\n", "\n")))
    except tomli.TOMLDecodeError as error:
        found, right = _plain(error.msg)
        findings.error(Place(shown, f"line {error.lineno}, column {error.colno}"), found, right)
        return None
    except RecursionError:
        findings.error(place, "lists or tables are nested too deeply")
        return None


def _plain(message: str) -> tuple[str, str]:
    for pattern, found, right in _PLAIN:
        if pattern.search(message):
            return found, right
    return f"not TOML: {message[:1].lower()}{message[1:]}", ""
