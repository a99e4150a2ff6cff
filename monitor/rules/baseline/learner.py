"""All series of one rule: readings go in as they come, samples of even length come out judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.model import WallMs
from monitor.rules.baseline import layout as at
from monitor.rules.baseline.band import Usual, usual
from monitor.rules.baseline.bank import Bank
from monitor.rules.baseline.calendar import LocalCalendar
from monitor.rules.baseline.scalar import BOTH, NORMAL
from monitor.rules.baseline.snapshot import Snapshot
from monitor.rules.series import Key, key_of, text_of

RECENT = 48
"""Samples kept for the picture."""


@dataclass(slots=True)
class _Open:
    """A sample in the making."""

    window: int
    total: float
    n: int


@dataclass(frozen=True, slots=True)
class Judged:
    """One sample of one series and its oddness."""

    key: Key
    at: WallMs
    """When the sample's span ended."""
    value: float
    odd: float
    usual: Usual | None
    """What was usual before this sample was learned from; only where it was asked for."""


class Learner:
    def __init__(
        self, calendar: LocalCalendar, resolution_s: float, direction: int = BOTH, sensitivity: float = NORMAL
    ) -> None:
        self.calendar = calendar
        self.bank = Bank(0, direction, sensitivity)
        self._resolution_ms = int(resolution_s * 1000)
        self._columns: dict[Key, int] = {}
        self._keys: list[Key | None] = []
        self._free: list[int] = []
        self._open: dict[Key, _Open] = {}
        self._oldest: int | None = None
        """No sample in the making began before this window."""
        self._recent: NDArray[np.float32] = np.full((RECENT, 0), np.nan, np.float32)
        self._recent_window = np.full(RECENT, -1, np.int64)

    def __len__(self) -> int:
        return len(self._columns)

    def add(self, key: Key, value: float, when: WallMs) -> None:
        """One reading. Readings older than the sample in the making are too late and passed over."""
        window = when // self._resolution_ms
        sample = self._open.get(key)
        if sample is None or sample.window < window:
            self._open[key] = _Open(window, value, 1)
            if self._oldest is None or window < self._oldest:
                self._oldest = window
        elif sample.window == window:
            sample.total += value
            sample.n += 1

    @property
    def waiting(self) -> bool:
        """There are samples in the making."""
        return bool(self._open)

    def ready(self, now: WallMs) -> list[tuple[Key, int, float]]:
        """Take out the samples whose span has ended, as key, window and mean."""
        current = now // self._resolution_ms
        if self._oldest is None or self._oldest >= current:
            return []
        self._oldest = current
        done = [(key, o.window, o.total / o.n) for key, o in self._open.items() if o.window < current]
        for key, _, _ in done:
            del self._open[key]
        return done

    def judge(self, samples: Sequence[tuple[Key, int, float]], watched: frozenset[Key]) -> Iterator[Judged]:
        """Learn from the samples; yields those that are odd enough for an alert, and the ``watched``."""
        if not samples:
            return
        columns = np.array([self._column(key) for key, _, _ in samples], np.intp)
        times = np.array([(window + 1) * self._resolution_ms for _, window, _ in samples], np.int64)
        values = np.array([value for _, _, value in samples])
        moments = {t: self.calendar.at(t / 1000) for t in set(times.tolist())}
        seconds = np.array([moments[t].second for t in times.tolist()])
        types = np.array([moments[t].day_type for t in times.tolist()], np.intp)
        before = {
            key: self.usual(key, WallMs(int(t)))
            for (key, _, _), t in zip(samples, times, strict=True)
            if key in watched
        }
        self._remember(samples, columns, values)
        odd = self.bank.step(columns, times / 1000, seconds, types, values)
        loud = odd >= 1.0
        for i, (key, _, value) in enumerate(samples):
            if loud[i] or key in watched:
                when = WallMs(int(times[i]))
                yield Judged(key, when, value, float(odd[i]), before.get(key) or self.usual(key, when))

    def _remember(
        self,
        samples: Sequence[tuple[Key, int, float]],
        columns: NDArray[np.intp],
        values: NDArray[np.float64],
    ) -> None:
        for window in {window for _, window, _ in samples}:
            place = window % RECENT
            if self._recent_window[place] < window:
                self._recent[place] = np.nan
                self._recent_window[place] = window
        places = np.array([window % RECENT for _, window, _ in samples])
        with np.errstate(over="ignore"):
            self._recent[places, columns] = values

    def _column(self, key: Key) -> int:
        column = self._columns.get(key)
        if column is None:
            column = self._columns[key] = self._free.pop() if self._free else len(self._keys)
            if column == len(self._keys):
                self._keys.append(key)
                self._make_room(column + 1)
            else:
                self._keys[column] = key
            self.bank.wide[:, column] = 0.0
            self.bank.slim[:, column] = 0.0
        return column

    def _make_room(self, series: int) -> None:
        if series > len(self.bank):
            self.bank.grow(max(64, 2 * len(self.bank), series))
            more = np.full((RECENT, len(self.bank) - self._recent.shape[1]), np.nan, np.float32)
            self._recent = np.concatenate((self._recent, more), axis=1)

    # ---------------------------------------------------------------- what it knows

    def series(self) -> list[Key]:
        return list(self._columns)

    def usual(self, key: Key, when: WallMs) -> Usual | None:
        return self.usual_on(key, *self.calendar.at(when / 1000))

    def usual_on(self, key: Key, second: float, day_type: int) -> Usual | None:
        """What is usual at that second of a day of that type."""
        column = self._columns.get(key)
        if column is None:
            return None
        return usual(self.bank.wide[:, column].tolist(), self.bank.slim[:, column].tolist(), second, day_type)

    def bar(self, key: Key) -> float:
        """1 for a series without alerts of late; more, the noisier it was."""
        column = self._columns.get(key)
        return float(self.bank.slim[at.BAR, column]) if column is not None else 1.0

    def recent(self, key: Key) -> list[tuple[WallMs, float]]:
        """The last samples, oldest first."""
        column = self._columns.get(key)
        if column is None:
            return []
        known = [
            (WallMs((int(window) + 1) * self._resolution_ms), float(self._recent[place, column]))
            for place, window in enumerate(self._recent_window)
            if window >= 0 and not np.isnan(self._recent[place, column])
        ]
        return sorted(known)

    # ---------------------------------------------------------------- forgetting and keeping

    def relearn(self, key: Key) -> bool:
        """A planned change: level, records and budget are learned anew, the shape of the day is kept."""
        column = self._columns.get(key)
        if column is None or self.bank.slim[at.COUNT, column] < 2:
            return False
        self.bank.slim[at.COUNT, column] = 0.0
        self._open.pop(key, None)
        return True

    def forget(self, key: Key) -> None:
        column = self._columns.pop(key, None)
        self._open.pop(key, None)
        if column is not None:
            self._keys[column] = None
            self._free.append(column)
            self._recent[:, column] = np.nan

    def snapshot(self) -> Snapshot:
        columns = np.fromiter(self._columns.values(), np.intp, len(self._columns))
        return Snapshot(
            at.NAME,
            [text_of(key) for key in self._columns],
            self.bank.wide[:, columns],
            self.bank.slim[:, columns],
        )

    def adopt(self, snapshot: Snapshot) -> bool:
        """Take up what was learned, in place of what is here; ``False`` when it is of a layout unknown."""
        rows = snapshot.wide.shape[0], snapshot.slim.shape[0]
        if rows != {at.NAME: (at.WIDE, at.SLIM), **at.OLDER}.get(snapshot.layout):
            return False
        self._columns.clear()
        self._open.clear()
        self._free.clear()
        keys = [key_of(text) for text in snapshot.keys]
        self._keys = list(keys)
        self._columns = {key: i for i, key in enumerate(keys)}
        self.bank.wide = np.pad(snapshot.wide, ((0, at.WIDE - rows[0]), (0, 0)))
        self.bank.slim = np.pad(snapshot.slim, ((0, at.SLIM - rows[1]), (0, 0)))
        self._recent = np.full((RECENT, len(keys)), np.nan, np.float32)
        self._recent_window[:] = -1
        return True
