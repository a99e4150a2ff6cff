"""One clock, injected everywhere: nothing else in Camwatch asks the operating system for the time."""

from __future__ import annotations

import time
from typing import Protocol

from monitor.model import Instant, MonoMs, WallMs


class Clock(Protocol):
    def now(self) -> Instant: ...


class SystemClock:
    """The machine's clocks.

    ``wall`` never decreases: when the machine's clock is set back, it stands still until the machine has
    caught up, so that each second of the calendar is booked once, as first seen. Timers use ``mono`` and
    do not notice. ``step_ms`` tells by how much the machine's clock has been set since the last call.
    """

    def __init__(self) -> None:
        self._high = time.time_ns() // 1_000_000
        self._offset = self._high - time.monotonic_ns() // 1_000_000

    def now(self) -> Instant:
        wall = time.time_ns() // 1_000_000
        if wall > self._high:
            self._high = wall
        return Instant(WallMs(self._high), MonoMs(time.monotonic_ns() // 1_000_000))

    def step_ms(self) -> int:
        """How far the wall clock has moved against the monotonic one since the last call (+ is forward)."""
        offset = (time.time_ns() - time.monotonic_ns()) // 1_000_000
        step, self._offset = offset - self._offset, offset
        return step


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
