"""When what is unanswered is to be looked at again: a wheel of 20 ms ticks, one timer for all requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_TICKS_PER_S = 50.0


class Wheel:
    """``due`` is called at each turn that has any, with numbers whose time has come, and the loop's time."""

    __slots__ = ("_buckets", "_due", "_loop", "_timer", "_turned")

    def __init__(self, due: Callable[[list[int], float], None]) -> None:
        self._due = due
        self._buckets: dict[int, list[int]] = {}
        self._turned = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._turned = int(loop.time() * _TICKS_PER_S)

    def stop(self) -> None:
        self._buckets.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def add(self, number: int, when: float) -> None:
        """``when``: the loop's time."""
        tick = int(when * _TICKS_PER_S) + 1
        try:
            self._buckets[tick].append(number)  # nearly always: others wait for the same tick
        except KeyError:
            self._add_bucket(tick, number)

    def _add_bucket(self, tick: int, number: int) -> None:
        if self._timer is None:  # it stood still, empty: what it has slept through is passed over
            self._turned = max(self._turned, min(int(self._loop.time() * _TICKS_PER_S), tick - 1))
            self._timer = self._loop.call_later(1 / _TICKS_PER_S, self._turn)
        self._buckets.setdefault(max(tick, self._turned + 1), []).append(number)

    def _turn(self) -> None:
        now = self._loop.time()
        tick = int(now * _TICKS_PER_S)
        buckets = self._buckets
        numbers: list[int] = []
        for at in range(self._turned + 1, tick + 1):
            numbers += buckets.pop(at, ())
        self._turned = max(self._turned, tick)
        # Before ``due``, which may take a while and add more: without a timer nothing may be left in here.
        self._timer = self._loop.call_later(1 / _TICKS_PER_S, self._turn) if buckets else None
        if numbers:
            self._due(numbers, now)
