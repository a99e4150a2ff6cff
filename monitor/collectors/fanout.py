"""One check per device over TCP, many at once: started at a steady pace, bounded, answered in batches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from math import ceil

from monitor.clock import Clock
from monitor.model import Reason, Result, Target, WallMs

_TICK_S = 0.01
_LATE_S = 0.02
"""When the loop comes round later than this it has too much to do: no more is begun in a turn than belongs to
this span. Otherwise hundreds of answers come due in one turn, and each turn makes the next one longer."""
_CATCH_UP = 3
"""After a stall the backlog is begun at so many times the pace: all of it at once would be the next stall."""

CheckOne = Callable[[Target, float], Awaitable[Result]]
"""Checks one device until a deadline (loop time). Never raises for what a device does."""


async def fan_out(
    check: str,
    targets: Sequence[Target],
    deadline: float,
    clock: Clock,
    per_second: float,
    at_once: int,
    one: CheckOne,
) -> AsyncIterator[list[Result]]:
    """Answers once for each target, at the latest at ``deadline``.

    Starts ``per_second`` checks a second, so that thousands due together do not stall the loop or the
    network, and holds at most ``at_once`` open. What could not be started in time is our own loss.
    """
    loop = asyncio.get_running_loop()
    done: list[Result] = []
    running: set[asyncio.Task[Result]] = set()
    wake = asyncio.Event()

    def finished(task: asyncio.Task[Result]) -> None:
        running.discard(task)
        if not task.cancelled() and task.exception() is None:
            done.append(task.result())
        wake.set()

    began, started = loop.time(), 0
    last = began - _TICK_S
    try:
        while started < len(targets) or running:
            now = loop.time()
            if now >= deadline and started < len(targets):
                done += [_not_reached(check, t, clock.now().wall) for t in targets[started:]]
                started = len(targets)
            late = now - last > _TICK_S + _LATE_S
            most = ceil(per_second * (_LATE_S if late else (now - last) * _CATCH_UP))
            due, last = min(len(targets), int((now - began) * per_second) + 1, started + most), now
            while started < due and len(running) < at_once:
                task = loop.create_task(_guarded(one, check, targets[started], deadline, clock))
                task.add_done_callback(finished)
                running.add(task)
                started += 1
            if done:
                batch, done[:] = list(done), ()
                yield batch
            wake.clear()
            if started < len(targets) and len(running) < at_once:
                await asyncio.sleep(_TICK_S)
            elif running:
                await wake.wait()
                await asyncio.sleep(_TICK_S)  # lets a batch gather
        if done:
            yield done
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _guarded(one: CheckOne, check: str, target: Target, deadline: float, clock: Clock) -> Result:
    """Holds a check to its deadline even where it waits for something of ours."""
    at = clock.now().wall
    try:
        async with asyncio.timeout_at(deadline):
            return await one(target, deadline)
    except TimeoutError:
        return Result(target.device.id, check, at, Reason.TIMEOUT, detail="not finished in time")


def _not_reached(check: str, target: Target, at: WallMs) -> Result:
    return Result(target.device.id, check, at, Reason.OWN_LOSS, detail="its turn did not come in time")
