"""History run through the detector before a rule is switched on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from monitor.model import WallMs
from monitor.rules.baseline import scalar
from monitor.rules.baseline.band import Usual, usual
from monitor.rules.baseline.calendar import LocalCalendar
from monitor.rules.baseline.why import WITNESSES, Witness, confirmed

_ALMOST = 0.999


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
    """The oddness of each sample in turn; as in the rule, below 1 while one wild sample alone speaks for an
    alert. Times should ascend: what comes late is passed over."""
    detector = Detector(calendar, direction, sensitivity)
    witnesses: deque[Witness] = deque(maxlen=WITNESSES)
    waiting = 0
    for t, value in samples:
        odd = detector.update(t, value)
        usual = detector.usual(t)
        if usual is not None and abs(value) <= scalar.HUGE:
            witnesses.append(Witness(WallMs(int(t * 1000)), value, usual))
        if odd >= 1.0:
            waiting = WITNESSES
        alerts = waiting > 0 and confirmed(witnesses)
        waiting = 0 if alerts else waiting - 1
        yield Replayed(t, value, max(odd, 1.0) if alerts else min(odd, _ALMOST), usual if alerts else None)
