"""What the ledger holds of the last run: what a restart takes up."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import dataclass

from monitor.alerts.incident import Alert, Fingerprint, Incident
from monitor.alerts.suppress import Silence
from monitor.books.read import read_exclusions
from monitor.model import DeviceId, IncidentId, Severity, State, WallMs
from monitor.notifiers.evidence import evidence_from
from monitor.notifiers.notice import Notice, OutboxEntry
from monitor.pipeline import Past
from monitor.select import Selector


@dataclass(frozen=True, slots=True)
class Saved:
    next_run: int
    past: Past
    pending: list[OutboxEntry]
    """Messages not yet known to be delivered, in order."""


def resume(db: sqlite3.Connection) -> Saved:
    """Read the books of the last run. O(devices + open incidents)."""
    (last_run,) = db.execute("SELECT coalesce(max(id), 0) FROM run").fetchone()
    row = db.execute("SELECT alive FROM run WHERE id=?", (last_run,)).fetchone()
    (last_incident,) = db.execute("SELECT coalesce(max(id), 0) FROM incident").fetchone()
    (last_message,) = db.execute("SELECT coalesce(max(id), 0) FROM outbox").fetchone()
    states = _states(db)
    # What was booked after the last sign of life is one itself.
    alive = max([row[0], *(at for _, at in states.values())]) if row else None
    return Saved(
        next_run=last_run + 1,
        past=Past(
            alive=alive,
            states=states,
            memberships={DeviceId(r[0]): r[1:] for r in db.execute(_MEMBERSHIPS)},
            incidents=_incidents(db),
            silences=_silences(db),
            next_incident=IncidentId(last_incident + 1),
            next_message=last_message + 1,
            exclusions=read_exclusions(db),
        ),
        pending=_pending(db),
    )


_MEMBERSHIPS = (
    "SELECT device, name, kind, address, site, area, key_site, vendor, model, feeder, checks"
    " FROM membership WHERE until IS NULL"
)

_LAST_STATES = (
    "SELECT m.device, s.state, s.at FROM membership m JOIN state_change s ON s.rowid ="
    " (SELECT rowid FROM state_change WHERE device = m.device ORDER BY at DESC, rowid DESC LIMIT 1)"
    " WHERE m.until IS NULL"
)


def _states(db: sqlite3.Connection) -> dict[DeviceId, tuple[State, WallMs]]:
    return {DeviceId(d): (State(state), WallMs(at)) for d, state, at in db.execute(_LAST_STATES)}


def _incidents(db: sqlite3.Connection) -> list[Incident]:
    rows = db.execute(
        "SELECT id, opened, since, cause, severity, subject, place, grouping, receivers, acked_at, acked_by,"
        " ack_until FROM incident WHERE resolved IS NULL ORDER BY id"
    ).fetchall()
    incidents = []
    for row in rows:
        id_, opened, since, cause, severity, subject, place, grouping, receivers, acked_at, by, until = row
        incident = Incident(
            id=IncidentId(id_),
            opened=WallMs(opened),
            since=WallMs(since),
            cause=cause,
            severity=Severity(severity),
            subject=subject,
            place=place,
            group=grouping,
            receivers=tuple(json.loads(receivers)),
            acked_at=acked_at,
            acked_by=by,
            ack_until=until,
        )
        for row in db.execute(
            "SELECT rule, key, cause, severity, since, labels, subject, place, device, detail, until,"
            " evidence, unreported FROM alert WHERE incident=?",
            (id_,),
        ):
            incident.add(_alert(row))
        _take_up_told(db, incident)
        incident.steps_done = {
            (found[1], int(found[2]))
            for (text,) in db.execute(
                "SELECT text FROM incident_event WHERE incident=? AND kind='escalated'", (id_,)
            )
            if (found := _RUNG.match(text))
        }
        (times,) = db.execute(
            "SELECT count(*) FROM incident_event WHERE incident=? AND kind='comes and goes'", (id_,)
        ).fetchone()
        incident.restless = incident.told_restless = times > 0
        (incident.last_progress,) = db.execute(
            "SELECT max(created) FROM outbox WHERE incident=? AND kind='progress'", (id_,)
        ).fetchone()
        incidents.append(incident)
    return incidents


def _take_up_told(db: sqlite3.Connection, incident: Incident) -> None:
    """Who has heard of it, by what message last."""
    incident.told.update(
        dict(
            db.execute(
                "SELECT channel, count(*) FROM outbox WHERE incident=? AND state != 'dead' GROUP BY channel",
                (incident.id,),
            )
        )
    )
    for (channel,) in db.execute("SELECT channel FROM told WHERE incident=?", (incident.id,)):
        if channel not in incident.told:
            incident.told[channel] = 1
            incident.digested.add(channel)
    last = db.execute(
        "SELECT notice, created FROM outbox WHERE incident=? ORDER BY id DESC LIMIT 1", (incident.id,)
    ).fetchone()
    if last is not None:
        notice = Notice.from_json(last[0])
        incident.last_offline, incident.last_severity = notice.offline, notice.severity
        incident.last_told = WallMs(last[1])


_RUNG = re.compile(r"(.+) #(\d+) at [^ ]+: ")
"""Level and number of a rung that was taken, as ``alerts.telling`` books it."""


def _silences(db: sqlite3.Connection) -> list[Silence]:
    """All of them: those that are over keep their numbers from being given again."""
    return [
        Silence(id_, Selector(json.loads(match)), author, reason, WallMs(begins), WallMs(ends))
        for id_, match, author, reason, begins, ends in db.execute(
            "SELECT id, match, author, reason, begins, ends FROM silence"
        )
    ]


def _alert(
    row: tuple[str, str, str, int, int, str, str, str, str | None, str, int | None, str, int],
) -> Alert:
    rule, key, cause, severity, since, labels, subject, place, device, detail, until, evidence, unreported = (
        row
    )
    offline = (DeviceId(device),) if device and cause.startswith("device_") else ()
    return Alert(
        fingerprint=Fingerprint(rule, _pairs(key)),
        cause=cause,
        severity=Severity(severity),
        since=WallMs(since),
        labels=_pairs(labels),
        subject=subject,
        place=place,
        device=DeviceId(device) if device else None,
        offline=offline,
        offline_set=frozenset(offline),
        detail=detail,
        until=WallMs(until) if until is not None else None,
        evidence=evidence_from(evidence),
        unreported=bool(unreported),
    )


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, value in json.loads(text))


def _pending(db: sqlite3.Connection) -> list[OutboxEntry]:
    rows = db.execute(
        "SELECT o.id, o.channel, o.notice, o.created, count(d.outbox) FROM outbox o"
        " LEFT JOIN delivery d ON d.outbox = o.id WHERE o.state = 'pending' GROUP BY o.id ORDER BY o.id"
    )
    return [
        OutboxEntry(id_, channel, Notice.from_json(notice), WallMs(created), attempts)
        for id_, channel, notice, created, attempts in rows
    ]
