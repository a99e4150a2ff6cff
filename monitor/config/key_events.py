"""``[[key_event]]``: read with its own rules, and held against the rest of the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from monitor.config import sections
from monitor.config.files import Entry, Sources
from monitor.config.wording import duration_text
from monitor.inventory import Inventory
from monitor.key_event import KeyEvent, KeyEventSettings, rate_rule_name, selector_of
from monitor.problems import Findings, Place, suggest
from monitor.rules.base import RuleSettings

Placed = Sequence[tuple[Entry, KeyEvent]]


def read(
    sources: Sources, rules: Sequence[tuple[Entry, RuleSettings]], findings: Findings
) -> list[tuple[Entry, KeyEvent]]:
    """Each sound event; the names of all rules, usual or of an event, are unique."""
    taken = {rule.name: entry for entry, rule in rules}
    names: dict[str, Entry] = {}
    found = []
    for entry, settings in sections.listed("key_event", KeyEventSettings, sources, findings):
        if names.setdefault(settings.name, entry) is not entry:
            findings.error(
                entry.place.at("name"),
                f'a key event "{settings.name}" is also in {names[settings.name].place}',
                "give each key event a name of its own",
            )
        if settings.online_rate is not None:
            taken.setdefault(rate_rule_name(settings.name), entry)
        found.append((entry, KeyEvent(settings, list(_rules(entry, settings, taken, findings)))))
    return found


def _rules(
    entry: Entry, settings: KeyEventSettings, taken: dict[str, Entry], findings: Findings
) -> Iterator[RuleSettings]:
    for number, table in enumerate(settings.rule):
        inner = Entry(entry.place.at("rule", number), table, entry.base)
        rule = sections.a_rule(inner, findings)
        if rule is None:
            continue
        if taken.setdefault(rule.name, inner) is not inner:
            findings.error(
                inner.place.at("name"),
                f'a rule "{rule.name}" is also in {taken[rule.name].place}',
                "give each rule a name of its own",
            )
        elif selector_of(rule) is None:
            findings.error(
                inner.place.at("type"),
                f'a rule of type "{rule.type}" is not about devices that can be chosen',
                "put it among the usual rules",
            )
        else:
            yield rule


def check(events: Placed, intervals: Mapping[str, float], inventory: Inventory, findings: Findings) -> None:
    """Events about no device, and checks that nothing is known of or that would become slower."""
    for entry, event in events:
        for check_, interval in event.settings.intervals.items():
            place = entry.place.at("intervals", check_)
            usual = intervals.get(check_)
            if usual is None:
                findings.error(place, f'no device is checked by "{check_}"', suggest(check_, intervals))
            elif interval > usual:
                findings.error(
                    place,
                    f"{duration_text(interval)} is less often than the usual {duration_text(usual)}",
                    "a key event only tightens",
                )
            elif interval < 1:
                findings.error(place, f"{duration_text(interval)} is too short", 'write at least "1s"')
        if inventory.devices and not any(map(event.covers, inventory.devices.values())):
            findings.warning(entry.place.at("select"), "no device of the inventory is selected")


def receivers(events: Placed) -> list[tuple[Place, tuple[str, ...]]]:
    """Who gets their reports."""
    return [(entry.place.at("receivers"), event.settings.receivers) for entry, event in events]


def rules(events: Placed) -> list[tuple[Entry, RuleSettings]]:
    """The events' own rules: their alerts must lead to somebody too."""
    return [(entry, rule) for entry, event in events for rule in event.rules]
