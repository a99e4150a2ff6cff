"""What ``camwatch check`` finds out: every problem, and for a sound configuration what it amounts to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor.config import Config, ConfigError, load
from monitor.problems import Level, Problem


@dataclass(frozen=True, slots=True)
class Checked:
    problems: tuple[Problem, ...]
    config: Config | None
    """``None`` when there are errors."""

    @property
    def errors(self) -> int:
        return sum(problem.level is Level.ERROR for problem in self.problems)

    @property
    def warnings(self) -> int:
        return len(self.problems) - self.errors


def examine(path: Path | str) -> Checked:
    try:
        config = load(path)
    except ConfigError as error:
        return Checked(tuple(error.problems), None)
    return Checked(config.warnings, config)


def check(path: Path | str) -> list[Problem]:
    """Everything that is wrong or odd with the configuration at ``path``: never raises for what is in it."""
    return list(examine(path).problems)


def summary(checked: Checked) -> str:
    """One line: what was found, and how many problems."""
    told = f"{_count(checked.errors, 'error')}, {_count(checked.warnings, 'warning')}"
    config = checked.config
    if config is None:
        return told
    inventory = config.inventory
    kinds = [f"{number} {kind}" for kind, number in sorted(inventory.by_kind().items())]
    keys = sum(site.key_site for site in inventory.sites.values())
    parts = [
        f"{_count(len(inventory), 'device')} ({', '.join(kinds)})",
        _count(len(inventory.areas), "area"),
        f"{_count(len(inventory.sites), 'site')} ({keys} key)",
        _count(len(config.rules), "rule"),
        _count(len(config.routes), "route"),
        _count(len(config.channels), "channel"),
    ]
    return f"{', '.join(parts)}; {told}"


def in_order(problems: Sequence[Problem]) -> list[Problem]:
    """Errors before warnings, each as they were met."""
    return sorted(problems, key=lambda problem: problem.level is Level.WARNING)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
