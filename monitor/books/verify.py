"""Whether what was repaired is proven to be: by a person, or by checks that have held since.

Both write the incident's ``verified`` event; the first of them counts in the service times.
"""

from __future__ import annotations

import sqlite3

from monitor.books.exclude import transaction
from monitor.model import IncidentId

BY_CHECK = "camwatch"
"""The author of what checks have proven."""
_LOOK_BACK_S = 86_400
"""What could not be proven within a day after the proof was due (it was not measured) is for people."""


class VerifyRefused(Exception):
    """Why it cannot be verified."""


def verify(db: sqlite3.Connection, incident: IncidentId, author: str, text: str, now: int) -> None:
    """A person has seen that it works. ``VerifyRefused`` when there is nothing to verify."""
    if not author.strip():
        raise VerifyRefused("--by is empty: somebody must answer for it")
    with transaction(db):
        row = db.execute("SELECT resolved FROM incident WHERE id=?", (incident,)).fetchone()
        if row is None:
            raise VerifyRefused(f"there is no incident #{incident}")
        if row[0] is None:
            raise VerifyRefused(f"#{incident} is not repaired yet: there is nothing to verify")
        earlier = db.execute(
            "SELECT author FROM incident_event WHERE incident=? AND kind='verified' AND author!=?",
            (incident, BY_CHECK),
        ).fetchone()
        if earlier is not None:
            raise VerifyRefused(f"#{incident} has been verified by {earlier[0]}")
        db.execute(
            "INSERT INTO incident_event (incident, at, kind, author, text) VALUES (?,?,'verified',?,?)",
            (incident, now * 1000, author, text),
        )


_PROVEN = """
SELECT i.id FROM incident i
WHERE i.resolved BETWEEN :oldest AND :due
  AND (SELECT max(started) FROM run) <= :due
  AND NOT EXISTS (SELECT 1 FROM incident_event e WHERE e.incident = i.id AND e.kind IN ('verified', 'merged'))
  AND EXISTS (SELECT 1 FROM alert a WHERE a.incident = i.id AND a.rule NOT LIKE 'camwatch.%')
  AND NOT EXISTS (SELECT 1 FROM alert a WHERE a.incident = i.id AND a.unreported)
  AND NOT (
    EXISTS (SELECT 1 FROM incident_event e WHERE e.incident = i.id AND e.kind = 'resolved by hand')
    AND EXISTS (SELECT 1 FROM alert a WHERE a.incident = i.id AND a.cause NOT LIKE 'device_%'))
  AND NOT EXISTS (
    SELECT 1 FROM alert a JOIN alert b ON b.rule = a.rule AND b.key = a.key AND b.incident > i.id
    WHERE a.incident = i.id)
  AND NOT EXISTS (
    SELECT 1 FROM alert a WHERE a.incident = i.id AND a.device IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM state_change s WHERE s.state = 'up' AND s.at <= :due AND s.rowid = (
        SELECT rowid FROM state_change WHERE device = a.device ORDER BY at DESC, rowid DESC LIMIT 1)))
ORDER BY i.id
"""
"""Repaired long enough ago; nothing that it was about has come back; each of its devices has been seen on
line all that time without a gap. Of what a person resolved while a rate or a value was still wrong, and of
what is no longer reported, checks know nothing."""


def proven(db: sqlite3.Connection, hold: int, now: int) -> list[IncidentId]:
    """The repaired incidents that checks have proven to hold for ``hold`` seconds, not verified yet."""
    due = (now - hold) * 1000
    found = db.execute(_PROVEN, {"due": due, "oldest": due - _LOOK_BACK_S * 1000})
    return [IncidentId(id_) for (id_,) in found]
