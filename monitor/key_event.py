"""``[[key_event]]`` (重大安保保障): for its time, its devices are checked more often, by rules of its own,
and escalation is shorter. What that means is worked out here, purely; ``keyguard`` asks for it in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from monitor.alerts.policy import Policy
from monitor.alerts.service import LevelSettings, StepSettings
from monitor.books.settings import Percent
from monitor.model import Device, DeviceId, Severity, WallMs
from monitor.pipeline import Plan
from monitor.reports.kinds import Format, ReportKind
from monitor.rules.base import RuleSettings
from monitor.rules.online_rate import OnlineRateSettings
from monitor.select import DeviceSelector
from monitor.settings import Duration, Section, known_zone, parse_duration

LABEL = "key_event"
"""The label of alerts by an event's own rules, for routes to match on."""


class KeyEventSettings(Section):
    """One ``[[key_event]]``: from ``begin`` to ``end`` its devices are guarded more tightly."""

    name: str = Field(min_length=1, max_length=80)
    """Unique; what people call it, for example "两会保障"."""
    select: DeviceSelector = Field(default_factory=DeviceSelector)
    """Which devices; by default all."""
    begin: datetime
    """Local time of ``timezone``, for example 2026-12-01T08:00:00."""
    end: datetime
    timezone: str = "Asia/Shanghai"
    intervals: dict[str, Duration] = Field(default_factory=dict)
    """How often these devices are checked meanwhile: ``{ icmp = "2s", rtsp = "1m" }``. Never less often than
    usual."""
    online_rate: Percent | None = 100.0
    """Percent of its cameras on line: below it is a critical alert at once, with the event's name."""
    hurry: float = Field(default=0.5, gt=0, le=1)
    """What the ``[[level]]``s allow, and the times of their steps, are multiplied by this for its devices."""
    rule: tuple[dict[str, Any], ...] = ()
    """``[[key_event.rule]]``: rules as in ``[[rule]]`` that are in force meanwhile, over its devices only."""
    reports: tuple[ReportKind, ...] = (ReportKind.STATEMENT, ReportKind.LEDGER)
    """Made when it has ended, of its time and its devices; the required rate in them is ``online_rate``."""
    formats: tuple[Format, ...] = (Format.PDF, Format.XLSX)
    folder: Path | None = None
    """Where its reports go; by default ``reports`` in the daemon's ``state_dir``."""
    receivers: tuple[str, ...] = ()
    """Who gets them as attachments."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return known_zone(name)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end_ms <= self.begin_ms:
            raise ValueError(f"ends at {self.end}, before it begins at {self.begin}")
        return self

    @property
    def begin_ms(self) -> WallMs:
        return self._ms(self.begin)

    @property
    def end_ms(self) -> WallMs:
        return self._ms(self.end)

    def _ms(self, moment: datetime) -> WallMs:
        local = moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(self.timezone))
        return WallMs(int(local.timestamp() * 1000))


class KeyEvent:
    """An event with its own rules, each narrowed to its devices."""

    __slots__ = ("rules", "settings")

    def __init__(self, settings: KeyEventSettings, rules: Sequence[RuleSettings] = ()) -> None:
        self.settings = settings
        self.rules = (*self._rate(), *(self._narrowed(rule) for rule in rules))

    def _rate(self) -> tuple[RuleSettings, ...]:
        settings = self.settings
        if settings.online_rate is None:
            return ()
        cameras = settings.select.both(DeviceSelector({"kind": "camera"}))
        return (
            OnlineRateSettings(
                name=rate_rule_name(settings.name), type="online_rate", severity=Severity.CRITICAL,
                labels={LABEL: settings.name}, select=cameras, below=settings.online_rate,
            ),
        )  # fmt: skip

    def _narrowed(self, rule: RuleSettings) -> RuleSettings:
        labels = {LABEL: self.settings.name, **rule.labels}
        select = self.settings.select.both(selector_of(rule) or DeviceSelector())
        return rule.model_copy(update={"select": select, "labels": labels})

    def covers(self, device: Device) -> bool:
        return self.settings.select.selects(device)

    def in_force(self, at: WallMs) -> bool:
        return self.settings.begin_ms <= at < self.settings.end_ms


def selector_of(rule: RuleSettings) -> DeviceSelector | None:
    """What it selects its devices by; ``None`` for a rule that has no such thing."""
    found = dict(rule).get("select")
    return found if isinstance(found, DeviceSelector) else None


def rate_rule_name(event: str) -> str:
    return f"key-event {event}"


def in_force(events: Iterable[KeyEvent], at: WallMs) -> tuple[KeyEvent, ...]:
    return tuple(event for event in events if event.in_force(at))


def guarded(plan: Plan, events: Sequence[KeyEvent]) -> Plan:
    """The plan while these events are in force."""
    if not events:
        return plan
    rules = [*plan.rules, *(rule for event in events for rule in event.rules)]
    return replace(plan, rules=rules, policy=_hurried(plan.policy, events))


def _hurried(policy: Policy, events: Sequence[KeyEvent]) -> Policy:
    """Each level once more in front, for the events' devices and with less time. It keeps its name: a rung
    that was taken is not taken again, and the contract's own deadlines stay those of the reports."""
    tight = [_hurry(level, event.settings) for event in events for level in policy.levels]
    return replace(policy, levels=(*tight, *policy.levels))


def _hurry(level: LevelSettings, event: KeyEventSettings) -> LevelSettings:
    steps = tuple(step.model_copy(update={"after": _sooner(step, event.hurry)}) for step in level.steps)
    return level.model_copy(
        update={
            "match": level.match.both(event.select),
            "respond": level.respond * event.hurry,
            "repair": level.repair * event.hurry,
            "steps": steps,
        }
    )


def _sooner(step: StepSettings, hurry: float) -> str:
    """Shares of the time allowed shrink with it; a time by itself shrinks here."""
    return step.after if step.after.endswith("%") else f"{parse_duration(step.after) * hurry:.3f}s"


Loads = dict[str, tuple[float, list[DeviceId]]]
"""What the schedule is given: a check (``icmp``), or one at another pace (``icmp@2s``) → seconds, devices."""


def paces(intervals: Mapping[str, float], devices: Iterable[Device], events: Sequence[KeyEvent]) -> Loads:
    """Who is checked how often, by the usual interval of each check and the events in force."""
    found: Loads = {check: (interval, []) for check, interval in intervals.items()}
    for device in devices:
        mine = [event.settings.intervals for event in events if event.covers(device)]
        for check in device.checks:
            usual = intervals.get(check)
            if usual is None:
                continue
            pace = min([usual, *(quick[check] for quick in mine if check in quick)])
            name = check if pace == usual else f"{check}@{pace:g}s"
            found.setdefault(name, (pace, []))[1].append(device.id)
    return found
