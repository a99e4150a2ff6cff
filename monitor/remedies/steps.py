"""What is written down of remedies, step by step."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import StrEnum

from monitor.model import DeviceId, WallMs
from monitor.storage.ledger.records import SqlValue

DAY_MS = 24 * 3_600_000


class Action(StrEnum):
    REBOOT = "reboot"
    POE_CYCLE = "poe_cycle"


class Step(StrEnum):
    """In the order in which they can happen."""

    DRY_RUN = "dry_run"
    HELD = "held"
    """Not done; ``detail`` says why."""
    ASKED = "asked"
    """Written before the request is sent: from here on it counts against the limits."""
    POWER_OFF = "power_off"
    """Written before the switch is asked to take a port's power away: from here on it is owed power."""
    POWER_ON = "power_on"
    """The switch says that the port gives power again."""
    ACCEPTED = "accepted"
    UNSURE = "unsure"
    """The request went out and no answer came: it may have been heard. It is not sent again."""
    REFUSED = "refused"
    CURED = "cured"
    NOT_CURED = "not_cured"


UNFINISHED = frozenset((Step.ASKED, Step.POWER_OFF, Step.POWER_ON))
"""After these nobody knows yet whether the device took it."""
_OPEN = UNFINISHED | {Step.ACCEPTED, Step.UNSURE}
"""After these a key frame is waited for."""


@dataclass(frozen=True, slots=True)
class Remedied:
    """The ledger's record of one step."""

    device: DeviceId
    at: WallMs
    action: Action
    step: Step
    rule: str
    detail: str = ""

    sql = "INSERT INTO remedy (device, at, action, step, rule, detail) VALUES (?,?,?,?,?,?)"

    def values(self) -> tuple[SqlValue, ...]:
        return self.device, self.at, self.action.value, self.step.value, self.rule, self.detail


def recent(db: sqlite3.Connection, now: WallMs) -> list[Remedied]:
    """The steps of the last day: after a restart the limits still know of them."""
    rows = db.execute(
        "SELECT device, at, action, step, rule, detail FROM remedy WHERE at > ? ORDER BY rowid",
        (now - DAY_MS,),
    )
    return [
        Remedied(DeviceId(device), WallMs(at), Action(action), Step(step), rule, detail)
        for device, at, action, step, rule, detail in rows
    ]


def broken_off(history: list[Remedied]) -> list[Remedied]:
    """The last step of each remedy that did not come to its end. ``history`` is in the order of time."""
    last = {(r.device, r.action): r for r in history if r.step not in (Step.HELD, Step.DRY_RUN)}
    return [r for r in last.values() if r.step in _OPEN]
