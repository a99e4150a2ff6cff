"""What is wrong with a configuration: where, what was found, what would be right.

Readers of configuration and inventory never stop at the first fault: they note a ``Problem`` in their
``Findings`` and go on, so that one run of ``camwatch check`` names everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum


class Level(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    """Odd, and told, but the daemon can run with it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file, as it was named, and a path in it: ``route[2].receiver`` (counted from 1, each file for
    itself), ``row 12, column "IP地址"``, ``sheet "东城", cell C12`` or ``line 3, column 7``."""

    file: str
    path: str = ""

    def at(self, *steps: str | int) -> Place:
        """The place further in: a key, or an index counted from 0."""
        path = self.path
        for step in steps:
            if isinstance(step, int):
                path += f"[{step + 1}]"
            else:
                path += ("." if path else "") + key_text(step)
        return Place(self.file, path)

    def __str__(self) -> str:
        return f"{self.file}: {self.path}" if self.path else self.file


def key_text(key: str) -> str:
    """A key as TOML writes it: bare where it may be."""
    bare = key.replace("-", "").replace("_", "")
    return key if bare.isascii() and bare.isalnum() else f'"{key}"'


@dataclass(frozen=True, slots=True)
class Problem:
    file: str
    path: str
    found: str
    """What is there, in plain words; never a secret."""
    right: str = ""
    """What would be right."""
    level: Level = Level.ERROR

    @property
    def message(self) -> str:
        return f"{self.found}; {self.right}" if self.right else self.found

    def __str__(self) -> str:
        """One line, ``file: path: message``; a warning says so in front of its message. Fit for a terminal,
        whatever stands in the file: nothing in it may move the cursor, hide, or run backwards."""
        mark = "warning: " if self.level is Level.WARNING else ""
        return visible(f"{Place(self.file, self.path)}: {mark}{self.message}")


class ConfigError(Exception):
    """The configuration cannot take effect. ``problems`` holds every fault (and the warnings)."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))


class Findings:
    """The problems met so far, in the order in which they were met."""

    __slots__ = ("problems",)

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def error(self, place: Place, found: str, right: str = "") -> None:
        self.problems.append(Problem(place.file, place.path, found, right))

    def warning(self, place: Place, found: str, right: str = "") -> None:
        self.problems.append(Problem(place.file, place.path, found, right, Level.WARNING))

    @property
    def errors(self) -> int:
        return sum(problem.level is Level.ERROR for problem in self.problems)


def visible(text: str) -> str:
    """The text on one line, with whatever cannot be seen or printed as its escape: ``\\x1b``, ``\\u3000``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean "x"?`` when one of the known words is close, else nothing."""
    folded = {name.casefold(): name for name in known}
    close = get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f'did you mean "{folded[close[0]]}"?' if close else ""


def suggest(word: str, known: Iterable[str]) -> str:
    """``did you mean "x"?``, or all that is known when nothing is close and they are few."""
    names = list(known)
    if hint := did_you_mean(word, names):
        return hint
    return "known here: " + ", ".join(sorted(names)) if 0 < len(names) <= 20 else ""
