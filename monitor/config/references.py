"""What the sections say of each other: names that must exist, selectors that should match, secrets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from monitor.collectors.base import CheckSettings
from monitor.config.files import Entry
from monitor.config.walk import values
from monitor.inventory import Inventory
from monitor.problems import Findings, Place, suggest
from monitor.remedies.attempts import RemedySettings
from monitor.remedies.steps import Action
from monitor.reports.settings import ReportSettings
from monitor.rules.base import RuleSettings
from monitor.secrets import SecretError, SecretRef
from monitor.select import DeviceSelector, labels_of
from monitor.settings import Section


def check_secrets(sections: Iterable[tuple[Place, Section]], findings: Findings) -> None:
    """Reads every secret once: a channel must not be found dumb when it is needed."""
    for place, section in sections:
        for steps, value in values(section):
            if isinstance(value, SecretRef):
                try:
                    value.read()
                except SecretError as error:
                    findings.error(place.at(*steps), f"the secret cannot be read: {error}")


def check_reports(reports: Sequence[tuple[Entry, ReportSettings]], findings: Findings) -> None:
    """By its name the ledger knows what has been made of a report."""
    seen: dict[str, Entry] = {}
    for entry, report in reports:
        if seen.setdefault(report.name, entry) is not entry:
            findings.error(
                entry.place.at("name"),
                f'a report "{report.name}" is also in {seen[report.name].place}',
                "give each report a name of its own",
            )


def check_rules(rules: Sequence[tuple[Entry, Section]], inventory: Inventory, findings: Findings) -> None:
    """Warns of rules (and of planned work) about no device: of a misspelt area nobody would ever hear."""
    if not inventory.devices:
        return
    labels = [labels_of(device) for device in inventory.devices.values()]
    for entry, rule in rules:
        for steps, selector in values(rule):
            if isinstance(selector, DeviceSelector) and not any(map(selector.matches, labels)):
                findings.warning(
                    entry.place.at(*steps),
                    "no device of the inventory is selected",
                    _closest(selector, labels),
                )


def check_remedies(
    place: Place,
    remedies: RemedySettings,
    rules: Sequence[tuple[Entry, RuleSettings]],
    checks: Mapping[str, CheckSettings],
    inventory: Inventory,
    findings: Findings,
) -> None:
    """A remedy must have a rule that asks for it, the means to carry it out, and a way to prove the cure."""
    names = [rule.name for _, rule in rules]
    for index, action in enumerate(remedies.action):
        at = place.at("action", index)
        if action.rule not in names:
            findings.error(at.at("rule"), f'no rule is called "{action.rule}"', suggest(action.rule, names))
        if action.action is Action.POE_CYCLE and not remedies.poe.has_account:
            findings.error(
                place.at("poe", "community"),
                "is missing",
                "poe_cycle needs an account that may write",
            )
        if action.action is Action.REBOOT and "onvif" not in checks:
            findings.error(at.at("action"), "reboot needs [checks.onvif]", "its account is used")
        chosen = [d for d in inventory.devices.values() if action.match.selects(d)]
        if inventory.devices and not any("rtsp" in device.checks for device in chosen):
            findings.warning(
                at, "none of its devices has the check rtsp", "without video no cure can be proven"
            )


def _closest(selector: DeviceSelector, labels: Sequence[dict[str, str]]) -> str:
    """Which single label is to blame, if one is."""
    for label, wanted in selector.source.items():
        alone = DeviceSelector({label: wanted})
        if not any(map(alone.matches, labels)):
            return f"none has {label} = {json.dumps(wanted, ensure_ascii=False)}"
    return "each of its labels occurs, but never together"
