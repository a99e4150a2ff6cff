"""Hundreds of answers in one turn of the loop do not hold up the rest of the daemon."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from monitor.collectors.turns import Turns


async def test_answers_are_handed_on_in_their_order_and_few_at_a_turn() -> None:
    turns, seen = Turns(), list[int]()
    for number in range(100):
        turns.take(lambda n=number: seen.append(n))  # type: ignore[misc]  # the usual way to bind it
    steps = [0]
    while len(seen) < 100:
        await asyncio.sleep(0)
        steps.append(len(seen))
    assert seen == list(range(100))
    assert max(after - before for before, after in pairwise(steps)) == 8
    turns.take(lambda: seen.append(100))
    await asyncio.sleep(0)
    assert seen[-1] == 100  # and it can rest and begin again
