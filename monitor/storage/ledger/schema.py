"""The ledger's tables, and the steps from each version of them to the next.

``PRAGMA user_version`` holds the version. A step is never changed once released; an older Camwatch refuses
a newer ledger.
"""

from __future__ import annotations

import sqlite3

STEPS = (
    """
    CREATE TABLE run (
        id INTEGER PRIMARY KEY, started INTEGER NOT NULL, alive INTEGER NOT NULL,
        stopped INTEGER NOT NULL DEFAULT 0, version TEXT NOT NULL
    );
    CREATE TABLE membership (
        device TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER, name TEXT NOT NULL, kind TEXT NOT NULL,
        address TEXT NOT NULL, site TEXT NOT NULL, area TEXT NOT NULL, key_site INTEGER NOT NULL,
        vendor TEXT NOT NULL, model TEXT NOT NULL, feeder TEXT NOT NULL
    );
    CREATE INDEX membership_device ON membership (device, since);
    CREATE UNIQUE INDEX membership_open ON membership (device) WHERE until IS NULL;
    CREATE TABLE state_change (
        device TEXT NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
        detail TEXT NOT NULL, parent TEXT
    );
    CREATE INDEX state_change_device ON state_change (device, at);
    CREATE TABLE incident (
        id INTEGER PRIMARY KEY, opened INTEGER NOT NULL, since INTEGER NOT NULL, resolved INTEGER,
        cause TEXT NOT NULL, severity INTEGER NOT NULL, subject TEXT NOT NULL, place TEXT NOT NULL,
        grouping TEXT NOT NULL, receivers TEXT NOT NULL, acked_at INTEGER, acked_by TEXT NOT NULL
    );
    CREATE INDEX incident_open ON incident (id) WHERE resolved IS NULL;
    CREATE TABLE alert (
        incident INTEGER NOT NULL REFERENCES incident, rule TEXT NOT NULL, key TEXT NOT NULL,
        since INTEGER NOT NULL, until INTEGER, cause TEXT NOT NULL, severity INTEGER NOT NULL,
        labels TEXT NOT NULL, subject TEXT NOT NULL, place TEXT NOT NULL, device TEXT, detail TEXT NOT NULL,
        PRIMARY KEY (incident, rule, key)
    ) WITHOUT ROWID;
    CREATE TABLE incident_event (
        incident INTEGER NOT NULL REFERENCES incident, at INTEGER NOT NULL, kind TEXT NOT NULL,
        author TEXT NOT NULL, text TEXT NOT NULL
    );
    CREATE INDEX incident_event_incident ON incident_event (incident, at);
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY, incident INTEGER REFERENCES incident, channel TEXT NOT NULL,
        kind TEXT NOT NULL, notice TEXT NOT NULL, created INTEGER NOT NULL,
        state TEXT NOT NULL DEFAULT 'pending', done INTEGER
    );
    CREATE INDEX outbox_pending ON outbox (id) WHERE state = 'pending';
    CREATE INDEX outbox_incident ON outbox (incident);
    CREATE TABLE delivery (
        outbox INTEGER NOT NULL REFERENCES outbox, at INTEGER NOT NULL, outcome TEXT NOT NULL,
        code TEXT NOT NULL, detail TEXT NOT NULL, took_ms INTEGER NOT NULL
    );
    CREATE INDEX delivery_outbox ON delivery (outbox);
    """,
    """
    CREATE TABLE told (
        incident INTEGER NOT NULL REFERENCES incident, channel TEXT NOT NULL,
        PRIMARY KEY (incident, channel)
    ) WITHOUT ROWID;
    CREATE TABLE silence (
        id INTEGER PRIMARY KEY, match TEXT NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL,
        begins INTEGER NOT NULL, ends INTEGER NOT NULL
    );
    ALTER TABLE incident ADD COLUMN ack_until INTEGER;
    ALTER TABLE incident ADD COLUMN level TEXT NOT NULL DEFAULT '';
    """,
    """
    CREATE TABLE enrolment (
        device TEXT PRIMARY KEY, at INTEGER NOT NULL, serial TEXT NOT NULL, record TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE remedy (
        device TEXT NOT NULL, at INTEGER NOT NULL, action TEXT NOT NULL, step TEXT NOT NULL,
        rule TEXT NOT NULL, detail TEXT NOT NULL
    );
    CREATE INDEX remedy_at ON remedy (at);
    """,
    """
    CREATE TABLE exclusion (
        id INTEGER PRIMARY KEY, reach TEXT NOT NULL, name TEXT NOT NULL, since INTEGER NOT NULL,
        until INTEGER NOT NULL, cause TEXT NOT NULL, author TEXT NOT NULL, note TEXT NOT NULL,
        confirmed_by TEXT NOT NULL, removed INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE exclusion_audit (
        exclusion INTEGER NOT NULL REFERENCES exclusion, at INTEGER NOT NULL, author TEXT NOT NULL,
        action TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL
    );
    CREATE INDEX exclusion_audit_exclusion ON exclusion_audit (exclusion);
    """,
    """
    CREATE TABLE failure_call (
        device TEXT NOT NULL, at INTEGER NOT NULL, score INTEGER NOT NULL, signs TEXT NOT NULL,
        outcome TEXT NOT NULL DEFAULT '', judged INTEGER, PRIMARY KEY (device, at)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE link_used (nonce BLOB PRIMARY KEY, ends INTEGER NOT NULL) WITHOUT ROWID;
    """,
    """
    CREATE TABLE series_alert (
        at INTEGER NOT NULL, rule TEXT NOT NULL, metric TEXT NOT NULL, device TEXT NOT NULL,
        part TEXT NOT NULL, value REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL, told INTEGER NOT NULL
    );
    CREATE INDEX series_alert_at ON series_alert (at);
    """,
    """
    CREATE TABLE report_made (
        name TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, made INTEGER NOT NULL,
        files TEXT NOT NULL, PRIMARY KEY (name, since)
    ) WITHOUT ROWID;
    CREATE INDEX incident_resolved ON incident (resolved);
    """,
    """
    ALTER TABLE alert ADD COLUMN evidence TEXT NOT NULL DEFAULT '';
    """,
    """
    ALTER TABLE alert ADD COLUMN unreported INTEGER NOT NULL DEFAULT 0;
    """,
    """
    ALTER TABLE membership ADD COLUMN checks TEXT NOT NULL DEFAULT '';
    """,
    """
    CREATE TABLE dark_port (
        switch TEXT NOT NULL, port TEXT NOT NULL, device TEXT NOT NULL, rule TEXT NOT NULL,
        since INTEGER NOT NULL, PRIMARY KEY (switch, port)
    ) WITHOUT ROWID;
    """,
)

VERSION = len(STEPS)


class LedgerTooNew(Exception):
    """The ledger was written by a newer Camwatch."""


def migrate(db: sqlite3.Connection) -> None:
    """Bring the ledger to ``VERSION``, each step in a transaction of its own."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise LedgerTooNew(
            f"the ledger has schema version {version}, this Camwatch knows versions up to {VERSION}: "
            "run the newer Camwatch again, or restore a backup made before the upgrade"
        )
    for number, step in enumerate(STEPS[version:], start=version + 1):
        db.executescript(f"BEGIN IMMEDIATE; {step} PRAGMA user_version={number}; COMMIT;")
