"""The wheel: whatever was added comes due once, not before its time, and nothing is lost while it is busy."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import cast

from monitor.collectors.snmp.wheel import Wheel


class Timer:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """Time that passes when we say so; one timer at a time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[tuple[float, object, Timer]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: object) -> Timer:
        timer = Timer()
        self.timers.append((self.now + delay, callback, timer))
        return timer

    def run(self, until: float) -> None:
        while self.timers and min(self.timers, key=lambda timer: timer[0])[0] <= until:
            self.timers.sort(key=lambda timer: timer[0])
            when, callback, timer = self.timers.pop(0)
            self.now = max(self.now, when)
            if not timer.cancelled:
                callback()  # type: ignore[operator]  # what the wheel gave us
        self.now = max(self.now, until)


def test_all_that_was_added_comes_due_once_and_in_time_however_long_its_handling_takes() -> None:
    rng = random.Random(5)
    loop = Loop()
    wanted: dict[int, float] = {}
    came: Counter[int] = Counter()

    def add() -> None:
        number = len(wanted) + 1
        wanted[number] = loop.now + rng.choice((-1.0, 0.0, 0.001, 0.02, 0.05, 0.3, 5.0))
        wheel.add(number, wanted[number])

    def due(numbers: list[int], now: float) -> None:
        for number in numbers:
            came[number] += 1
            assert now >= wanted[number]
            loop.now += rng.choice((0.0, 0.0, 0.01, 0.2))  # and meanwhile other ticks pass
            if rng.random() < 0.5:
                add()

    wheel = Wheel(due)
    wheel.start(cast("asyncio.AbstractEventLoop", loop))
    for _ in range(300):
        for _ in range(rng.randrange(4)):
            add()
        loop.run(loop.now + rng.choice((0.005, 0.1, 2.0)))
        assert sum(not timer.cancelled for _, _, timer in loop.timers) <= 1
    for _ in range(100):  # each handling may have added more
        loop.run(loop.now + 60)
    assert came == Counter(wanted.keys())


def test_it_stands_still_while_it_is_empty() -> None:
    loop = Loop()
    came: list[int] = []
    wheel = Wheel(lambda numbers, now: came.extend(numbers))
    wheel.start(cast("asyncio.AbstractEventLoop", loop))
    wheel.add(1, loop.now + 0.1)
    loop.run(loop.now + 1)
    assert came == [1]
    assert not loop.timers
    loop.now += 86_400
    wheel.add(2, loop.now + 0.1)
    loop.run(loop.now + 0.05)
    assert came == [1]
    loop.run(loop.now + 1)
    assert came == [1, 2]
