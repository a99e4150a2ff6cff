"""Time that went by without us: our process was stopped, the machine slept, its clock was set forward.

Nobody measured meanwhile, so it is booked as *not measured*. That has to be noticed before anything else
happens: answers that waited in a socket's buffer, and timers that ran out, would else be taken for news. So
whoever brings something about asks ``Presence`` for the time instead of the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from monitor.model import Instant, WallMs

log = structlog.get_logger(room="daemon")

LIMIT_MS = 5000
"""A change of the clock below this is a correction, and a shorter stop a hiccup."""
_TOLD_MS = 60_000


class Clocks(Protocol):
    """The clocks of a machine that can sleep."""

    def now(self) -> Instant: ...

    def set_ms(self) -> int:
        """Only its changes mean something: how far the clock was set. Sleep does not change it."""
        ...

    def slept_ms(self) -> int:
        """How long the machine has slept since it was started; ``Instant.mono`` stands still meanwhile."""
        ...


@dataclass(frozen=True, slots=True)
class Lapse:
    since: WallMs
    """The last moment at which we are known to have run."""
    still_ms: int
    """How long process or machine stood still; 0: hardly."""
    set_ms: int
    """How far the machine's clock was set, positive is forward; 0: hardly."""


class Lapses:
    """Compares the clocks between two looks; there are several looks a second."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._last = clocks.now()
        self._set, self._slept = clocks.set_ms(), clocks.slept_ms()

    def look(self, now: Instant) -> Lapse | None:
        last, set_, slept = self._last, self._set, self._slept
        self._last, self._set, self._slept = now, self._clocks.set_ms(), self._clocks.slept_ms()
        still = now.mono - last.mono + self._slept - slept
        step = self._set - set_
        if still < LIMIT_MS and abs(step) < LIMIT_MS:
            return None
        return Lapse(last.wall, still if still >= LIMIT_MS else 0, step if abs(step) >= LIMIT_MS else 0)


class Presence:
    """``lost`` is told of time that nobody measured; ``own`` of what is wrong with us (name, detail)."""

    def __init__(
        self,
        clocks: Clocks,
        lost: Callable[[WallMs, Instant], None],
        own: Callable[[str, str, Instant], None],
    ) -> None:
        self._clocks = clocks
        self._lapses: Lapses | None = None  # before we are started nothing can lapse, however long that takes
        self._lost = lost
        self._own = own
        self._set: tuple[Lapse, Instant] | None = None
        self._still: tuple[Lapse, Instant] | None = None

    def now(self) -> Instant:
        """The time, once a lapse that it shows has been dealt with."""
        now = self._clocks.now()
        if self._lapses is None:
            self._lapses = Lapses(self._clocks)
        elif (lapse := self._lapses.look(now)) is not None:
            self._deal_with(lapse, now)
        return now

    def _deal_with(self, lapse: Lapse, now: Instant) -> None:
        log.warning(
            "time went by without us", stood_still_s=lapse.still_ms / 1000, clock_set_by_s=lapse.set_ms / 1000
        )
        if lapse.still_ms:
            self._still = lapse, now
        if lapse.set_ms:
            self._set = lapse, now
        if lapse.still_ms or lapse.set_ms > 0:
            self._lost(lapse.since, now)

    def tell(self, now: Instant) -> None:
        """The alerts ``clock`` and ``pause``; a clock set back is one until it has caught up."""
        words = ""
        if self._set is not None:
            lapse, at = self._set
            if now.mono - at.mono < max(_TOLD_MS, -lapse.set_ms):
                words = f"{lapse.set_ms / 1000:+.0f} s"
        self._own("clock", words, now)
        words = ""
        if self._still is not None:
            lapse, at = self._still
            if now.mono - at.mono < _TOLD_MS:
                words = f"{lapse.still_ms / 1000:.0f} s"
        self._own("pause", words, now)
