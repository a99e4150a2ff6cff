"""The sections that say whom to tell and when: routes, receivers, rosters, levels, inhibition, and so on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from monitor.alerts.labels import unknown_labels
from monitor.alerts.maintenance import MaintenanceSettings
from monitor.alerts.policy import Policy, StormSettings
from monitor.alerts.roster import RosterSettings
from monitor.alerts.routes import RouteSettings, find_route
from monitor.alerts.service import LevelSettings
from monitor.alerts.suppress import InhibitSettings
from monitor.config import sections
from monitor.config.files import Entry, Sources
from monitor.model import Severity
from monitor.notifiers.headline import BROKEN
from monitor.notifiers.settings import ReceiverSettings
from monitor.pipeline import OWN, OWN_TROUBLES
from monitor.problems import Findings, Place, suggest
from monitor.rules.base import RuleSettings

Placed = Sequence[tuple[Entry, RuleSettings]]


@dataclass(frozen=True, slots=True)
class Alerting:
    """What was read, each with its place."""

    routes: list[tuple[Entry, RouteSettings]]
    inhibits: list[tuple[Entry, InhibitSettings]]
    maintenance: list[tuple[Entry, MaintenanceSettings]]
    levels: list[tuple[Entry, LevelSettings]]
    rosters: dict[str, RosterSettings]
    roster_entries: Mapping[str, Entry]
    receivers: dict[str, ReceiverSettings]
    receiver_entries: Mapping[str, Entry]
    storm: StormSettings

    def policy(self) -> Policy:
        return Policy(
            routes=tuple(route for _, route in self.routes),
            receivers={name: tuple(r.channels) for name, r in self.receivers.items() if not r.roster},
            rosters={
                name: self.rosters[r.roster] for name, r in self.receivers.items() if r.roster in self.rosters
            },
            inhibits=tuple(inhibit for _, inhibit in self.inhibits),
            maintenance=tuple(window for _, window in self.maintenance),
            levels=tuple(level for _, level in self.levels),
            storm=self.storm,
        )


def read_alerting(sources: Sources, findings: Findings) -> Alerting:
    receivers = sources.named("receiver", findings)
    rosters = sources.named("roster", findings)
    return Alerting(
        routes=sections.listed("route", RouteSettings, sources, findings),
        inhibits=sections.listed("inhibit", InhibitSettings, sources, findings),
        maintenance=sections.listed("maintenance", MaintenanceSettings, sources, findings),
        levels=sections.listed("level", LevelSettings, sources, findings),
        rosters=sections.named(rosters, RosterSettings, findings),
        roster_entries=rosters,
        receivers=sections.named(receivers, ReceiverSettings, findings),
        receiver_entries=receivers,
        storm=sections.single("storm", StormSettings, sources, findings),
    )


def check_alerting(
    alerting: Alerting,
    rules: Placed,
    channels: Mapping[str, Entry],
    also: Iterable[tuple[Place, Sequence[str]]],
    labels: Collection[str],
    findings: Findings,
) -> None:
    """Names that lead nowhere, alerts that nobody would hear of. ``also``: receivers named elsewhere;
    ``labels``: those that alerts can have."""
    named: set[str] = set()
    for place, names in also:
        named.update(names)
        _receivers_exist(names, alerting, place, findings)
    for entry, route in alerting.routes:
        named.add(route.receiver)
        _receivers_exist([route.receiver], alerting, entry.place.at("receiver"), findings)
    for entry, level in alerting.levels:
        for number, step in enumerate(level.steps):
            named.update(step.receivers)
            place = entry.place.at("steps", number, "receivers")
            _receivers_exist(step.receivers, alerting, place, findings)
        named.update(level.progress_to)
        _receivers_exist(level.progress_to, alerting, entry.place.at("progress_to"), findings)
    for name, roster in alerting.rosters.items():
        place = alerting.roster_entries[name].place
        named.update(roster.everybody())
        for member in sorted(roster.everybody()):
            _receivers_exist([member], alerting, place.at("members"), findings)
            if member in alerting.receivers and alerting.receivers[member].roster:
                findings.error(
                    place.at("members"), f'"{member}" is a roster itself', "name a receiver with channels"
                )
    _check_receivers(alerting, named, channels, findings)
    _check_rule_names(alerting, rules, findings)
    _check_labels(alerting, labels, findings)
    _check_values(alerting, findings)
    _check_order(alerting, findings)
    _check_everybody_hears(alerting, rules, findings)


def _receivers_exist(names: Iterable[str], alerting: Alerting, place: Place, findings: Findings) -> None:
    for name in names:
        if name not in alerting.receiver_entries:
            findings.error(
                place,
                f'no receiver is called "{name}"',
                suggest(name, alerting.receiver_entries) or f"define [receiver.{name}]",
            )


def _check_receivers(
    alerting: Alerting, named: set[str], channels: Mapping[str, Entry], findings: Findings
) -> None:
    used: set[str] = set()
    for name, receiver in alerting.receivers.items():
        place = alerting.receiver_entries[name].place
        used.update(receiver.channels)
        for index, channel in enumerate(receiver.channels):
            if channel not in channels:
                findings.error(
                    place.at("channels", index),
                    f'no channel is called "{channel}"',
                    suggest(channel, channels) or f"define [channel.{channel}]",
                )
        if receiver.roster and receiver.roster not in alerting.roster_entries:
            findings.error(
                place.at("roster"),
                f'no roster is called "{receiver.roster}"',
                suggest(receiver.roster, alerting.roster_entries) or f"define [roster.{receiver.roster}]",
            )
        if name not in named:
            findings.warning(place, f'no route leads to the receiver "{name}"')
    for name, entry in channels.items():
        if name not in used:
            findings.warning(entry.place, f'no receiver uses the channel "{name}"')


def _check_rule_names(alerting: Alerting, rules: Placed, findings: Findings) -> None:
    names = [rule.name for _, rule in rules]
    for entry, route in alerting.routes:
        rule = route.match.source.get("rule")
        if isinstance(rule, str) and rule not in names and rule.isidentifier():
            findings.warning(
                entry.place.at("match", "rule"), f'no rule is called "{rule}"', suggest(rule, names)
            )


def _check_labels(alerting: Alerting, known: Collection[str], findings: Findings) -> None:
    """A matcher on a label that no alert has is a slip of the pen: it would hold never, or always."""
    named: list[tuple[Place, Iterable[str]]] = []
    for entry, route in alerting.routes:
        named.append((entry.place.at("match"), route.match.labels))
        named.append((entry.place.at("group_by"), route.group_by))
    for entry, inhibit in alerting.inhibits:
        named.append((entry.place.at("source"), inhibit.source.labels))
        named.append((entry.place.at("target"), inhibit.target.labels))
        named.append((entry.place.at("equal"), inhibit.equal))
    for entry, level in alerting.levels:
        named.append((entry.place.at("match"), level.match.labels))
        for number, step in enumerate(level.steps):
            named.append((entry.place.at("steps", number, "match"), step.match.labels))
    for place, labels in named:
        for label, hint in unknown_labels(labels, known):
            findings.warning(place, f'no alert has a label "{label}"', hint)


def _check_values(alerting: Alerting, findings: Findings) -> None:
    """Severities and causes are closed lists: what is not among them never matches."""
    selectors = [(entry.place.at("match"), route.match) for entry, route in alerting.routes]
    for entry, inhibit in alerting.inhibits:
        selectors += [(entry.place.at("source"), inhibit.source), (entry.place.at("target"), inhibit.target)]
    for entry, level in alerting.levels:
        selectors.append((entry.place.at("match"), level.match))
        for number, step in enumerate(level.steps):
            selectors.append((entry.place.at("steps", number, "match"), step.match))
    closed = {"severity": [s.label for s in Severity], "cause": [*BROKEN, *OWN_TROUBLES]}
    for place, selector in selectors:
        for label, names in closed.items():
            for value in selector.plain_values(label):
                if value not in names:
                    findings.warning(
                        place.at(label), f'no {label} is called "{value}"', suggest(value, names)
                    )


def _check_order(alerting: Alerting, findings: Findings) -> None:
    """Levels are known by their names; behind a route that takes everything none is ever asked."""
    seen: dict[str, Place] = {}
    for entry, level in alerting.levels:
        if seen.setdefault(level.name, entry.place) is not entry.place:
            findings.error(
                entry.place.at("name"),
                f'a level "{level.name}" is also in {seen[level.name]}',
                "give each level a name of its own",
            )
    for number, (entry, route) in enumerate(alerting.routes[:-1]):
        if not route.match.source and not route.continue_:
            findings.warning(
                alerting.routes[number + 1][0].place,
                f"no alert comes to this route: {entry.place} takes all",
                "move that one to the end",
            )
            return


def _check_everybody_hears(alerting: Alerting, rules: Placed, findings: Findings) -> None:
    """No alert may lead nowhere: for each rule, and for our own troubles, some route must match by what is
    known of its alerts."""
    if not rules:
        return
    routes = [route for _, route in alerting.routes]
    if any(not route.match.source for route in routes):
        return
    where = alerting.routes[-1][0].place if routes else Place(rules[0][0].place.file, "route")
    lost = [
        f'"{rule.name}" ({Severity(rule.severity).label})'
        for _, rule in rules
        if find_route(routes, _labels(rule.name, rule.severity, rule.labels)) is None
    ]
    own = {
        severity
        for name, severity in OWN_TROUBLES.items()
        if find_route(routes, _labels(OWN + name, severity, {"cause": name})) is None
    }
    if own:
        names = ", ".join(severity.label for severity in sorted(own))
        lost = [*lost[:5], f"Camwatch about itself ({names})"]
    if lost:
        words = ", ".join(lost[:6])
        findings.error(
            where,
            f"alerts of {words} may lead to nobody",
            "end with a [[route]] that has a receiver and no match",
        )


def _labels(rule: str, severity: Severity, labels: Mapping[str, str]) -> dict[str, str]:
    return {"rule": rule, "severity": Severity(severity).label, **labels}
