"""What the tests of the books share: facts written into a real ledger by the daemon's own records."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from monitor.model import Device, DeviceId, Kind, Reason, State, WallMs
from monitor.storage.ledger import commit, connect
from monitor.storage.ledger.records import DeviceJoined, Record, RunAlive, RunStarted, StateChanged
from monitor.storage.ledger.schema import migrate
from tests.books_oracle import Change, Facts, Member
from tests.daemon_support import House


def empty_ledger(path: Path | None = None) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None) if path is None else connect(path)
    migrate(db)
    return db


def past_of_small_house(house: House, state: str, since_ms: int, now_ms: int) -> None:
    """The ledger of an earlier run: the camera of a ``small_house`` was in this state all the while."""
    house.ledger.parent.mkdir(mode=0o700)
    db = empty_ledger(house.ledger)
    member = Member("c0", since_ms, None, "s", "east", False, "")
    write(db, Facts([(since_ms, now_ms)], [member], [Change("c0", since_ms, state)]))
    db.close()


def write(db: sqlite3.Connection, facts: Facts) -> None:
    """All facts, each list in its order."""
    records: list[Record] = []
    for number, (started, alive) in enumerate(facts.runs, start=1):
        records.append(RunStarted(number, WallMs(started), "test"))
        records.append(RunAlive(number, WallMs(alive)))
    commit(db, records)
    for member in facts.members:
        device = Device(
            DeviceId(member.device), f"camera {member.device}", Kind.CAMERA, "10.0.0.1", member.site,
            member.area, member.key_site, feeder=member.feeder,
        )  # fmt: skip
        commit(db, [DeviceJoined(device, WallMs(member.since_ms))])
        if member.until_ms is not None:
            db.execute(
                "UPDATE membership SET until=? WHERE device=? AND until IS NULL", (member.until_ms, device.id)
            )
    commit(
        db,
        [
            StateChanged(DeviceId(c.device), WallMs(c.at_ms), State(c.state), Reason.TIMEOUT)
            for c in facts.changes
        ],
    )
    for e in facts.exclusions:
        db.execute(
            "INSERT INTO exclusion (reach, name, since, until, cause, author, note, confirmed_by)"
            " VALUES (?,?,?,?,?,'Li','',?)",
            (e.reach, e.name, e.since_s * 1000, e.until_s * 1000, e.cause, e.confirmed_by),
        )
