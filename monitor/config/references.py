"""What the sections say of each other: names that must exist, selectors that should match, secrets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from monitor.alerts.routes import RouteSettings
from monitor.config.files import Entry
from monitor.config.walk import values
from monitor.inventory import Inventory
from monitor.notifiers.settings import ReceiverSettings
from monitor.problems import Findings, Place, suggest
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


def check_routes(
    routes: Sequence[tuple[Entry, RouteSettings]],
    rules: Sequence[tuple[Entry, RuleSettings]],
    receivers: Mapping[str, Entry],
    findings: Findings,
) -> None:
    """Routes to receivers that do not exist; alerts that no route would take."""
    names = [rule.name for _, rule in rules]
    for entry, route in routes:
        if route.receiver not in receivers:
            findings.error(
                entry.place.at("receiver"),
                f'no receiver is called "{route.receiver}"',
                suggest(route.receiver, receivers) or f"define [receiver.{route.receiver}]",
            )
        rule = route.match.source.get("rule")
        if isinstance(rule, str) and rule not in names and rule.isidentifier():
            findings.warning(
                entry.place.at("match", "rule"), f'no rule is called "{rule}"', suggest(rule, names)
            )
    for name, entry in receivers.items():
        if name not in {route.receiver for _, route in routes}:
            findings.warning(entry.place, f'no route leads to the receiver "{name}"')
    if rules and all(route.match.source for _, route in routes):
        where = routes[-1][0].place if routes else Place(rules[0][0].place.file, "route")
        findings.warning(
            where,
            "an alert that no route matches is told to nobody",
            "end with a [[route]] that has a receiver and no match",
        )


def check_receivers(
    receivers: Mapping[str, ReceiverSettings],
    entries: Mapping[str, Entry],
    channels: Mapping[str, Entry],
    findings: Findings,
) -> None:
    """Receivers of channels that do not exist; channels that nobody uses."""
    for name, receiver in receivers.items():
        for index, channel in enumerate(receiver.channels):
            if channel not in channels:
                findings.error(
                    entries[name].place.at("channels", index),
                    f'no channel is called "{channel}"',
                    suggest(channel, channels) or f"define [channel.{channel}]",
                )
    used = {channel for receiver in receivers.values() for channel in receiver.channels}
    for name, entry in channels.items():
        if name not in used:
            findings.warning(entry.place, f'no receiver uses the channel "{name}"')


def check_rules(
    rules: Sequence[tuple[Entry, RuleSettings]], inventory: Inventory, findings: Findings
) -> None:
    """Warns of rules about no device: of a misspelt area nobody would ever hear."""
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


def _closest(selector: DeviceSelector, labels: Sequence[dict[str, str]]) -> str:
    """Which single label is to blame, if one is."""
    for label, wanted in selector.source.items():
        alone = DeviceSelector({label: wanted})
        if not any(map(alone.matches, labels)):
            return f"none has {label} = {json.dumps(wanted, ensure_ascii=False)}"
    return "each of its labels occurs, but never together"
