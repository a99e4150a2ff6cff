"""Finding the lines that a server refuses: halve a refused batch until each bad line stands alone.

Posting a line again changes nothing in InfluxDB, so it does not matter whether the server wrote part of a
refused body (1.x, 3.x: 400; 2.x: 422) or none of it (2.x: 400; all: 413).
"""

from __future__ import annotations

from collections.abc import Sequence

from monitor.storage.deadletter import DeadLine

MAX_POSTS = 400
"""Posts spent on one batch. When a whole measurement is refused, what is left of the batch goes to the dead
letters together: live data must not wait for ten thousand refusals."""


class Bisection:
    """The chunks of one batch that still have to be posted. Survives pauses between posts."""

    def __init__(self, lines: Sequence[bytes], status: int, words: str) -> None:
        self._stack: list[Sequence[bytes]] = []
        self._posts = 0
        self.taken = 0
        """Lines that the server has taken so far, expired ones included."""
        self.expired = 0
        self.dead: list[DeadLine] = []
        self._split(lines, status, words)

    def chunk(self) -> Sequence[bytes] | None:
        """What to post next; None when all is settled."""
        return self._stack[-1] if self._stack else None

    def accepted(self, expired: int = 0) -> None:
        """The server took the present chunk, but for ``expired`` points beyond its retention."""
        self._posts += 1
        self.expired += expired
        self.taken += len(self._stack.pop())

    def refused(self, status: int, words: str) -> None:
        """The server refused the present chunk."""
        self._posts += 1
        self._split(self._stack.pop(), status, words)
        if self._posts >= MAX_POSTS:
            for lines in self._stack:
                self.dead.extend(DeadLine(line, status, f"not tried alone; {words}") for line in lines)
            self._stack.clear()

    @property
    def nothing_taken(self) -> bool:
        return self.taken == 0

    def _split(self, lines: Sequence[bytes], status: int, words: str) -> None:
        if len(lines) <= 1:
            self.dead.extend(DeadLine(line, status, words) for line in lines)
            return
        half = len(lines) // 2
        self._stack.append(lines[half:])
        self._stack.append(lines[:half])
