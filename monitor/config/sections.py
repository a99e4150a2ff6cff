"""Each section of the configuration by its settings class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from monitor.collectors import COLLECTORS, collector_class
from monitor.collectors.base import CheckSettings
from monitor.config.daemon import KindSettings
from monitor.config.files import Entry, Sources
from monitor.config.walk import with_paths_from
from monitor.config.wording import describe, validate
from monitor.inventory import Inventory
from monitor.model import Kind
from monitor.problems import Findings, suggest
from monitor.rules import RULES, rule_class
from monitor.rules.base import RuleSettings
from monitor.settings import Section

S = TypeVar("S", bound=Section)

SECTIONS = (
    "include", "daemon", "states", "checks", "kind", "inventory", "site", "device",
    "rule", "route", "receiver", "channel", "roster", "level", "inhibit", "maintenance", "storm", "sink",
    "health", "contract", "traps", "remedies", "report", "key_event",
)  # fmt: skip
"""What may stand at the top of a file."""


def unknown_sections(sources: Sources, findings: Findings) -> None:
    for source in sources.files:
        for key in source.data:
            if key not in SECTIONS:
                findings.error(source.place.at(key), "unknown section", suggest(key, SECTIONS))


def settings(shape: Any, entry: Entry, findings: Findings, *, private: bool = False) -> Any:
    """One entry as its settings class, or ``None``. ``private``: secrets are near, show no values."""
    found = validate(shape, entry.value, entry.place, findings, private=private)
    return None if found is None else with_paths_from(found, entry.base.absolute())


def single(section: str, shape: type[S], sources: Sources, findings: Findings) -> S:
    """``[section]``, or its defaults when it is absent (or wrong, which is then noted)."""
    entry = sources.single(section, findings)
    found: S | None = settings(shape, entry, findings) if entry else None
    return found or shape()


def variant(section: str, shape: Any, default: S, sources: Sources, findings: Findings) -> Any:
    """``[section]`` whose ``type`` picks one of several classes, or the default when it is absent."""
    entry = sources.single(section, findings)
    return (entry and settings(shape, entry, findings, private=True)) or default


def listed(section: str, shape: type[S], sources: Sources, findings: Findings) -> list[tuple[Entry, S]]:
    """Each sound ``[[section]]`` with its place."""
    return [
        (entry, found)
        for entry in sources.listed(section, findings)
        if (found := settings(shape, entry, findings)) is not None
    ]


def named(
    entries: Mapping[str, Entry], shape: type[S], findings: Findings, *, private: bool = False
) -> dict[str, S]:
    """Each sound ``[section.NAME]`` by its name."""
    return {
        name: found
        for name, entry in entries.items()
        if (found := settings(shape, entry, findings, private=private)) is not None
    }


def checks(entries: Mapping[str, Entry], findings: Findings) -> dict[str, CheckSettings]:
    """``[checks.NAME]`` by the settings class of the collector of that name."""
    known = _known(entries, COLLECTORS, "no check is called", findings)
    return {
        name: found
        for name, entry in known.items()
        if (found := settings(collector_class(name).Settings, entry, findings)) is not None
    }


def with_defaults(checks: dict[str, CheckSettings], inventory: Inventory) -> dict[str, CheckSettings]:
    """``checks``, and by their defaults those that a device uses without a table of their own."""
    used = dict.fromkeys(check for device in inventory.devices.values() for check in device.checks)
    defaults = {
        name: collector_class(name).Settings() for name in used if name in COLLECTORS and name not in checks
    }
    return checks | defaults


def kinds(sources: Sources, findings: Findings) -> dict[Kind, KindSettings]:
    """``[kind.NAME]`` for every kind, by its defaults where it is absent."""
    entries = _known(sources.named("kind", findings), list(Kind), "no kind of device is called", findings)
    found = named(entries, KindSettings, findings)
    for name, kind in found.items():
        for index, check in enumerate(kind.checks):
            if check not in COLLECTORS:
                findings.error(
                    entries[name].place.at("checks", index),
                    f'no check is called "{check}"',
                    suggest(check, COLLECTORS),
                )
    return {kind: found.get(kind) or KindSettings() for kind in Kind}


def rules(sources: Sources, findings: Findings) -> list[tuple[Entry, RuleSettings]]:
    """Each sound ``[[rule]]`` by the settings class of its ``type``."""
    found = []
    seen: dict[str, Entry] = {}
    for entry in sources.listed("rule", findings):
        rule = a_rule(entry, findings)
        name = entry.value.get("name") if isinstance(entry.value, dict) else None
        if isinstance(name, str) and seen.setdefault(name, entry) is not entry:
            findings.error(
                entry.place.at("name"),
                f'a rule "{name}" is also in {seen[name].place}',
                "give each rule a name of its own",
            )
        if rule is not None:
            found.append((entry, rule))
    return found


def rule_labels(sources: Sources) -> frozenset[str]:
    """The labels that rules add, also those of rules that are wrong otherwise."""
    tables = [entry.value for entry in sources.listed("rule", Findings()) if isinstance(entry.value, dict)]
    found = [table.get("labels") for table in tables]
    return frozenset(label for labels in found if isinstance(labels, dict) for label in labels)


def a_rule(entry: Entry, findings: Findings) -> RuleSettings | None:
    """One rule by the settings class of its ``type``, or ``None``."""
    value = entry.value
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
    found: RuleSettings | None = settings(rule_class(sort).Settings, entry, findings)
    return found


def _known(
    entries: Mapping[str, Entry], names: Iterable[str], words: str, findings: Findings
) -> dict[str, Entry]:
    known = list(names)
    for name, entry in entries.items():
        if name not in known:
            findings.error(entry.place, f'{words} "{name}"', suggest(name, known))
    return {name: entry for name, entry in entries.items() if name in known}
