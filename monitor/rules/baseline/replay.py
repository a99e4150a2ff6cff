"""History run through the detector before a rule is switched on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from monitor.rules.baseline import scalar
from monitor.rules.baseline.band import Usual, usual
from monitor.rules.baseline.calendar import LocalCalendar


class Sample(NamedTuple):
    t: float
    """Epoch seconds."""
    value: float


@dataclass(frozen=True, slots=True)
class Replayed:
    t: float
    value: float
    odd: float
    """An alert from 1 on."""
    usual: Usual | None
    """What was usual at that hour; only where it alerts."""


class Detector:
    """One series by itself, its calendar included."""

    def __init__(
        self, calendar: LocalCalendar, direction: int = scalar.BOTH, sensitivity: float = scalar.NORMAL
    ) -> None:
        self._calendar = calendar
        self._direction = direction
        self._sensitivity = sensitivity
        self.wide, self.slim = scalar.memory()

    def update(self, t: float, value: float) -> float:
        second, day_type = self._calendar.at(t)
        return scalar.step(
            self.wide, self.slim, float(t), second, day_type, value, self._direction, self._sensitivity
        )

    def usual(self, t: float) -> Usual | None:
        return usual(self.wide, self.slim, *self._calendar.at(t))


def replay(
    samples: Iterable[Sample], calendar: LocalCalendar, direction: int, sensitivity: float
) -> Iterator[Replayed]:
    """The oddness of each sample in turn. Times should ascend: what comes late is passed over."""
    detector = Detector(calendar, direction, sensitivity)
    for t, value in samples:
        odd = detector.update(t, value)
        yield Replayed(t, value, odd, detector.usual(t) if odd >= 1.0 else None)
