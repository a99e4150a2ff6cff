"""Which messages a standby holds back. Pure.

A standby measures and judges like the other, and holds its messages while the other lives. What it wrote in
the minute before the other's last sign of life may not have been told: on taking over that is sent, at the
price of messages that arrive twice. Older ones were told by the other and are dropped. Once the other is back
it is silent again, but for incidents that it has told of itself: who was told by it that something broke is
told by it that it ended.
"""

from __future__ import annotations

from collections import deque

from monitor.model import IncidentId, MonoMs
from monitor.notifiers.notice import OutboxEntry

OVERLAP_MS = 60_000


class Standby:
    def __init__(self, now: MonoMs, dead_after_ms: int) -> None:
        self._alive_at = now
        self._patient_from = now  # as much patience at the start as ever
        self._dead_after_ms = dead_after_ms
        self._held: deque[tuple[MonoMs, OutboxEntry]] = deque()
        self._ours: set[IncidentId] = set()
        self.leading = False

    def peer_alive(self, now: MonoMs) -> None:
        self._alive_at = now
        self.leading = False

    def woke(self, now: MonoMs) -> None:
        """We could not hear the other for a while: patience begins anew."""
        self._patient_from = now

    def admit(self, entry: OutboxEntry, now: MonoMs) -> bool:
        """Whether to send it now; if not, it is held."""
        incident = entry.notice.incident
        if not self.leading and incident not in self._ours:
            self._held.append((now, entry))
            return False
        if incident is not None:
            self._ours.add(incident)
        return True

    def tick(self, now: MonoMs) -> tuple[list[OutboxEntry], list[OutboxEntry]]:
        """Messages to send, and messages to drop, since the other has told them."""
        silent = now - max(self._alive_at, self._patient_from)
        if not self.leading and silent >= self._dead_after_ms:
            self.leading = True
        if self.leading:
            released = [entry for _, entry in self._held]
            self._held.clear()
            self._ours |= {entry.notice.incident for entry in released if entry.notice.incident is not None}
            return released, []
        dropped = []
        while self._held and self._held[0][0] < self._alive_at - OVERLAP_MS:
            dropped.append(self._held.popleft()[1])
        return [], dropped

    @property
    def held(self) -> int:
        return len(self._held)
