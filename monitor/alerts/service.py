"""Service levels: what the contract allows for a fault, and whom it goes to as the time runs out.

Two clocks from the moment that a fault is known: *response* stops when somebody acknowledges, *repair* when
it is resolved. Both stand still while exclusions excuse all that is to be repaired (``books.pause``).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Self

from pydantic import Field, field_validator, model_validator

from monitor.model import WallMs
from monitor.select import Selector
from monitor.settings import Duration, Section, parse_duration

Span = tuple[WallMs, WallMs]


class ClockName(StrEnum):
    RESPONSE = "response"
    REPAIR = "repair"


class StepSettings(Section):
    """One rung of the ladder: at ``after`` of the clock, ``receivers`` are told."""

    after: str
    """A share of the time allowed ("50%") or a time ("30m"); "0%" is at once."""
    clock: ClockName = ClockName.REPAIR
    match: Selector = Field(default_factory=Selector)
    """Only for incidents with an alert of these labels: for reminders about hardware, say."""
    receivers: tuple[str, ...] = Field(min_length=1)
    note: str = ""
    """Added to the message, for example "replace with the same type"."""
    despite_ack: bool = False
    """Taken even while somebody has acknowledged: for reminders that work takes too long."""

    @field_validator("after")
    @classmethod
    def _share_or_time(cls, text: str) -> str:
        if text.endswith("%"):
            number = text[:-1]
            if not number.replace(".", "", 1).isdigit() or float(number) > 1000:
                raise ValueError(f'not a share of the time allowed: "{text}"; write for example "50%"')
        else:
            parse_duration(text)
        return text

    def at_ms(self, allowed_s: float) -> int:
        """Milliseconds on the clock at which this rung is due."""
        if self.after.endswith("%"):
            return int(float(self.after[:-1]) * allowed_s * 10)
        return int(parse_duration(self.after) * 1000)


class LevelSettings(Section):
    """One ``[[level]]`` of the contract; the first whose ``match`` holds counts."""

    name: str
    match: Selector = Field(default_factory=Selector)
    """Labels of the alert, as in routes: severity, cause, rule, kind, site …"""
    respond: Duration
    """Work begins within this time of the fault being known."""
    repair: Duration
    """It is repaired within this time."""
    steps: tuple[StepSettings, ...] = ()
    """The ladder of escalation."""
    progress: Duration | None = None
    """How often ``progress_to`` hears how things stand while the incident is open."""
    progress_to: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.repair < self.respond:
            raise ValueError("repair is allowed less time than respond")
        if (self.progress is None) != (not self.progress_to):
            raise ValueError("progress and progress_to belong together")
        return self

    def allowed_s(self, clock: ClockName) -> float:
        return self.respond if clock is ClockName.RESPONSE else self.repair


def elapsed_ms(begin: WallMs, end: WallMs, pauses: Sequence[Span]) -> int:
    """Time on the clock from ``begin`` to ``end``; pauses (which may overlap) do not count."""
    total, covered = end - begin, 0
    reached = begin
    for start, stop in sorted(pauses):
        start, stop = max(start, reached), min(stop, end)
        if stop > start:
            covered += stop - start
            reached = stop
    return max(0, total - covered)


def due_at(begin: WallMs, needed_ms: int, now: WallMs, pauses: Sequence[Span]) -> WallMs:
    """When the clock will show ``needed_ms``, given the pauses known now; a pause that is open at ``now``
    is taken to last until its end."""
    at, left = begin, needed_ms
    for start, stop in sorted(pauses):
        if stop <= at:
            continue
        run = max(0, start - at)
        if run >= left:
            break
        left -= run
        at = WallMs(max(at, stop))
    return WallMs(at + left)
