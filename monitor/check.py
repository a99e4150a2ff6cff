"""What ``camwatch check`` finds out: every problem, and for a sound configuration what it amounts to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor.config import Config, read
from monitor.notifiers.courier.client import Courier
from monitor.notifiers.notice import Outcome
from monitor.notifiers.settings import ChannelSettings, open_channel
from monitor.problems import Findings, Level, Place, Problem
from monitor.secrets import SecretError


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
    reading = read(path)
    problems = [*reading.problems, *asyncio.run(verify_channels(reading.channels))]
    sound = all(problem.level is Level.WARNING for problem in problems)
    return Checked(tuple(problems), reading.config if sound else None)


async def verify_channels(channels: Mapping[str, tuple[Place, ChannelSettings]]) -> list[Problem]:
    """Whether a plugin can be made of each channel's URL. Nothing is sent."""
    findings = Findings()
    opened = []
    for name, (place, settings) in channels.items():
        # An unreadable secret has been told already, at its own place.
        with contextlib.suppress(SecretError):
            opened.append((place.at("url"), open_channel(name, settings)))
    if not opened:
        return []
    courier = Courier()
    try:
        if not await courier.start():
            findings.warning(opened[0][0], "channels could not be tried: the sending process did not start")
            return findings.problems
        reports = await asyncio.gather(*(courier.verify(channel) for _, channel in opened))
    finally:
        await courier.stop()
    for (place, _), report in zip(opened, reports, strict=True):
        if report.outcome is Outcome.PERMANENT:
            findings.error(place, report.detail.strip() or report.code)
        elif report.outcome is not Outcome.DELIVERED:
            findings.warning(place, f"the channel could not be tried: {report.detail or report.code}")
    return findings.problems


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
        _count(len(config.policy.routes), "route"),
        _count(len(config.channels), "channel"),
    ]
    return f"{', '.join(parts)}; {told}"


def in_order(problems: Sequence[Problem]) -> list[Problem]:
    """Errors before warnings, each as they were met."""
    return sorted(problems, key=lambda problem: problem.level is Level.WARNING)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
