"""Storms: when more incidents open in a minute than a person can read, one digest a channel.

Nothing is lost: every incident is in the ledger as always, and who heard of it by a digest hears of its end
by one. What waits for the next digest counts as not told yet, so that a crash cannot swallow it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from monitor.model import IncidentId, Instant, MonoMs

if TYPE_CHECKING:
    from monitor.alerts.policy import StormSettings

_WINDOW_MS = 60_000
_FIRST_MS = 5_000
"""How long the first digest of a storm gathers."""


class Digest:
    def __init__(self, settings: StormSettings) -> None:
        self.settings = settings
        self._recent: deque[MonoMs] = deque()
        self._waiting: dict[str, dict[IncidentId, None]] = {}
        self._held: set[IncidentId] = set()
        self._ended: dict[IncidentId, None] = {}
        self._next: MonoMs | None = None
        self._last: MonoMs | None = None

    def count(self, now: Instant) -> None:
        """An incident has opened."""
        self._recent.append(now.mono)

    def storming(self, now: Instant) -> bool:
        while self._recent and self._recent[0] <= now.mono - _WINDOW_MS:
            self._recent.popleft()
        return len(self._recent) > self.settings.incidents_per_minute

    def holds(self, incident: IncidentId) -> bool:
        """The incident waits to be told by the next digest."""
        return incident in self._held

    def tell(self, incident: IncidentId, channels: Iterable[str], now: Instant) -> None:
        """The next digest is to speak of it."""
        for channel in channels:
            self._waiting.setdefault(channel, {})[incident] = None
            self._held.add(incident)
        self._plan(now)

    def tell_end(self, incident: IncidentId, now: Instant) -> None:
        """The next digest is to speak of its end."""
        self._ended[incident] = None
        self._plan(now)

    def _plan(self, now: Instant) -> None:
        if self._next is None:
            due = now.mono + _FIRST_MS
            if self._last is not None:
                due = max(due, self._last + int(self.settings.digest_every * 1000))
            self._next = MonoMs(due)

    @property
    def next_due(self) -> MonoMs | None:
        return self._next

    def due(self, now: Instant) -> bool:
        return self._next is not None and now.mono >= self._next

    def take(self, now: Instant) -> tuple[dict[str, list[IncidentId]], list[IncidentId]]:
        """What each channel is to hear of, and what has ended since the last digest."""
        waiting = {channel: list(incidents) for channel, incidents in self._waiting.items()}
        ended = list(self._ended)
        self._waiting, self._held, self._ended = {}, set(), {}
        self._next, self._last = None, now.mono
        return waiting, ended
