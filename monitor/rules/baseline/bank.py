"""The memory of many series, and their samples taken together; the arithmetic is in ``columns``."""

from __future__ import annotations

import numpy as np

from monitor.rules.baseline import layout as at
from monitor.rules.baseline.columns import advance, begin
from monitor.rules.baseline.records import Floats, Ints, Slims
from monitor.rules.baseline.scalar import BOTH, HUGE, NORMAL

CHUNK = 2048
"""Series at a time: what is worked on stays in the processor's cache."""


class Bank:
    """The memory of many series. Rows of ``wide`` and ``slim`` are those of ``layout``."""

    def __init__(self, series: int = 0, direction: int = BOTH, sensitivity: float = NORMAL) -> None:
        self.direction = direction
        self.sensitivity = sensitivity
        self.wide: Floats = np.zeros((at.WIDE, series))
        self.slim: Slims = np.zeros((at.SLIM, series), np.float32)

    def __len__(self) -> int:
        return int(self.wide.shape[1])

    def grow(self, series: int) -> None:
        """Room for ``series`` series in all; the new ones have learned nothing."""
        more = series - len(self)
        if more > 0:
            self.wide = np.concatenate((self.wide, np.zeros((at.WIDE, more))), axis=1)
            self.slim = np.concatenate((self.slim, np.zeros((at.SLIM, more), np.float32)), axis=1)

    def step(self, columns: Ints | None, t: Floats, second: Floats, day_type: Ints, values: Floats) -> Floats:
        """One sample for each of ``columns`` (no column twice; None: for all, in order); their oddness, as
        ``scalar.step`` gives it."""
        odd = np.zeros(len(values))
        for start in range(0, len(values), CHUNK):
            part = slice(start, start + CHUNK)
            rows = part if columns is None else columns[part]
            odd[part] = self._some(rows, t[part], second[part], day_type[part], values[part])
        return odd

    def _some(self, rows: slice | Ints, t: Floats, second: Floats, kind: Ints, v: Floats) -> Floats:
        wide, slim = self.wide[:, rows], self.slim[:, rows]
        usable = np.abs(v) <= HUGE
        count = slim[at.COUNT]
        begun = count > 0
        new = usable & ~begun
        if new.any():
            begin(wide, slim, new, t, v)
        due = usable & begun & (t > wide[at.TIME])
        first = due & (count == 1.0)
        odd = np.zeros(len(v))
        for group, is_first in ((first, True), (due & ~first, False)):
            if group.all():
                odd[:] = self._advance(wide, slim, t, second, kind, v, is_first)
            elif group.any():
                w, s = wide[:, group], slim[:, group]
                odd[group] = self._advance(w, s, t[group], second[group], kind[group], v[group], is_first)
                wide[:, group], slim[:, group] = w, s
        if not isinstance(rows, slice):
            self.wide[:, rows], self.slim[:, rows] = wide, slim
        return odd

    def _advance(
        self, w: Floats, s: Slims, t: Floats, second: Floats, kind: Ints, v: Floats, first: bool
    ) -> Floats:
        return advance(w, s, t, second, kind, v, first, self.direction, self.sensitivity)
