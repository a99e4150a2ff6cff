"""Storms: when more incidents open in a minute than a person can read, one digest a channel.

Nothing is lost: every incident is in the ledger as always, and who heard of it by a digest hears of its end
by one.
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
        self._opened: dict[str, list[IncidentId]] = {}
        self._ended: dict[str, list[IncidentId]] = {}
        self._members: set[IncidentId] = set()
        self._next: MonoMs | None = None
        self._last: MonoMs | None = None

    def count(self, now: Instant) -> None:
        """An incident has opened."""
        self._recent.append(now.mono)

    def storming(self, now: Instant) -> bool:
        while self._recent and self._recent[0] <= now.mono - _WINDOW_MS:
            self._recent.popleft()
        return len(self._recent) > self.settings.incidents_per_minute

    def opened(self, incident: IncidentId, channels: Iterable[str], now: Instant) -> None:
        self._members.add(incident)
        for channel in channels:
            self._opened.setdefault(channel, []).append(incident)
        self._plan(now)

    def ended(self, incident: IncidentId, channels: Iterable[str], now: Instant) -> bool:
        """Take up the end of an incident that was told by digest; ``False`` if it was told by itself."""
        if incident not in self._members:
            return False
        self._members.discard(incident)
        for channel in channels:
            self._ended.setdefault(channel, []).append(incident)
        self._plan(now)
        return True

    def _plan(self, now: Instant) -> None:
        if self._next is None:
            due = now.mono + _FIRST_MS
            if self._last is not None:
                due = max(due, self._last + int(self.settings.digest_every * 1000))
            self._next = MonoMs(due)

    def due(self, now: Instant) -> bool:
        return self._next is not None and now.mono >= self._next

    def take(self, now: Instant) -> dict[str, tuple[list[IncidentId], list[IncidentId]]]:
        """What each channel is to hear: incidents opened and ended since the last digest."""
        found = {
            channel: (self._opened.get(channel, []), self._ended.get(channel, []))
            for channel in {**self._opened, **self._ended}
        }
        self._opened, self._ended, self._next, self._last = {}, {}, None, now.mono
        return found
