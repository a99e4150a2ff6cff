"""The last alerts of each series, told or not: how noisy it is, and what the books are to say of it."""

from __future__ import annotations

import json
from collections import deque
from typing import NamedTuple

from monitor.model import WallMs
from monitor.rules.series import Key

PAGES_A_WEEK = 5
"""A series that has alerted so often in seven days is noisy: it is reported instead of paging."""
KEPT = 50
_WEEK_MS = 7 * 86_400_000


class SeriesAlert(NamedTuple):
    key: Key
    at: WallMs
    value: float
    low: float
    high: float
    """The usual range then."""
    told: bool


class SeriesAlerts:
    def __init__(self) -> None:
        self._alerts: dict[Key, deque[SeriesAlert]] = {}
        self._unbooked: list[SeriesAlert] = []

    def add(self, key: Key, at: WallMs, value: float, low: float, high: float) -> bool:
        """One more alert; whether it is to be told: not once a series is noisy."""
        told = self.in_a_week(key, at) < PAGES_A_WEEK
        alert = SeriesAlert(key, at, value, low, high, told)
        self._alerts.setdefault(key, deque(maxlen=KEPT)).append(alert)
        self._unbooked.append(alert)
        return told

    def of(self, key: Key) -> list[SeriesAlert]:
        """The oldest first."""
        return list(self._alerts.get(key, ()))

    def in_a_week(self, key: Key, at: WallMs) -> int:
        """In the week before ``at``."""
        return sum(at - alert.at < _WEEK_MS for alert in self._alerts.get(key, ()))

    def forget(self, key: Key) -> None:
        self._alerts.pop(key, None)

    def take(self) -> list[SeriesAlert]:
        """Those that the ledger does not have yet."""
        taken, self._unbooked = self._unbooked, []
        return taken

    # ---------------------------------------------------------------- kept with what was learned

    def to_json(self) -> str:
        return json.dumps([[alert.key, *alert[1:]] for kept in self._alerts.values() for alert in kept])

    def adopt(self, text: str) -> None:
        """In place of what is here; what is not yet booked stays so."""
        self._alerts = {}
        for (device, tags), *rest in json.loads(text or "[]"):
            key: Key = (device, tuple((name, value) for name, value in tags))
            self._alerts.setdefault(key, deque(maxlen=KEPT)).append(SeriesAlert(key, *rest))
