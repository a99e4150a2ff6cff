"""A port module that was removed, a disk that was taken out: that what fires of it is over can no longer be
seen.

An alert ends on evidence. Where the evidence can never come, since the device goes on answering but does not
report that part any more, the alert ends after a day, and says so: it is not told as mended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from monitor.model import DeviceId, Instant, MonoMs, Result, Tags

Series = tuple[DeviceId, Tags]
"""As ``series.Key``: a device, and the tags of the reading."""

GONE_MS = 86_400_000
"""So long a device must have answered without it."""
_TRAP = "trap"
"""Notifications come when something happens: that one lacks a reading tells nothing."""


class Absences:
    """The series of one metric that fire, and since when their check has answered without them."""

    def __init__(self, metric: str) -> None:
        """Without ``metric`` (a rule over states) nothing is ever gone."""
        self._row = metric.partition(".")[0] + "."
        self._metric = metric
        self._firing: dict[DeviceId, set[Series]] = {}
        self._missing: dict[Series, MonoMs] = {}
        self._checks: set[str] = set()
        """Those that bring the measurement, as far as they have been seen to."""

    def begin(self, key: Series) -> None:
        if self._metric:
            self._firing.setdefault(key[0], set()).add(key)

    def end(self, key: Series) -> None:
        self._missing.pop(key, None)
        firing = self._firing.get(key[0])
        if firing is not None:
            firing.discard(key)
            if not firing:
                del self._firing[key[0]]

    def adopt(self, old: Absences) -> None:
        """Go on where the same rule was before a reload."""
        self._missing, self._checks = dict(old._missing), set(old._checks)

    @property
    def devices(self) -> Collection[DeviceId]:
        """Those of which something fires."""
        return self._firing.keys()

    def gone(self, result: Result, now: Instant) -> Iterator[Series]:
        """What this result, of one of ``devices``, shows to be reported no longer.

        A part is there as long as anything is said of it: that a port has no value for this metric just now
        does not mean that the port is gone.
        """
        there = {reading.tags for reading in result.readings if reading.metric.startswith(self._row)}
        if there:
            self._checks.add(result.check)
        if result.check == _TRAP or (self._checks and result.check not in self._checks):
            return
        whole = result.ok and (bool(there) or not result.detail)  # else a table may have failed
        for key in self._firing[result.device]:
            if key[1] in there or not (whole or self._checks):
                self._missing.pop(key, None)
            elif whole and now.mono - self._missing.setdefault(key, now.mono) >= GONE_MS:
                yield key
