"""What was foretold, and how often it came true.

A device whose score reaches ``LIKELY`` is *called*: likely to fail next. The call comes true when the device
has a long fault of its own within ``WITHIN_MS``, and not when it has none. A long fault that nobody called is
kept too: a record without it would only ever praise itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from monitor.model import DeviceId, WallMs
from monitor.signs.score import Finding, Scored

LIKELY = 50
WITHIN_MS = 30 * 86_400_000
LONG_FAULT_MS = 4 * 3_600_000
"""As in the advice report: somebody had to go there."""
_WORSE = 10
"""A call is written anew when its score has risen by this much."""


class Outcome(StrEnum):
    OPEN = ""
    FAILED = "failed"
    """It came true."""
    HELD = "held"
    """It did not."""
    MISSED = "missed"
    """A failure that was not foretold."""


@dataclass(frozen=True, slots=True)
class Call:
    device: DeviceId
    at: WallMs
    score: int
    """The highest so far."""
    findings: tuple[Finding, ...]
    outcome: Outcome = Outcome.OPEN
    judged: WallMs | None = None


@dataclass(slots=True)
class Record:
    """How often calls came true: the counts of judged ones."""

    failed: int = 0
    held: int = 0
    missed: int = 0

    def add(self, outcome: Outcome) -> None:
        if outcome is not Outcome.OPEN:
            setattr(self, outcome.value, getattr(self, outcome.value) + 1)


class Calls:
    """Open calls (at most one a device) and the record."""

    def __init__(self, open_: Iterable[Call] = (), record: Record | None = None) -> None:
        self.open = {call.device: call for call in open_}
        self.record = record or Record()
        self.failing: dict[DeviceId, WallMs] = {}
        """Long faults that were judged and go on, by their beginning: each is judged once."""

    def judge(self, found: Iterable[Scored], down: Mapping[DeviceId, WallMs], now: WallMs) -> list[Call]:
        """The calls that are new, worse or settled; ``down`` says which devices are off line by a fault of
        their own, and since when. ``found`` are the scores as of now."""
        scores = {one.device: one for one in found}
        changed = [
            call for device, since in down.items() if (call := self._failed(device, since, scores, now))
        ]
        self.failing = {device: since for device, since in self.failing.items() if device in down}
        due = [call for call in self.open.values() if now - call.at >= WITHIN_MS]
        changed += [self._settle(call, Outcome.HELD, now) for call in due]
        for one in scores.values():
            if one.score >= LIKELY and one.device not in down:
                call = self.open.get(one.device) or Call(one.device, now, 0, ())
                if one.score >= call.score + _WORSE:
                    call = replace(call, score=one.score, findings=one.findings)
                    self.open[one.device] = call
                    changed.append(call)
        return changed

    def _failed(
        self, device: DeviceId, since: WallMs, scores: Mapping[DeviceId, Scored], now: WallMs
    ) -> Call | None:
        if now - since < LONG_FAULT_MS or device in self.failing:
            return None
        self.failing[device] = since
        call = self.open.get(device)
        # What fails in the very moment of the call was seen, not foreseen.
        if call is not None and call.at < since:
            return self._settle(call, Outcome.FAILED, now)
        one = scores.get(device) or Scored(device, 0, ())
        self.record.add(Outcome.MISSED)
        return Call(device, now, one.score, one.findings, Outcome.MISSED, now)

    def _settle(self, call: Call, outcome: Outcome, now: WallMs) -> Call:
        del self.open[call.device]
        self.record.add(outcome)
        return replace(call, outcome=outcome, judged=now)

    def keep_only(self, devices: Iterable[DeviceId]) -> list[Call]:
        """Devices that are gone can neither fail nor hold: their calls are dropped unjudged."""
        kept = set(devices)
        return [self.open.pop(device) for device in self.open.keys() - kept]
