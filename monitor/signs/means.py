"""What is remembered of each device: four numbers a sign, whatever time passes.

For values the mean of the last days and that of the weeks before; for events how many there were, fading. A
reading counts at most every ten minutes, so that fast checks cost no more than slow ones.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.model import DeviceId, WallMs
from monitor.rules.series import Key
from monitor.signs.kinds import SIGNS, WEIGHINGS, Measure, Sign

RECENT, BEFORE, KNOWN, AT = range(4)
"""For events ``RECENT`` and ``BEFORE`` are counts that fade over a week and over four."""
CELLS = 4
WIDTH = CELLS * len(SIGNS)
PLACES = {sign: CELLS * n for n, sign in enumerate(SIGNS)}
COUNTED = frozenset(sign for sign in SIGNS if WEIGHINGS[sign].measure is Measure.COUNT)

DAY_S = 86_400.0
RECENT_S, BEFORE_S = 3 * DAY_S, 21 * DAY_S
WEEK_S, MONTH_S = 7 * DAY_S, 28 * DAY_S
EVERY_S = 600.0
EPOCH_S = 1_767_225_600.0
"""2026-01-01 UTC: times are kept from here on, to a few seconds in float32."""
_STRETCH = 4.0
"""One reading counts as no more than this many times what was usual: one wild one carries no mean off."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """A copy of it all."""

    keys: list[Key]
    table: NDArray[np.float32]
    """A row a key."""


class Means:
    def __init__(self) -> None:
        self._cells: dict[Key, array[float]] = {}

    def __len__(self) -> int:
        return len(self._cells)

    def feed(self, key: Key, sign: Sign, value: float, at: WallMs) -> None:
        """One reading of a value; those that are not finite are passed over."""
        cells = self._cells.get(key)
        if cells is None:
            cells = self._cells[key] = array("f", bytes(4 * WIDTH))
        place = PLACES[sign]
        now = at / 1000.0 - EPOCH_S
        passed = now - cells[place + AT]
        known = cells[place + KNOWN]
        if (known > 0.0 and passed < EVERY_S) or not abs(value) < 1e30:
            return
        value = abs(value)
        cells[place + AT] = now
        if known == 0.0:
            cells[place + RECENT] = cells[place + BEFORE] = value
            cells[place + KNOWN] = EVERY_S
            return
        step = min(passed, DAY_S)
        known = min(known + step, 2 * MONTH_S)
        cells[place + KNOWN] = known
        before, recent = cells[place + BEFORE], cells[place + RECENT]
        if before > 0.0:
            value = min(value, _STRETCH * max(before, recent))
        cells[place + RECENT] = recent + (value - recent) * min(step / min(RECENT_S, known), 1.0)
        cells[place + BEFORE] = before + (value - before) * min(step / min(BEFORE_S, known), 1.0)

    def count(self, key: Key, sign: Sign, at: WallMs) -> None:
        """One event."""
        cells = self._cells.setdefault(key, array("f", bytes(4 * WIDTH)))
        place = PLACES[sign]
        now = at / 1000.0 - EPOCH_S
        passed = max(now - cells[place + AT], 0.0) if cells[place + KNOWN] > 0.0 else 0.0
        cells[place + RECENT] = cells[place + RECENT] * math.exp(-passed / WEEK_S) + 1.0
        cells[place + BEFORE] = cells[place + BEFORE] * math.exp(-passed / MONTH_S) + 1.0
        cells[place + KNOWN] = MONTH_S
        cells[place + AT] = now

    def remembered(self) -> Remembered:
        """All that is remembered as of now: may be worked on elsewhere while more is fed."""
        flat = np.frombuffer(b"".join(self._cells.values()), np.float32)
        return Remembered(list(self._cells), flat.reshape(len(self._cells), WIDTH))

    def adopt(self, remembered: Mapping[Key, NDArray[np.float32]]) -> None:
        self._cells = {key: array("f", row.tobytes()) for key, row in remembered.items()}

    def keep_only(self, devices: Iterable[DeviceId]) -> None:
        kept = set(devices)
        for key in [key for key in self._cells if key[0] not in kept]:
            del self._cells[key]
