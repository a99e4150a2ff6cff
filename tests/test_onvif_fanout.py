"""A fan-out answers once for each target, in time, within its pace and its number at once."""

from __future__ import annotations

import asyncio

import pytest

from monitor.clock import ManualClock
from monitor.collectors.fanout import fan_out
from monitor.model import Reason, Result, Target
from tests.camera_support import target


async def run(count: int, within: float, one: object, pace: float = 1e6, at_once: int = 1000) -> list[Result]:
    due = [target(f"10.0.{n // 250}.{n % 250}") for n in range(count)]
    deadline = asyncio.get_running_loop().time() + within
    batches = fan_out("x", due, deadline, ManualClock(), pace, at_once, one)  # type: ignore[arg-type]
    results = [result async for batch in batches for result in batch]
    assert sorted(r.device for r in results) == sorted(t.device.id for t in due)
    return results


@pytest.mark.parametrize("count", [0, 1, 700])
async def test_each_target_is_answered_once_and_never_too_many_at_once(count: int) -> None:
    open_now = most = 0

    async def one(target: Target, deadline: float) -> Result:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0.001)
        open_now -= 1
        return Result(target.device.id, "x", ManualClock().now().wall, Reason.OK)

    assert all(r.ok for r in await run(count, 10, one, at_once=40))
    assert most <= 40


async def test_what_hangs_is_a_timeout_and_what_never_began_our_own_loss() -> None:
    async def hang(target: Target, deadline: float) -> Result:
        await asyncio.sleep(60)
        raise AssertionError("not reached")

    reasons = [r.reason for r in await run(30, 1.0, hang, at_once=10)]
    assert (reasons.count(Reason.TIMEOUT), reasons.count(Reason.OWN_LOSS)) == (10, 20)


async def test_the_pace_holds_over_a_stall() -> None:
    begun: list[float] = []

    async def one(target: Target, deadline: float) -> Result:
        begun.append(asyncio.get_running_loop().time())
        return Result(target.device.id, "x", ManualClock().now().wall, Reason.OK)

    asyncio.get_running_loop().call_later(0.05, _stall, 0.2)
    await run(200, 5, one, pace=500)
    # After 0.2 s of stall a hundred are behind: they begin at three times the pace, not all at once.
    assert max(sum(start <= other < start + 0.005 for other in begun) for start in begun) <= 80


def _stall(seconds: float) -> None:
    import time

    time.sleep(seconds)
