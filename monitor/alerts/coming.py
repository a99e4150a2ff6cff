"""What is still to come for an incident: who will be told next, and when, if nothing changes."""

from __future__ import annotations

from typing import NamedTuple

from monitor.alerts.incident import Incident
from monitor.alerts.ladder import rungs
from monitor.alerts.policy import Policy
from monitor.alerts.telling import Teller
from monitor.model import Instant, WallMs


class Coming(NamedTuple):
    """One message to come."""

    at: WallMs
    kind: str
    receivers: tuple[str, ...]
    channels: tuple[str, ...]
    """Of those receivers at that moment: rosters are looked up."""
    note: str = ""


def coming(incident: Incident, teller: Teller, policy: Policy, now: Instant) -> list[Coming]:
    """In order of time. What is held back now (``incident.held``) comes when that ends."""

    def message(at: int, kind: str, receivers: tuple[str, ...], note: str = "") -> Coming:
        moment = WallMs(max(at, now.wall))
        return Coming(moment, kind, receivers, tuple(policy.channels(receivers, moment)), note)

    found = []
    if incident.last_notice is None:
        due = incident.next_notice if incident.next_notice is not None else now.mono
        found.append(message(now.wall + due - now.mono, "opened", incident.receivers))
    elif not incident.is_acknowledged(now.wall):
        since = now.mono - incident.last_notice
        at = now.wall - since + int(incident.pace.repeat_interval * 1000)
        found.append(message(at, "repeated", incident.receivers))
    for rung in rungs(incident, now.wall, teller.pauses.of(incident)):
        kind = "opened" if rung.at_once else "escalated"
        found.append(message(rung.due, kind, rung.step.receivers, rung.step.note))
    level = incident.level
    if level is not None and level.progress is not None:
        last = incident.last_progress if incident.last_progress is not None else incident.opened
        found.append(message(last + int(level.progress * 1000), "progress", level.progress_to))
    return sorted(found)
