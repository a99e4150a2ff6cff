"""One clock, injected everywhere: nothing else in Camwatch asks the operating system for the time."""

from __future__ import annotations

import time
from typing import Protocol

from monitor.model import Instant, MonoMs, WallMs


class Clock(Protocol):
    def now(self) -> Instant: ...


class SystemClock:
    """The machine's clocks.

    ``wall`` never decreases: when the machine's clock is set back, it creeps on at a thousandth of its
    pace (so that order is kept) until the machine has caught up, and each second of the calendar is booked
    once, as first seen. Timers use ``mono`` and do not notice. ``set_ms`` tells of such settings.
    """

    def __init__(self) -> None:
        wall, mono = time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000
        self._high, self._high_mono = wall, mono

    def now(self) -> Instant:
        wall, mono = time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000
        crept = self._high + (mono - self._high_mono) // 1000
        if wall < crept:
            return Instant(WallMs(crept), MonoMs(mono))
        self._high, self._high_mono = wall, mono
        return Instant(WallMs(wall), MonoMs(mono))

    def set_ms(self) -> int:
        """The machine's clock less its time since it was started: changes only when the clock is set."""
        return (time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)) // 1_000_000

    def slept_ms(self) -> int:
        """How long the machine has slept (been suspended) since it was started."""
        awake = time.monotonic_ns()
        return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - awake) // 1_000_000


class ManualClock:
    """A clock that stands still until told: for replays and tests."""

    def __init__(self, wall: int = 1_800_000_000_000) -> None:
        self._now = Instant(WallMs(wall), MonoMs(0))

    def now(self) -> Instant:
        return self._now

    def advance(self, ms: int) -> Instant:
        self._now = self._now.plus(ms)
        return self._now

    def step_wall(self, ms: int) -> Instant:
        """The machine's wall clock is set by ``ms``; ``wall`` still never decreases."""
        self._now = Instant(WallMs(max(self._now.wall, self._now.wall + ms)), self._now.mono)
        return self._now
