"""The ladder of escalation: which rungs of an incident's level are due, on its two clocks.

An acknowledgement stops the ladder until it expires; rungs that are reminders go on (``despite_ack``). The
response clock stands still while somebody has acknowledged, the repair clock runs until the end; both stand
still during pauses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from monitor.alerts.incident import Incident
from monitor.alerts.pauses import Pause
from monitor.alerts.service import ClockName, LevelSettings, Span, StepSettings, due_at, elapsed_ms
from monitor.model import WallMs


class Rung(NamedTuple):
    """One step of a level that was not taken yet."""

    level: str
    number: int
    step: StepSettings
    due: WallMs

    @property
    def key(self) -> tuple[str, int]:
        return self.level, self.number

    @property
    def at_once(self) -> bool:
        """Not an escalation: these are told as soon as the incident is."""
        return self.step.at_ms(1.0) == 0


class Reading(NamedTuple):
    """One clock as it stands."""

    clock: ClockName
    used_ms: int
    allowed_ms: int


def rungs(incident: Incident, now: WallMs, pauses: Sequence[Pause]) -> Iterator[Rung]:
    """The rungs to come, each with the moment at which it is due as far as is known now."""
    level = incident.level
    if level is None:
        return
    acknowledged = incident.is_acknowledged(now)
    alerts = incident.open_alerts()
    for index, step in enumerate(level.steps):
        if (level.name, index) in incident.steps_done:
            continue
        if step.match.source and not any(step.match.matches(alert.all_labels()) for alert in alerts):
            continue
        needed = step.at_ms(level.allowed_s(step.clock))
        due = due_at(incident.opened, needed, now, _stops(incident, step.clock, pauses))
        if acknowledged and not step.despite_ack:
            if incident.ack_until is None:
                continue
            due = max(due, incident.ack_until)
        yield Rung(level.name, index, step, due)


def read_clock(incident: Incident, clock: ClockName, now: WallMs, pauses: Sequence[Pause]) -> Reading | None:
    """How much of the time allowed is used."""
    level: LevelSettings | None = incident.level
    if level is None:
        return None
    used = elapsed_ms(incident.opened, now, _stops(incident, clock, pauses))
    return Reading(clock, used, int(level.allowed_s(clock) * 1000))


def _stops(incident: Incident, clock: ClockName, pauses: Sequence[Pause]) -> Sequence[Span]:
    spans = [(pause.begins, pause.ends) for pause in pauses]
    if clock is ClockName.REPAIR or incident.acked_at is None:
        return spans
    forever = WallMs(1 << 60)
    return [*spans, (incident.acked_at, incident.ack_until if incident.ack_until is not None else forever)]
