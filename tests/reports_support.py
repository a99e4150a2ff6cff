"""What the tests of the reports share: a month of a small town, with names that would like to be more."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from monitor.books.exclude import Draft, add
from monitor.books.exclusion import Cause, Reach
from monitor.books.period import Length, period_of
from monitor.books.records import Span
from monitor.model import Device, DeviceId, IncidentId, Kind, Reason, State, WallMs
from monitor.storage.ledger import commit
from monitor.storage.ledger.records import (
    AlertSaved,
    DeliveryTried,
    DeviceJoined,
    IncidentEvent,
    IncidentSaved,
    MessageDone,
    MessageQueued,
    Record,
    RunAlive,
    RunStarted,
    StateChanged,
)
from tests.books_support import empty_ledger

ZONE = ZoneInfo("Asia/Shanghai")
JUNE = period_of(Length.MONTH, date(2026, 6, 1), ZONE)
AFTER = JUNE.until + 3600
HOSTILE = '=HYPERLINK("http://evil","x")<script>alert(1)</script>'
DAY = 86_400


def zone_at_noon() -> str:
    """Where it is about noon now, so that no day, week or month ends while a real daemon is looked at."""
    ahead = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-ahead:+d}"  # of POSIX: west is positive


def town(path: Path | None = None) -> sqlite3.Connection:
    """Ten cameras in two areas behind a switch; cam-0 falls every other day, the switch once with all."""
    db = empty_ledger(path)
    begin, end = WallMs((JUNE.since - DAY) * 1000), WallMs(AFTER * 1000)
    records: list[Record] = [RunStarted(1, begin, "test"), RunAlive(1, end)]
    devices = [Device(DeviceId("sw"), "汇聚交换机", Kind.SWITCH, "10.0.0.1", "机房", "城东")] + [
        Device(
            DeviceId(f"cam-{n}"), HOSTILE if n == 3 else f"{n}号枪机", Kind.CAMERA, f"10.0.1.{n}",
            f"站点{n % 4}", "城东" if n < 6 else "@城西", n % 4 == 1, checks=("icmp", "onvif", "rtsp"),
            vendor="海康威视", model="DS-2", feeder="f1",
        )
        for n in range(10)
    ]  # fmt: skip
    for device in devices:
        records += [
            DeviceJoined(device, begin),
            StateChanged(device.id, begin, State.UP, Reason.OK),
        ]
    for day in range(1, 29, 2):
        at = JUNE.since + day * DAY
        records += _fault("cam-0", at, 7200, State.DOWN)
    at = JUNE.since + 10 * DAY + 5 * 3600
    records += _fault("sw", at, 1800, State.DOWN)
    for n in range(1, 10):
        records += _fault(f"cam-{n}", at, 1800, State.UNREACHABLE)
    records += _incident(1, at, acked=at + 600, resolved=at + 1800)
    records += _incident(2, at + DAY, acked=None, resolved=at + 3 * DAY)
    records += _disk(3, at + DAY)
    commit(db, records)
    add(db, Draft(Reach.AREA, "城东", Span(at, at + 900), Cause.POWER_CUT, "=1+1"), "李工", AFTER)
    add(db, Draft(Reach.DEVICE, "cam-7", Span(at, at + 900), Cause.THIRD_PARTY), "李工", AFTER)
    return db


def _fault(device: str, at: int, seconds: int, state: State) -> list[Record]:
    parent = DeviceId("sw") if state is State.UNREACHABLE else None
    return [
        StateChanged(DeviceId(device), WallMs(at * 1000), state, Reason.TIMEOUT, parent=parent),
        StateChanged(DeviceId(device), WallMs((at + seconds) * 1000), State.UP, Reason.OK),
    ]


def _disk(number: int, at: int) -> list[Record]:
    """A disk that fills, found by a rule over readings, with what people wrote of it."""
    id_, ms = IncidentId(number), WallMs(at * 1000)
    return [
        IncidentSaved(
            id_, ms, ms, WallMs(ms + 60_000), "threshold", 20, "录像机", "", "", (), None, "", None, ""
        ),
        AlertSaved(
            id_, "disk", "[]", ms, ms, "threshold", 20, "[]", "录像机", "", DeviceId("sw"), "disk 96% > 95%"
        ),
        IncidentEvent(id_, ms, "cause", "王", "录像保存天数过长"),
        IncidentEvent(id_, WallMs(ms + 1000), "note", "王", "=已清理"),
    ]


def _incident(number: int, found: int, acked: int | None, resolved: int) -> list[Record]:
    id_, ms = IncidentId(number), WallMs(found * 1000)
    return [
        IncidentSaved(
            id_, ms, WallMs(ms - 30_000), WallMs(resolved * 1000), "device_down", 30, HOSTILE, "城东 机房",
            "", ("duty",), WallMs(acked * 1000) if acked else None, "王" if acked else "",
            None, "一级" if number == 2 else "",
        ),
        AlertSaved(id_, "device-down", "[]", ms, None, "device_down", 30, "[]", "x", "y", DeviceId("sw"), ""),
        MessageQueued(number, id_, "sms", "opened", "{}", ms),
        DeliveryTried(number, WallMs(ms + 2000), "temporary", "500", "", 10),
        DeliveryTried(number, WallMs(ms + 9000), "delivered", "200", "", 10),
        MessageDone(number, "delivered", WallMs(ms + 9000)),
    ]  # fmt: skip
