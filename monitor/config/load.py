"""From files to a ``Config``: each section by itself, then what they say of each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from monitor.alerts.labels import known_labels
from monitor.alerts.policy import Policy
from monitor.alerts.service import LevelSettings
from monitor.books.service import Deadlines
from monitor.books.settings import ContractSettings, Terms
from monitor.collectors.base import CheckSettings
from monitor.config import key_events, references, sections, snmp
from monitor.config.alerting import check_alerting, read_alerting
from monitor.config.daemon import DaemonSettings, KindSettings
from monitor.config.files import read_sources
from monitor.config.fleet import read_inventory
from monitor.health.settings import HealthSettings
from monitor.inventory import Inventory
from monitor.key_event import KeyEvent
from monitor.model import Kind
from monitor.notifiers.settings import ChannelSettings
from monitor.problems import ConfigError, Findings, Place, Problem
from monitor.remedies.attempts import RemedySettings
from monitor.reports.settings import ReportSettings
from monitor.rules.base import RuleSettings
from monitor.states import StateSettings
from monitor.storage.schema import Schema
from monitor.storage.settings import NullSinkSettings, SinkSettings

if TYPE_CHECKING:
    from monitor.collectors.snmp.traps import TrapSettings


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
    """Of every kind."""
    inventory: Inventory
    rules: tuple[RuleSettings, ...]
    policy: Policy
    channels: Mapping[str, ChannelSettings]
    sink: SinkSettings
    health: HealthSettings
    contract: ContractSettings
    traps: TrapSettings | None
    """``None``: no notifications are received."""
    schema: Schema
    """What the sink writes, with all that profiles of the user's own add."""
    remedies: RemedySettings
    reports: tuple[ReportSettings, ...] = ()
    key_events: tuple[KeyEvent, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def terms(self) -> Terms:
        return terms_of(self.contract, self.policy.levels)


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading a configuration came to."""

    problems: tuple[Problem, ...]
    channels: Mapping[str, tuple[Place, ChannelSettings]]
    """Those that are sound as far as settings go, also when other things are not."""
    config: Config | None
    """``None`` when there are errors."""


def load(path: Path | str) -> Config:
    """The configuration at ``path``, its secrets readable; ``ConfigError`` with all that is wrong.

    Relative names, also of secrets, start from the file that they stand in.
    """
    reading = read(path)
    if reading.config is None:
        raise ConfigError(reading.problems)
    return reading.config


def read(path: Path | str) -> Reading:
    """All that can be said of the configuration at ``path``."""
    findings = Findings()
    path = Path(path)
    sources = read_sources(path, findings)
    sections.unknown_sections(sources, findings)
    daemon = sections.single("daemon", DaemonSettings, sources, findings)
    states = sections.single("states", StateSettings, sources, findings)
    check_entries = sources.named("checks", findings)
    checks = sections.checks(check_entries, findings)
    kinds = sections.kinds(sources, findings)
    inventory, inventory_files = read_inventory(sources, kinds, findings)
    used = sections.with_defaults(checks, inventory)
    profiles = snmp.read_profiles(used, sources, findings)
    traps = snmp.read_traps(sources, profiles.schema, findings)
    rules = sections.rules(sources, findings)
    alerting = read_alerting(sources, findings)
    channel_entries = sources.named("channel", findings)
    channels = sections.named(channel_entries, ChannelSettings, findings, private=True)
    sink: SinkSettings = sections.variant("sink", SinkSettings, NullSinkSettings(), sources, findings)
    health = sections.single("health", HealthSettings, sources, findings)
    contract = sections.single("contract", ContractSettings, sources, findings)
    remedies = sections.single("remedies", RemedySettings, sources, findings)
    reports = sections.listed("report", ReportSettings, sources, findings)
    events = key_events.read(sources, rules, findings)
    references.check_secrets(
        [
            *((channel_entries[name].place, channel) for name, channel in channels.items()),
            *((entry.place, daemon) for entry in sources.tables("daemon")),
            *((entry.place, sink) for entry in sources.tables("sink")),
            *((entry.place, traps) for entry in sources.tables("traps") if traps is not None),
            *((entry.place, remedies) for entry in sources.tables("remedies")),
            *((check_entries[name].place, check) for name, check in checks.items()),
        ],
        findings,
    )
    if sources.whole:
        references.check_rules([*rules, *alerting.maintenance], inventory, findings)
        for entry in sources.tables("remedies"):
            references.check_remedies(entry.place, remedies, rules, checks, inventory, findings)
        references.check_reports(reports, findings)
        intervals = {name: check.interval for name, check in used.items()}
        key_events.check(events, intervals, inventory, findings)
        also = [(entry.place.at("receivers"), report.receivers) for entry, report in reports]
        also += key_events.receivers(events)
        heard = [*rules, *key_events.rules(events)]
        labels = known_labels((rule for _, rule in heard), profiles.schema.tags)
        labels |= sections.rule_labels(sources)
        check_alerting(alerting, heard, channel_entries, also, labels, findings)
    problems = tuple(findings.problems)
    placed = {name: (channel_entries[name].place, channel) for name, channel in channels.items()}
    if findings.errors:
        return Reading(problems, placed, None)
    config = Config(
        path=path,
        files=(*sources.paths, *inventory_files, *profiles.files),
        daemon=daemon,
        states=states,
        checks=MappingProxyType(used | profiles.checks),
        kinds=MappingProxyType(kinds),
        inventory=inventory,
        rules=tuple(rule for _, rule in rules),
        policy=alerting.policy(),
        channels=MappingProxyType(channels),
        sink=sink,
        health=health,
        contract=contract,
        traps=traps,
        schema=profiles.schema,
        remedies=remedies,
        reports=tuple(report for _, report in reports),
        key_events=tuple(event for _, event in events),
        warnings=problems,
    )
    return Reading(problems, placed, config)


def daemon_settings(path: Path | str) -> DaemonSettings:
    """``[daemon]`` alone: for commands that only need to find the daemon, and may not read the rest."""
    findings = Findings()
    sources = read_sources(Path(path), findings)
    found = sections.single("daemon", DaemonSettings, sources, findings)
    if findings.errors:
        raise ConfigError(findings.problems)
    return found


def contract_terms(path: Path | str) -> Terms:
    """``[contract]`` and the ``[[level]]``s alone: for reports, also while the rest is being repaired."""
    findings = Findings()
    sources = read_sources(Path(path), findings)
    contract = sections.single("contract", ContractSettings, sources, findings)
    levels = [level for _, level in sections.listed("level", LevelSettings, sources, findings)]
    if findings.errors:
        raise ConfigError(findings.problems)
    return terms_of(contract, levels)


def terms_of(contract: ContractSettings, levels: Iterable[LevelSettings]) -> Terms:
    """What reports measure against."""
    return Terms(contract, {x.name: Deadlines(int(x.respond), int(x.repair)) for x in levels})
