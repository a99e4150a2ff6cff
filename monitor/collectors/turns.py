"""Answers handed on a few at each turn of the event loop.

Hundreds of devices may answer within one turn, above all when the machine was busy for a moment. What follows
from each answer (reading it, asking the next question) takes a fifth of a millisecond; all of it in one turn
would hold up everything else in the daemon for a tenth of a second, and by then hundreds more have answered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

_A_TURN = 8


class Turns:
    """Shared by the connections of one collector, in one event loop."""

    __slots__ = ("_due", "_scheduled")

    def __init__(self) -> None:
        self._due: deque[Callable[[], None]] = deque()
        self._scheduled = False

    def take(self, then: Callable[[], None]) -> None:
        """``then`` is called in its turn: at once, in this round of the loop, unless others wait."""
        self._due.append(then)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._hand_on)

    def _hand_on(self) -> None:
        for _ in range(min(_A_TURN, len(self._due))):
            self._due.popleft()()
        if self._due:
            asyncio.get_running_loop().call_soon(self._hand_on)
        else:
            self._scheduled = False
