"""The rate of a channel: at most so many posts in any sixty seconds."""

from __future__ import annotations

from collections import deque

WINDOW_S = 60.0


class Rate:
    """A sliding log of posts. Exact, because services count exactly and refuse what is over."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._posts: deque[float] = deque()

    def took(self, now: float, posts: int) -> None:
        self._posts.extend([now] * posts)

    def free_at(self, now: float) -> float:
        """When the next post may go out: ``now`` or later."""
        while self._posts and self._posts[0] <= now - WINDOW_S:
            self._posts.popleft()
        over = len(self._posts) - self._per_minute
        return now if over < 0 else self._posts[over] + WINDOW_S
