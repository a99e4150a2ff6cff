"""What the ledger keeps: one small record for each thing that happened, each knowing its own SQL.

Records travel to the writer thread in the order they were made; those of one pipeline step are written in
one transaction, so a state change and the message it caused are durable together or not at all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from monitor.model import Device, DeviceId, IncidentId, Reason, State, WallMs

SqlValue: TypeAlias = str | int | float | bytes | None
"""What SQLite stores."""


class Record(Protocol):
    @property
    def sql(self) -> str: ...

    def values(self) -> tuple[SqlValue, ...]: ...


@dataclass(frozen=True, slots=True)
class StateChanged:
    device: DeviceId
    at: WallMs
    state: State
    reason: Reason
    detail: str = ""
    parent: DeviceId | None = None

    sql = "INSERT INTO state_change (device, at, state, reason, detail, parent) VALUES (?,?,?,?,?,?)"

    def values(self) -> tuple[SqlValue, ...]:
        return self.device, self.at, self.state.value, self.reason.value, self.detail, self.parent


@dataclass(frozen=True, slots=True)
class DeviceJoined:
    """A device is in service from ``at``, with these properties."""

    device: Device
    at: WallMs

    sql = (
        "INSERT INTO membership (device, since, name, kind, address, site, area, key_site, vendor, model,"
        " feeder, checks) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
    )

    def values(self) -> tuple[SqlValue, ...]:
        return self.device.id, self.at, *membership_of(self.device)


@dataclass(frozen=True, slots=True)
class DeviceLeft:
    """Its membership ends at ``at``: retired, or its properties change."""

    device: DeviceId
    at: WallMs

    sql = "UPDATE membership SET until=? WHERE device=? AND until IS NULL"

    def values(self) -> tuple[SqlValue, ...]:
        return self.at, self.device


def membership_of(device: Device) -> tuple[str | int, ...]:
    """The properties that reports group by or show; a change of one begins a new membership."""
    return (
        device.name,
        device.kind.value,
        device.address,
        device.site,
        device.area,
        int(device.key_site),
        device.vendor,
        device.model,
        device.feeder,
        " ".join(device.checks),
    )


@dataclass(frozen=True, slots=True)
class IncidentSaved:
    id: IncidentId
    opened: WallMs
    since: WallMs
    resolved: WallMs | None
    cause: str
    severity: int
    subject: str
    place: str
    grouping: str
    receivers: tuple[str, ...]
    acked_at: WallMs | None
    acked_by: str
    ack_until: WallMs | None = None
    level: str = ""
    """The service level that it falls under, by name."""

    sql = (
        "INSERT INTO incident (id, opened, since, resolved, cause, severity, subject, place, grouping,"
        " receivers, acked_at, acked_by, ack_until, level) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
        " ON CONFLICT (id) DO UPDATE SET since=excluded.since, resolved=excluded.resolved,"
        " cause=excluded.cause, severity=excluded.severity, subject=excluded.subject, place=excluded.place,"
        " receivers=excluded.receivers, acked_at=excluded.acked_at, acked_by=excluded.acked_by,"
        " ack_until=excluded.ack_until, level=excluded.level"
    )

    def values(self) -> tuple[SqlValue, ...]:
        return (
            self.id,
            self.opened,
            self.since,
            self.resolved,
            self.cause,
            self.severity,
            self.subject,
            self.place,
            self.grouping,
            json.dumps(self.receivers, ensure_ascii=False),
            self.acked_at,
            self.acked_by,
            self.ack_until,
            self.level,
        )


@dataclass(frozen=True, slots=True)
class AlertSaved:
    incident: IncidentId
    rule: str
    key: str
    """JSON of the key's pairs."""
    since: WallMs
    until: WallMs | None
    cause: str
    severity: int
    labels: str
    subject: str
    place: str
    device: DeviceId | None
    detail: str
    evidence: str = ""
    """JSON of what its message rests on."""
    unreported: bool = False

    sql = (
        "INSERT INTO alert (incident, rule, key, since, until, cause, severity, labels, subject, place,"
        " device, detail, evidence, unreported) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
        " ON CONFLICT (incident, rule, key) DO UPDATE SET until=excluded.until,"
        " severity=excluded.severity, detail=excluded.detail, unreported=excluded.unreported"
    )

    def values(self) -> tuple[SqlValue, ...]:
        return (
            self.incident,
            self.rule,
            self.key,
            self.since,
            self.until,
            self.cause,
            self.severity,
            self.labels,
            self.subject,
            self.place,
            self.device,
            self.detail,
            self.evidence,
            self.unreported,
        )


@dataclass(frozen=True, slots=True)
class IncidentEvent:
    """A line of the incident's story."""

    incident: IncidentId
    at: WallMs
    kind: str
    author: str = ""
    text: str = ""

    sql = "INSERT INTO incident_event (incident, at, kind, author, text) VALUES (?,?,?,?,?)"

    def values(self) -> tuple[SqlValue, ...]:
        return self.incident, self.at, self.kind, self.author, self.text


@dataclass(frozen=True, slots=True)
class MessageQueued:
    id: int
    incident: IncidentId | None
    channel: str
    kind: str
    notice: str
    created: WallMs

    sql = "INSERT INTO outbox (id, incident, channel, kind, notice, created) VALUES (?,?,?,?,?,?)"

    def values(self) -> tuple[SqlValue, ...]:
        return self.id, self.incident, self.channel, self.kind, self.notice, self.created


@dataclass(frozen=True, slots=True)
class Told:
    """The channel hears of the incident in a digest, which is a message about many."""

    incident: IncidentId
    channel: str

    sql = "INSERT OR IGNORE INTO told (incident, channel) VALUES (?,?)"

    def values(self) -> tuple[SqlValue, ...]:
        return self.incident, self.channel


@dataclass(frozen=True, slots=True)
class SeriesAlerted:
    """A baseline alert; not ``told`` when its series alerts too often to page."""

    at: WallMs
    rule: str
    metric: str
    device: DeviceId
    part: str
    value: float
    low: float
    high: float
    told: bool

    sql = (
        "INSERT INTO series_alert (at, rule, metric, device, part, value, low, high, told)"
        " VALUES (?,?,?,?,?,?,?,?,?)"
    )

    def values(self) -> tuple[SqlValue, ...]:
        return (
            self.at,
            self.rule,
            self.metric,
            self.device,
            self.part,
            self.value,
            self.low,
            self.high,
            int(self.told),
        )


@dataclass(frozen=True, slots=True)
class SilenceSaved:
    id: int
    match: str
    """The selector's source as JSON."""
    author: str
    reason: str
    begins: WallMs
    ends: WallMs

    sql = (
        "INSERT INTO silence (id, match, author, reason, begins, ends) VALUES (?,?,?,?,?,?)"
        " ON CONFLICT (id) DO UPDATE SET ends=excluded.ends"
    )

    def values(self) -> tuple[SqlValue, ...]:
        return self.id, self.match, self.author, self.reason, self.begins, self.ends


@dataclass(frozen=True, slots=True)
class LinkUsed:
    """A one-use link was opened: it is not to be good again before it ends of itself."""

    nonce: bytes
    ends: WallMs

    sql = "INSERT OR IGNORE INTO link_used (nonce, ends) VALUES (?,?)"

    def values(self) -> tuple[SqlValue, ...]:
        return self.nonce, self.ends


@dataclass(frozen=True, slots=True)
class LinksForgotten:
    """Used links that have ended by ``at`` need not be known any more."""

    at: WallMs

    sql = "DELETE FROM link_used WHERE ends <= ?"

    def values(self) -> tuple[SqlValue, ...]:
        return (self.at,)


@dataclass(frozen=True, slots=True)
class DeliveryTried:
    """One attempt at one message, with what came back."""

    outbox: int
    at: WallMs
    outcome: str
    code: str
    detail: str
    took_ms: int

    sql = "INSERT INTO delivery (outbox, at, outcome, code, detail, took_ms) VALUES (?,?,?,?,?,?)"

    def values(self) -> tuple[SqlValue, ...]:
        return self.outbox, self.at, self.outcome, self.code, self.detail, self.took_ms


@dataclass(frozen=True, slots=True)
class MessageDone:
    """A message needs no more attempts: ``state`` is delivered or dead."""

    id: int
    state: str
    at: WallMs

    sql = "UPDATE outbox SET state=?, done=? WHERE id=?"

    def values(self) -> tuple[SqlValue, ...]:
        return self.state, self.at, self.id


@dataclass(frozen=True, slots=True)
class RunStarted:
    id: int
    at: WallMs
    version: str

    sql = "INSERT INTO run (id, started, alive, version) VALUES (?,?,?,?)"

    def values(self) -> tuple[SqlValue, ...]:
        return self.id, self.at, self.at, self.version


@dataclass(frozen=True, slots=True)
class RunAlive:
    """The daemon was alive and measuring at ``at``; ``stopped`` when it ends in order."""

    id: int
    at: WallMs
    stopped: bool = False

    sql = "UPDATE run SET alive=?, stopped=? WHERE id=?"

    def values(self) -> tuple[SqlValue, ...]:
        return self.at, int(self.stopped), self.id


@dataclass(frozen=True, slots=True)
class ReportMade:
    """A report of a period is there, and on its way to whom it is for: it is not made by itself again."""

    name: str
    since: WallMs
    until: WallMs
    at: WallMs
    files: tuple[str, ...]

    sql = "INSERT OR REPLACE INTO report_made (name, since, until, made, files) VALUES (?,?,?,?,?)"

    def values(self) -> tuple[SqlValue, ...]:
        return self.name, self.since, self.until, self.at, json.dumps(self.files, ensure_ascii=False)
