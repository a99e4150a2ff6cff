"""The book of rules: hands each rule what it asked for, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from monitor.ladder import FaultChange
from monitor.model import Instant, Result, Tags, WallMs
from monitor.rules import rule_class
from monitor.rules.base import Fleet, Learning, Rate, Rule, RuleSettings, Signal
from monitor.rules.fault import FaultRule
from monitor.rules.month_forecast import MonthForecastRule
from monitor.rules.online_rate import OnlineRateRule
from monitor.rules.series import SeriesRule
from monitor.states import Changes


class RuleBook:
    """All rules at work, in the order of their ranks, so that a cause has its incident before what it
    brings about asks for one."""

    def __init__(self, settings: Sequence[RuleSettings], fleet: Fleet) -> None:
        self.rules: dict[str, Rule] = {}
        for one in sorted(settings, key=lambda s: rule_class(s.type).rank):
            self.rules[one.name] = rule_class(one.type)(one)
        self._by_metric: dict[str, list[Rule]] = {}
        for rule in self.rules.values():
            for metric in rule.metrics:
                self._by_metric.setdefault(metric, []).append(rule)
        for rule in self.rules.values():
            list(rule.reload(fleet))

    def reload(self, fleet: Fleet) -> list[Signal]:
        """The inventory changed under the same rules."""
        return [signal for rule in self.rules.values() for signal in rule.reload(fleet)]

    def inherit(self, old: RuleBook) -> None:
        """Rules that are still there keep what they have learned, and what they miss."""
        for name, rule in self.rules.items():
            before: object = old.rules.get(name)
            if isinstance(rule, Learning) and isinstance(before, Learning) and before.memory == rule.memory:
                rule.adopt(before.snapshot())
            if (
                isinstance(rule, SeriesRule)
                and isinstance(before, SeriesRule)
                and rule.metrics == before.metrics
            ):
                rule.absences.adopt(before.absences)

    def restore(self, firing: Mapping[str, Iterable[tuple[Tags, WallMs]]]) -> list[Signal]:
        """Take up what was firing, by rule name; answers with what can fire no longer."""
        ended: list[Signal] = []
        for name, keys in firing.items():
            rule = self.rules.get(name)
            if rule is not None:
                ended.extend(rule.restore(keys))
        return ended

    def rate(self, rule: str, key: Tags) -> Rate | None:
        """The rate of a group as it stands."""
        found = self.rules.get(rule)
        return found.rate(key) if isinstance(found, OnlineRateRule) else None

    def on_changes(self, changes: Changes, now: Instant) -> list[Signal]:
        if not changes.transitions and not changes.flaps:
            return []
        return [signal for rule in self.rules.values() for signal in rule.on_changes(changes, now)]

    def on_results(self, results: Sequence[Result], now: Instant) -> list[Signal]:
        wanted = self._by_metric
        signals: list[Signal] = []
        if not wanted:
            return signals
        for result in results:
            for reading in result.readings:
                rules = wanted.get(reading.metric)
                if rules:
                    for rule in rules:
                        signals.extend(rule.on_reading(result.device, reading, result.at, now))
        firing = [
            rule for rule in self.rules.values() if isinstance(rule, SeriesRule) and rule.absences.devices
        ]
        if firing:
            for result in results:
                for series_rule in firing:
                    if result.device in series_rule.absences.devices:
                        signals.extend(series_rule.on_result(result, now))
        return signals

    def on_faults(self, changes: Iterable[FaultChange], now: Instant) -> list[Signal]:
        """What the ladder has found."""
        rules = [rule for rule in self.rules.values() if isinstance(rule, FaultRule)]
        return [signal for change in changes for rule in rules for signal in rule.on_fault(change, now)]

    @property
    def forecasters(self) -> list[MonthForecastRule]:
        """The rules that want forecasts."""
        return [rule for rule in self.rules.values() if isinstance(rule, MonthForecastRule)]

    def on_tick(self, now: Instant) -> list[Signal]:
        return [signal for rule in self.rules.values() for signal in rule.on_tick(now)]

    def busy(self) -> bool:
        """Some rule may fire by the passing of time alone; one that cannot tell is taken to be so."""
        return any(getattr(rule, "busy", True) for rule in self.rules.values())
