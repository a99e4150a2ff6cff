"""Whether we are well enough to feed the watchdog. Pure.

Only what a restart can cure counts: a loop, a sweep or a thread that stands still. A full disk or a lost
uplink is told as an alert; restarting over it would only add blindness.
"""

from __future__ import annotations

from dataclasses import dataclass

TICK_STALE_MS = 15_000
LEDGER_STALE_MS = 60_000
ROUNDS_STALE = 3
ROUND_SLACK_MS = 30_000


@dataclass(frozen=True, slots=True)
class Pulse:
    """Ages in milliseconds: how long ago each part last moved."""

    ticked: int
    measured: int | None
    """The last results of a sweep; ``None`` where nothing is to be measured."""
    round_ms: int
    """The shortest interval at which a check has devices."""
    writer_alive: bool
    writer_idle: int
    """How long records have waited without one being written and without an error: a thread that hangs."""


def ailment(pulse: Pulse) -> str:
    """What stands still, in a few words; empty when all is well."""
    if pulse.ticked > TICK_STALE_MS:
        return f"the daemon's clock has not ticked for {pulse.ticked // 1000} s"
    if pulse.measured is not None and pulse.measured > ROUNDS_STALE * pulse.round_ms + ROUND_SLACK_MS:
        return f"no sweep has brought results for {pulse.measured // 1000} s"
    if not pulse.writer_alive:
        return "the ledger's thread has ended"
    if pulse.writer_idle > LEDGER_STALE_MS:
        return f"the ledger's thread has hung for {pulse.writer_idle // 1000} s"
    return ""
