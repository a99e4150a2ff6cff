"""Service times: each incident found, told, acknowledged, repaired, verified, against its deadlines.

The repair clock stands still while an exclusion that counts covers what the incident is about (unsafe
weather, a power cut, ...). Incidents of Camwatch itself are not part of the contract and left out.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from monitor.books.exclusion import Exclusion, Reach
from monitor.books.period import Period
from monitor.books.records import Span, clip, union
from monitor.model import IncidentId, Severity


class Kept(Enum):
    """Whether a deadline was kept."""

    YES = "yes"
    NO = "no"
    RUNNING = "running"
    """Not done, and still within time."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds from when the fault was found."""

    respond: int
    repair: int


@dataclass(frozen=True, slots=True)
class Scope:
    """What an incident is about, as exclusions name it: pairs like (area, East)."""

    names: frozenset[tuple[Reach, str]]

    def covered(self, exclusion: Exclusion) -> bool:
        return exclusion.counts and (
            exclusion.reach is Reach.ALL or (exclusion.reach, exclusion.name) in self.names
        )


@dataclass(frozen=True, slots=True)
class Service:
    """One incident. Times in seconds since 1970, ``None`` for what has not happened."""

    id: IncidentId
    since: int
    """When the fault began."""
    found: int
    told: int | None
    """The first message that a channel took."""
    acknowledged: int | None
    acknowledged_by: str
    repaired: int | None
    verified: int | None
    cause: str
    severity: Severity
    level: str
    """The contract's service level; empty for none."""
    subject: str
    place: str
    receivers: tuple[str, ...]
    detail: str
    record: str
    """The cause that was found, and notes, as people entered them."""
    paused: int
    """Seconds for which the repair clock stood still."""
    until: int
    """The end of the books: what is not done then is still running."""

    @property
    def response(self) -> int | None:
        """Seconds until somebody took it. What repaired itself before needs no response."""
        if self.acknowledged is None:
            return None
        return self.acknowledged - self.found

    @property
    def repair(self) -> int | None:
        """Seconds of repair, pauses taken off."""
        return None if self.repaired is None else self.repaired - self.found - self.paused

    def responded(self, limit: int) -> Kept:
        if self.response is not None:
            return Kept.YES if self.response <= limit else Kept.NO
        if self.repaired is not None and self.repaired - self.found <= limit:
            return Kept.YES
        return _running((self.repaired or self.until) - self.found, limit, self.repaired is not None)

    def in_time(self, limit: int) -> Kept:
        if self.repair is not None:
            return Kept.YES if self.repair <= limit else Kept.NO
        return _running(self.until - self.found - self.paused, limit, False)


def _running(elapsed: int, limit: int, over: bool) -> Kept:
    return Kept.NO if over or elapsed > limit else Kept.RUNNING


_INCIDENTS = (
    "SELECT i.id, i.since, i.opened, i.acked_at, i.acked_by, i.resolved, i.cause, i.severity, i.subject,"
    " i.place, i.receivers, i.level,"
    " (SELECT min(d.at) FROM outbox o JOIN delivery d ON d.outbox = o.id"
    "  WHERE o.incident = i.id AND d.outcome = 'delivered'),"
    " (SELECT min(e.at) FROM incident_event e WHERE e.incident = i.id AND e.kind = 'verified'),"
    " (SELECT group_concat(e.text, '; ') FROM incident_event e WHERE e.incident = i.id"
    "  AND e.kind IN ('cause', 'note') AND e.at < :until)"
    " FROM incident i WHERE i.opened < :until AND (i.resolved IS NULL OR i.resolved >= :since)"
    " AND EXISTS (SELECT 1 FROM alert a WHERE a.incident = i.id AND a.rule NOT LIKE 'camwatch.%')"
    " ORDER BY i.opened, i.id"
)


def read_services(db: sqlite3.Connection, period: Period, exclusions: Sequence[Exclusion]) -> list[Service]:
    """The incidents that were open at some time of the period, by when they were found."""
    scopes, details = _alerts(db, period)
    bounds = {"since": period.since * 1000, "until": period.until * 1000}
    found = []
    for row in db.execute(_INCIDENTS, bounds):
        (
            id_,
            since,
            opened,
            acked,
            by,
            resolved,
            cause,
            severity,
            subject,
            place,
            to,
            level,
            told,
            seen,
            record,
        ) = row
        begin, end = opened // 1000, _within(resolved, period)
        open_ = Span(begin, period.until if end is None else end)
        scope = scopes.get(id_, Scope(frozenset()))
        pauses = union([clip(e.span, open_) for e in exclusions if scope.covered(e)])
        found.append(
            Service(
                IncidentId(id_), since // 1000, begin, _within(told, period), _within(acked, period), by, end,
                _within(seen, period), cause, Severity(severity), level, subject, place,
                tuple(json.loads(to)), details.get(id_, ""), record or "",
                sum(span.until - span.since for span in pauses), period.until,
            )
        )  # fmt: skip
    return found


def _within(at: int | None, period: Period) -> int | None:
    """What happened after the period had not happened yet."""
    return at // 1000 if at is not None and at // 1000 < period.until else None


_ALERTS = (
    "SELECT a.incident, a.key, a.device, a.detail,"
    " (SELECT json_array(m.area, m.site, m.feeder) FROM membership m WHERE m.device = a.device"
    "  AND m.since <= a.since ORDER BY m.rowid DESC LIMIT 1)"
    " FROM alert a JOIN incident i ON i.id = a.incident"
    " WHERE i.opened < :until AND (i.resolved IS NULL OR i.resolved >= :since)"
)


def _alerts(db: sqlite3.Connection, period: Period) -> tuple[dict[int, Scope], dict[int, str]]:
    names: dict[int, set[tuple[Reach, str]]] = {}
    details: dict[int, str] = {}
    bounds = {"since": period.since * 1000, "until": period.until * 1000}
    known = {reach.value: reach for reach in Reach}
    for incident, key, device, detail, place in db.execute(_ALERTS, bounds):
        scope = names.setdefault(incident, set())
        scope.update((known[label], value) for label, value in json.loads(key) if label in known)
        if device is not None:
            scope.add((Reach.DEVICE, device))
        if place is not None:
            area, site, feeder = json.loads(place)
            scope |= {(Reach.AREA, area), (Reach.SITE, site), (Reach.FEEDER, feeder)}
        if detail:
            details.setdefault(incident, detail)
    return {incident: Scope(frozenset(found)) for incident, found in names.items()}, details


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A device that a rule over readings spoke of: a disk that fills, a link near its capacity."""

    rule: str
    device: str
    name: str
    area: str
    times: int
    last: int
    detail: str
    """Of the last time."""


_EXCEEDED = (
    "SELECT a.rule, a.device, a.subject, coalesce(m.area, ''), count(*), max(a.since), a.detail"
    " FROM alert a LEFT JOIN membership m ON m.rowid ="
    "  (SELECT max(rowid) FROM membership WHERE device = a.device)"
    " WHERE a.device IS NOT NULL AND a.cause NOT LIKE 'device_%' AND a.rule NOT LIKE 'camwatch.%'"
    " AND a.since < :until AND (a.until IS NULL OR a.until >= :since)"
    " GROUP BY a.rule, a.device ORDER BY count(*) DESC, a.rule, a.device LIMIT 500"
)


def read_exceeded(db: sqlite3.Connection, period: Period) -> list[Exceeded]:
    """By rule and device, the most frequent first."""
    bounds = {"since": period.since * 1000, "until": period.until * 1000}
    return [
        Exceeded(rule, device, name, area, times, last // 1000, detail)
        for rule, device, name, area, times, last, detail in db.execute(_EXCEEDED, bounds)
    ]
