"""From files to a ``Config``: each section by its settings class, then what they say of each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from monitor.alerts.routes import RouteSettings
from monitor.collectors import COLLECTORS, collector_class
from monitor.collectors.base import CheckSettings
from monitor.config import references
from monitor.config.daemon import DaemonSettings, KindSettings
from monitor.config.files import Entry, Sources, read_sources
from monitor.config.fleet import read_inventory
from monitor.config.wording import describe, validate
from monitor.inventory import Inventory
from monitor.model import Kind
from monitor.problems import ConfigError, Findings, Problem, suggest
from monitor.rules import RULES, rule_class
from monitor.rules.base import RuleSettings
from monitor.settings import Section
from monitor.states import StateSettings

S = TypeVar("S", bound=Section)

SECTIONS = (
    "include", "daemon", "states", "checks", "kind", "inventory", "site", "device",
    "rule", "route",
)  # fmt: skip
"""What may stand at the top of a file."""


@dataclass(frozen=True, slots=True)
class Config:
    path: Path
    """The main file."""
    files: tuple[Path, ...]
    """All files read, inventories too."""
    daemon: DaemonSettings
    states: StateSettings
    checks: Mapping[str, CheckSettings]
    """The settings of each check that is configured or that a device uses."""
    kinds: Mapping[Kind, KindSettings]
    rules: tuple[RuleSettings, ...]
    routes: tuple[RouteSettings, ...]
    inventory: Inventory
    warnings: tuple[Problem, ...] = ()


def load(path: Path | str) -> Config:
    """The configuration at ``path``; ``ConfigError`` with all that is wrong."""
    findings = Findings()
    path = Path(path)
    sources = read_sources(path, findings)
    _unknown_sections(sources, findings)
    daemon = _single("daemon", DaemonSettings, sources, findings).from_folder(path.parent)
    states = _single("states", StateSettings, sources, findings)
    checks = _checks(sources, findings)
    kinds = _kinds(sources, findings)
    rules = _rules(sources, findings)
    routes = _listed("route", RouteSettings, sources, findings)
    inventory, files = read_inventory(sources, kinds, findings)
    _default_checks(checks, inventory)
    if sources.whole:
        references.check_rules(rules, inventory, findings)
    if findings.errors:
        raise ConfigError(findings.problems)
    return Config(
        path=path,
        files=(*sources.paths, *files),
        daemon=daemon,
        states=states,
        checks=MappingProxyType(checks),
        kinds=MappingProxyType(kinds),
        rules=tuple(rule for _, rule in rules),
        routes=tuple(route for _, route in routes),
        inventory=inventory,
        warnings=tuple(findings.problems),
    )


def daemon_settings(path: Path | str) -> DaemonSettings:
    """``[daemon]`` alone: for commands that only need to find the daemon, and may not read the rest."""
    findings = Findings()
    path = Path(path)
    sources = read_sources(path, findings)
    found = _single("daemon", DaemonSettings, sources, findings)
    if findings.errors:
        raise ConfigError(findings.problems)
    return found.from_folder(path.parent)


def _unknown_sections(sources: Sources, findings: Findings) -> None:
    for source in sources.files:
        for key in source.data:
            if key not in SECTIONS:
                findings.error(source.place.at(key), "unknown section", suggest(key, SECTIONS))


def _single(section: str, shape: type[S], sources: Sources, findings: Findings) -> S:
    """``[section]``, or its defaults when it is absent (or wrong, which is then noted)."""
    entry = sources.single(section, findings)
    return (entry and _settings(shape, entry, findings)) or shape()


def _listed(section: str, shape: type[S], sources: Sources, findings: Findings) -> list[tuple[Entry, S]]:
    """Each sound ``[[section]]`` with its place."""
    return [
        (entry, settings)
        for entry in sources.listed(section, findings)
        if (settings := _settings(shape, entry, findings)) is not None
    ]


def _settings(shape: type[S], entry: Entry, findings: Findings, *, private: bool = False) -> S | None:
    found: S | None = validate(shape, entry.value, entry.place, findings, private=private)
    return found


def _checks(sources: Sources, findings: Findings) -> dict[str, CheckSettings]:
    checks = {}
    for name, entry in sources.named("checks", findings).items():
        if name not in COLLECTORS:
            findings.error(entry.place, f'no check is called "{name}"', suggest(name, COLLECTORS))
            continue
        settings = _settings(collector_class(name).Settings, entry, findings)
        if settings is not None:
            checks[name] = settings
    return checks


def _default_checks(checks: dict[str, CheckSettings], inventory: Inventory) -> None:
    used = dict.fromkeys(check for device in inventory.devices.values() for check in device.checks)
    for name in used:
        if name in COLLECTORS and name not in checks:
            checks[name] = collector_class(name).Settings()


def _kinds(sources: Sources, findings: Findings) -> dict[Kind, KindSettings]:
    kinds = {kind: KindSettings() for kind in Kind}
    for name, entry in sources.named("kind", findings).items():
        if name not in set(Kind):
            findings.error(entry.place, f'no kind of device is called "{name}"', suggest(name, Kind))
            continue
        settings = _settings(KindSettings, entry, findings)
        if settings is None:
            continue
        for index, check in enumerate(settings.checks):
            if check not in COLLECTORS:
                findings.error(
                    entry.place.at("checks", index),
                    f'no check is called "{check}"',
                    suggest(check, COLLECTORS),
                )
        kinds[Kind(name)] = settings
    return kinds


def _rules(sources: Sources, findings: Findings) -> list[tuple[Entry, RuleSettings]]:
    rules = []
    seen: dict[str, Entry] = {}
    for entry in sources.listed("rule", findings):
        settings = _rule(entry, findings)
        name = entry.value.get("name") if isinstance(entry.value, dict) else None
        if isinstance(name, str):
            earlier = seen.setdefault(name, entry)
            if earlier is not entry:
                findings.error(
                    entry.place.at("name"),
                    f'a rule "{name}" is also in {earlier.place}',
                    "give each rule a name of its own",
                )
        if settings is not None:
            rules.append((entry, settings))
    return rules


def _rule(entry: Entry, findings: Findings) -> RuleSettings | None:
    value: Any = entry.value
    if not isinstance(value, dict):
        findings.error(entry.place, f"found {describe(value)}", "write [[rule]]")
        return None
    sort = value.get("type")
    if sort is None:
        findings.error(entry.place.at("type"), "is missing", "it is one of " + ", ".join(RULES))
        return None
    if not isinstance(sort, str) or sort not in RULES:
        findings.error(entry.place.at("type"), f"found {describe(sort)}", suggest(str(sort), RULES))
        return None
    return _settings(rule_class(sort).Settings, entry, findings)
