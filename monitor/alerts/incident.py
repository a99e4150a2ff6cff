"""Alerts and incidents: what is firing, and the cases people work on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from monitor.alerts.service import LevelSettings
from monitor.model import DeviceId, IncidentId, MonoMs, Severity, Tags, WallMs
from monitor.notifiers.attachment import Attachment
from monitor.notifiers.evidence import Evidence
from monitor.rules.base import Rate, Signal


class Fingerprint(NamedTuple):
    """The identity of an alert."""

    rule: str
    key: Tags


@dataclass(slots=True)
class Alert:
    """One firing instance of a rule."""

    fingerprint: Fingerprint
    cause: str
    severity: Severity
    since: WallMs
    labels: Tags = ()
    subject: str = ""
    place: str = ""
    device: DeviceId | None = None
    rate: Rate | None = None
    offline: tuple[DeviceId, ...] = ()
    excused: tuple[DeviceId, ...] = ()
    """Its end came by an exclusion of these, which are off line still (``Signal.excused``)."""
    detail: str = ""
    until: WallMs | None = None
    unreported: bool = False
    """It ended since the device no longer reports what it was about: nobody knows that it is mended."""
    offline_set: frozenset[DeviceId] = frozenset()
    attachments: tuple[Attachment, ...] = ()
    evidence: Evidence | None = None
    """In memory only."""
    _labels: dict[str, str] | None = None

    @staticmethod
    def of(signal: Signal) -> Alert:
        return Alert(
            Fingerprint(signal.rule, signal.key),
            signal.cause,
            signal.severity,
            signal.since,
            signal.labels,
            signal.subject,
            signal.place,
            signal.device,
            signal.rate,
            signal.offline,
            detail=signal.detail,
            offline_set=frozenset(signal.offline),
            attachments=signal.attachments,
            evidence=signal.evidence,
        )

    def all_labels(self) -> dict[str, str]:
        """What routes, levels, silences and inhibition match on. Made once: not to be changed."""
        if self._labels is not None:
            return self._labels
        labels = {
            "rule": self.fingerprint.rule,
            "cause": self.cause,
            "severity": self.severity.label,
            **dict(self.fingerprint.key),
            **dict(self.labels),
        }
        labels.pop("device", None)
        self._labels = labels
        return labels


class Pace(NamedTuple):
    """How messages about an incident are paced, in seconds (see ``routes.RouteSettings``)."""

    group_wait: float = 0.0
    group_interval: float = 300.0
    repeat_interval: float = 4 * 3600.0


@dataclass(slots=True)
class Incident:
    """The case people work on: opened by one cause, gathers its alerts."""

    id: IncidentId
    opened: WallMs
    since: WallMs
    """When the first of its alerts began."""
    cause: str
    severity: Severity
    subject: str
    place: str
    group: str
    """The group that it was opened for: route and labels."""
    receivers: tuple[str, ...]
    alerts: dict[Fingerprint, Alert] = field(default_factory=dict)
    """All that it ever had; ``open`` are those that fire now."""
    open: dict[Fingerprint, Alert] = field(default_factory=dict)
    resolved: WallMs | None = None
    acked_at: WallMs | None = None
    acked_by: str = ""
    ack_until: WallMs | None = None
    """The acknowledgement holds until then; ``None``: until the end."""
    told: Counter[str] = field(default_factory=Counter)
    """The channels that took (or still hold) a message about it, and how many."""
    digested: set[str] = field(default_factory=set)
    """The channels that heard of it in the digest of a storm only."""
    last_told: WallMs | None = None
    last_offline: int = 0
    """How many devices the last message spoke of."""
    last_severity: Severity | None = None
    """How grave the last message said it was."""
    last_progress: WallMs | None = None
    restless: bool = False
    """It has begun and ended again and again."""
    told_restless: bool = False
    closed_by: str = ""
    """Who said that it is over; empty when it was seen to be."""
    closed_text: str = ""
    places: int = 0
    """At the height of a power cut: how many feeders and sites it took."""
    steps_done: set[tuple[str, int]] = field(default_factory=set)
    """Rungs of the ladder that were taken: level and number."""
    # in memory only: what follows from the configuration and the clock
    pace: Pace = field(default_factory=Pace)
    level: LevelSettings | None = None
    held: str = ""
    """Why it is not told now."""
    remedy: str = ""
    """What cured it from afar (``remedies.Action``), once that is proven."""
    news: bool = False
    """It has grown since the last message."""
    joined_last: MonoMs | None = None
    next_notice: MonoMs | None = None
    last_notice: MonoMs | None = None

    def add(self, alert: Alert) -> None:
        self.alerts[alert.fingerprint] = alert
        if alert.until is None:
            self.open[alert.fingerprint] = alert

    def end(self, alert: Alert, at: WallMs) -> None:
        alert.until = at
        self.open.pop(alert.fingerprint, None)

    def open_alerts(self) -> list[Alert]:
        return list(self.open.values())

    def is_acknowledged(self, now: WallMs) -> bool:
        return self.acked_at is not None and (self.ack_until is None or now < self.ack_until)

    def lead(self) -> Alert:
        """The alert that names the incident: a power cut, else a device's before a rate's, the gravest, of
        rates that of the smallest group, the first. Once all have ended, one that was not seen to be mended
        comes before those that were."""
        alerts = (self.open or self.alerts).values()
        return min(
            alerts,
            key=lambda a: (
                not a.unreported,
                a.cause != "power_cut",
                a.rate is not None,
                -a.severity,
                a.rate.counted if a.rate is not None else 0,
                a.since,
            ),
        )
