"""Service times: each incident found, told, acknowledged, repaired, verified, against its deadlines.

Both clocks stand still while exclusions excuse all that is to be repaired (``books.pause``). Incidents of
Camwatch itself are not part of the contract and left out.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from monitor.books.exclusion import Exclusion, Place, Reach, group_places, places_of
from monitor.books.pause import FOREVER, Trouble, pauses
from monitor.books.period import Period
from monitor.books.records import Span, clip
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
    verified_by: str
    """A person, or ``verify.BY_CHECK``."""
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
    pauses: tuple[Span, ...]
    """While it was open: when its clocks stood still."""
    until: int
    """The end of the books: what is not done then is still running."""
    places: frozenset[Place]
    """What it was about: the devices, or the group by name; all devices for a rate of everything."""

    @property
    def paused(self) -> int:
        """Seconds for which the clocks stood still."""
        return sum(span.until - span.since for span in self.pauses)

    def clock(self, until: int) -> int:
        """What the clocks show then: seconds since it was found, pauses taken off."""
        inside = (clip(span, Span(self.found, until)) for span in self.pauses)
        return until - self.found - sum(max(0, span.until - span.since) for span in inside)

    @property
    def response(self) -> int | None:
        """Seconds until somebody took it, pauses taken off; ``None``: nobody has."""
        return None if self.acknowledged is None else self.clock(self.acknowledged)

    @property
    def repair(self) -> int | None:
        """Seconds of repair, pauses taken off."""
        return None if self.repaired is None else self.clock(self.repaired)

    def responded(self, limit: int) -> Kept:
        """What was repaired in the time allowed for the response needs none."""
        if self.response is not None:
            return Kept.YES if self.response <= limit else Kept.NO
        if self.repair is not None:
            return Kept.YES if self.repair <= limit else Kept.NO
        return self._running(limit)

    def in_time(self, limit: int) -> Kept:
        if self.repair is not None:
            return Kept.YES if self.repair <= limit else Kept.NO
        return self._running(limit)

    def _running(self, limit: int) -> Kept:
        return Kept.NO if self.clock(self.until) > limit else Kept.RUNNING


_INCIDENTS = (
    "SELECT i.id, i.since, i.opened, i.acked_at, i.acked_by, i.resolved, i.cause, i.severity, i.subject,"
    " i.place, i.receivers, i.level,"
    " (SELECT min(d.at) FROM outbox o JOIN delivery d ON d.outbox = o.id"
    "  WHERE o.incident = i.id AND d.outcome = 'delivered'),"
    " v.at, v.author,"
    " (SELECT group_concat(e.text, '; ') FROM incident_event e WHERE e.incident = i.id"
    "  AND e.kind IN ('cause', 'note') AND e.at < :until)"
    " FROM incident i LEFT JOIN incident_event v ON v.rowid = (SELECT rowid FROM incident_event"
    "  WHERE incident = i.id AND kind = 'verified' ORDER BY at, rowid LIMIT 1)"
    " WHERE i.opened < :until AND (i.resolved IS NULL OR i.resolved >= :since)"
    " AND EXISTS (SELECT 1 FROM alert a WHERE a.incident = i.id AND a.rule NOT LIKE 'camwatch.%')"
    " AND NOT EXISTS (SELECT 1 FROM incident_event e WHERE e.incident = i.id AND e.kind = 'merged')"
    " ORDER BY i.opened, i.id"
)


def read_services(db: sqlite3.Connection, period: Period, exclusions: Sequence[Exclusion]) -> list[Service]:
    """The incidents that were open at some time of the period, by when they were found."""
    troubles, details = _alerts(db, period)
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
            seen_by,
            record,
        ) = row
        begin, end = opened // 1000, _within(resolved, period)
        open_ = Span(begin, period.until if end is None else end)
        stops = [clip(Span(p.since, p.until), open_) for p in pauses(troubles[id_], exclusions)]
        found.append(
            Service(
                IncidentId(id_), since // 1000, begin, _within(told, period), _within(acked, period), by, end,
                _within(seen, period), seen_by or "", cause, Severity(severity), level, subject, place,
                tuple(json.loads(to)), details.get(id_, ""), record or "",
                tuple(span for span in stops if span.since < span.until), period.until,
                frozenset().union(*(_about(t) for t in troubles[id_])),
            )
        )  # fmt: skip
    return found


def _about(trouble: Trouble) -> frozenset[Place]:
    if trouble.of_device:
        return frozenset(place for place in trouble.places if place[0] is Reach.DEVICE)
    named = frozenset(place for place in trouble.places if place[0] is not Reach.ALL)
    return named or trouble.places


def _within(at: int | None, period: Period) -> int | None:
    """What happened after the period had not happened yet."""
    return at // 1000 if at is not None and at // 1000 < period.until else None


_ALERTS = (
    "SELECT a.incident, a.key, a.device, a.detail, a.since, a.until,"
    " (SELECT json_array(m.area, m.site, m.feeder) FROM membership m WHERE m.device = a.device"
    "  AND m.since <= a.since ORDER BY m.rowid DESC LIMIT 1)"
    " FROM alert a JOIN incident i ON i.id = a.incident"
    " WHERE i.opened < :until AND (i.resolved IS NULL OR i.resolved >= :since)"
)


def _alerts(db: sqlite3.Connection, period: Period) -> tuple[dict[int, list[Trouble]], dict[int, str]]:
    troubles: dict[int, list[Trouble]] = {}
    details: dict[int, str] = {}
    bounds = {"since": period.since * 1000, "until": period.until * 1000}
    for incident, key, device, detail, since, until, place in db.execute(_ALERTS, bounds):
        if device is None:
            places = group_places(json.loads(key))
        else:
            area, site, feeder = json.loads(place) if place else ("", "", "")
            places = frozenset(places_of(device, site, area, feeder))
        span = Span(since // 1000, FOREVER if until is None else until // 1000)
        troubles.setdefault(incident, []).append(Trouble(span, places, of_device=device is not None))
        if detail:
            details.setdefault(incident, detail)
    return troubles, details


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
