"""Restless alerts: what ends and begins again and again is told once, and ended once it has been calm.

The states know a flapping device by its last twenty checks; a camera that reboots every two minutes, or a
rate that swings about its limit, is slower than that. From its second end within half an hour on, an alert is
only held to be over after five calm minutes.
"""

from __future__ import annotations

from monitor.alerts.incident import Fingerprint
from monitor.model import Instant, MonoMs

_ENDS = 2
_WITHIN_MS = 30 * 60_000
_CALM_MS = 5 * 60_000


class Restless:
    def __init__(self) -> None:
        self._ends: dict[Fingerprint, tuple[MonoMs, ...]] = {}
        """The last few of each; those that are too old to matter are put away by and by."""
        self._tidy_due = MonoMs(0)
        self._held: dict[Fingerprint, MonoMs] = {}

    def holds_end(self, fingerprint: Fingerprint, now: Instant) -> bool:
        """The condition is over: whether the alert is to stay open for a while all the same."""
        recent = [at for at in self._ends.get(fingerprint, ()) if at >= now.mono - _WITHIN_MS]
        ends = self._ends[fingerprint] = (*recent, now.mono)[-_ENDS:]
        if len(ends) < _ENDS:
            return False
        self._held[fingerprint] = MonoMs(now.mono + _CALM_MS)
        return True

    def restored(self, fingerprint: Fingerprint, now: Instant) -> None:
        """After a restart: it has come and gone before."""
        self._ends[fingerprint] = (now.mono,)

    def began(self, fingerprint: Fingerprint) -> bool:
        """It begins again; whether its end was being held."""
        return self._held.pop(fingerprint, None) is not None

    def drop(self, fingerprint: Fingerprint) -> None:
        """The alert has ended for another reason."""
        self._held.pop(fingerprint, None)

    def calm(self, now: Instant) -> list[Fingerprint]:
        """Those that have been calm for long enough: they are over now."""
        found = [fingerprint for fingerprint, due in self._held.items() if due <= now.mono]
        for fingerprint in found:
            del self._held[fingerprint]
        if now.mono >= self._tidy_due:
            self._tidy_due = MonoMs(now.mono + _CALM_MS)
            old = now.mono - _WITHIN_MS
            self._ends = {f: ends for f, ends in self._ends.items() if ends[-1] >= old or f in self._held}
        return found

    @property
    def remembered(self) -> int:
        """Alerts whose last ends are known."""
        return len(self._ends)

    def next_due(self) -> MonoMs | None:
        return min(self._held.values(), default=None)
