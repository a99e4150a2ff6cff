"""The bank's records: the furthest that each feature went in four weeks, and the range at each hour. The twin
of ``scalar_records``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.rules.baseline import layout as at
from monitor.rules.baseline import parameters as by
from monitor.rules.baseline.layout import BUCKETS, FEATURES, HIGHEST, LOWEST, RECORDS
from monitor.rules.baseline.scalar_records import NONE, NONE_F32

Floats = NDArray[np.float64]
Slims = NDArray[np.float32]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

_PLACES = tuple(RECORDS + 2 * BUCKETS * k for k in range(FEATURES))


def read(s: Slims, row: int) -> Floats:
    widened: Floats = s[row].astype(np.float64)
    return widened


class Cells:
    """One cell of each column, at a row that may differ from column to column. Where it does not (samples
    taken together mostly fall in the same hour), whole rows are read: that is several times faster."""

    def __init__(self, series: int) -> None:
        self._columns = np.arange(series)

    @staticmethod
    def even(rows: Ints) -> Ints | np.intp:
        """The one row, if it is one."""
        first = rows[0]
        return np.intp(first) if (rows == first).all() else rows

    def get(self, s: Slims, row: Ints | np.intp) -> Slims:
        return s[row] if isinstance(row, np.intp) else s[row, self._columns]

    def read(self, s: Slims, row: Ints | np.intp) -> Floats:
        return self.get(s, row).astype(np.float64)

    def put(self, s: Slims, row: Ints | np.intp, values: Floats) -> None:
        if isinstance(row, np.intp):
            s[row] = values
        else:
            s[row, self._columns] = values


def first_records(s: Slims, features: Floats, still: Floats) -> None:
    for k in range(FEATURES):
        s[RECORDS + 2 * BUCKETS * k : RECORDS + 2 * BUCKETS * (k + 1)] = features[k]
    s[HIGHEST : HIGHEST + FEATURES] = s[LOWEST : LOWEST + FEATURES] = features
    s[at.STILLEST : at.STILLEST_OF_ALL + 1] = still
    s[at.HIGH_NOW : at.HIGH_NOW + 24] = s[at.HIGH_BEFORE : at.HIGH_BEFORE + 24] = -NONE
    s[at.LOW_NOW : at.LOW_NOW + 24] = s[at.LOW_BEFORE : at.LOW_BEFORE + 24] = NONE


def turn(s: Slims, features: Floats, still: Floats, week: Floats) -> None:
    cols = np.arange(s.shape[1])
    bucket = week.astype(np.intp) % BUCKETS
    for k in range(FEATURES):
        first = RECORDS + 2 * BUCKETS * k
        kept = np.minimum(np.maximum(features[k], s[LOWEST + k]), s[HIGHEST + k])
        s[first + bucket, cols] = s[first + BUCKETS + bucket, cols] = kept
        s[HIGHEST + k] = s[first : first + BUCKETS].max(axis=0)
        s[LOWEST + k] = s[first + BUCKETS : first + 2 * BUCKETS].min(axis=0)
    first, stillest = at.STILLEST, s[at.STILLEST_OF_ALL]
    s[first + bucket, cols] = np.maximum(still, stillest)
    s[at.STILLEST_OF_ALL] = s[first : first + BUCKETS].min(axis=0)
    even = week % 2 == 0
    s[at.HIGH_BEFORE : at.HIGH_BEFORE + 24, even] = s[at.HIGH_NOW : at.HIGH_NOW + 24, even]
    s[at.LOW_BEFORE : at.LOW_BEFORE + 24, even] = s[at.LOW_NOW : at.LOW_NOW + 24, even]
    s[at.HIGH_NOW : at.HIGH_NOW + 24, even], s[at.LOW_NOW : at.LOW_NOW + 24, even] = -NONE, NONE


def records(s: Slims, cells: Cells, x: Floats, count: Floats, spread: Floats, tiny: Floats) -> Floats:
    highest, lowest = s[HIGHEST : HIGHEST + FEATURES], s[LOWEST : LOWEST + FEATURES]
    broken = (x > highest) | (x < lowest)
    within = np.minimum(np.maximum(x.astype(np.float32), lowest), highest)
    bucket = cells.even(s[at.WEEK].astype(np.intp) % BUCKETS)
    for k, row in enumerate(_PLACES):
        for place, further in ((row + bucket, np.maximum), (row + BUCKETS + bucket, np.minimum)):
            cells.put(s, place, further(cells.get(s, place), within[k]))
    odd = np.zeros(x.shape[1])
    for k in np.nonzero(broken.any(axis=1))[0].tolist():
        some = np.nonzero(broken[k])[0]
        here = bucket if isinstance(bucket, np.intp) else bucket[some]
        odd[some] += _broken(s, k, some, here, x[k, some], count[some], spread[some], tiny[some])
    return odd


def _broken(
    s: Slims,
    k: int,
    some: Ints,
    bucket: Ints | np.intp,
    x: Floats,
    count: Floats,
    spread: Floats,
    tiny: Floats,
) -> Floats:
    """Feature ``k`` of the columns ``some``, whose records it broke: few, so they are taken apart."""
    high, low = s[HIGHEST + k, some].astype(np.float64), s[LOWEST + k, some].astype(np.float64)
    above = x > high
    width = high - low
    excess = np.where(above, x - high, low - x)
    follow = excess * by.FOLLOW
    follow = np.where(width > 0.0, np.minimum(follow, by.FOLLOW_MOST * width), follow)
    follow = np.where(count < 20.0, excess, follow)
    centre = 0.5 * (low + high) if k == at.ROUGH else np.minimum(np.maximum(0.0, low), high)
    side = np.where(above, 2.0 * (high - centre), 2.0 * (centre - low))
    place = RECORDS + 2 * BUCKETS * k + bucket
    s[HIGHEST + k, some] = np.where(above, high + follow, high)
    s[LOWEST + k, some] = np.where(above, low, low - follow)
    s[place, some] = np.where(above, high + follow, s[place, some])
    s[place + BUCKETS, some] = np.where(above, s[place + BUCKETS, some], low - follow)
    if k == at.ROUGH:
        still = by.STILLNESS * width * (1.0 - x / low)
        excess = np.where(~above & (low > 0.0), np.maximum(excess, still), excess)
    if k == at.RUN_LENGTH:
        floor: Floats | float = by.RUN_FLOOR
    else:
        floor = by.SPREAD_FLOOR if 1 <= k <= 4 else by.SPREAD_FLOOR * spread + tiny
    span = by.EVEN_SIDES * width + (1.0 - by.EVEN_SIDES) * side + floor
    share: Floats = by.WEIGHTS[k] * np.minimum(excess / span, by.RECORD_MOST)
    # Most series have never had a run worth the name: that is no want of spread.
    return share if k == at.RUN_LENGTH else np.where(width > 0.0, share, 0.0)


def stillness(s: Slims, cells: Cells, still: Floats, rough: Floats, count: Floats, gap: Bools) -> Floats:
    place = cells.even(at.STILLEST + s[at.WEEK].astype(np.intp) % BUCKETS)
    stillest = read(s, at.STILLEST_OF_ALL)
    stiller = ~gap & (still < stillest)
    here = cells.read(s, place)
    odd = np.zeros(len(still))
    if stiller.any():
        less = stillest - still
        young = count < 20.0
        record = np.where(young, still, stillest - by.STILL_FOLLOW * less)
        odd = np.where(stiller & ~young, by.STILL_WEIGHT * less / (stillest + by.STILL_ROUGH * rough), 0.0)
        s[at.STILLEST_OF_ALL] = np.where(stiller, record, stillest)
        here = np.where(stiller, record, here)
    cells.put(s, place, np.where(~gap & ~stiller & (still < here), still, here))
    return odd


def hours(
    s: Slims,
    cells: Cells,
    hour: Ints | np.intp,
    off: Floats,
    expected: Floats,
    age: Floats,
    off_width: Floats,
) -> Floats:
    def range_at(one: Ints | np.intp) -> tuple[Slims, Slims, Slims, Slims]:
        return (
            cells.get(s, at.HIGH_NOW + one),
            cells.get(s, at.HIGH_BEFORE + one),
            cells.get(s, at.LOW_NOW + one),
            cells.get(s, at.LOW_BEFORE + one),
        )

    high_now, high_then, low_now, low_then = range_at(hour)
    high_s, low_s = np.maximum(high_now, high_then), np.minimum(low_now, low_then)
    for neighbour in ((hour - 1) % 24, (hour + 1) % 24):
        a, b, c, d = range_at(neighbour)
        high_s, low_s = np.maximum(high_s, np.maximum(a, b)), np.minimum(low_s, np.minimum(c, d))
    high, low = high_s.astype(np.float64), low_s.astype(np.float64)
    highest, lowest = read(s, HIGHEST), read(s, LOWEST)
    above = off > high
    outside = (age > by.HOUR_DAYS) & (high >= low) & (above | (off < low)) & (highest > lowest)
    odd = np.zeros(len(off))
    if outside.any():
        centre = np.minimum(np.maximum(expected, low), high)
        excess = np.where(above, off - high, low - off)
        side = np.where(above, 2.0 * (high - centre), 2.0 * (centre - low))
        span = by.EVEN_HOURS * (high - low) + (1.0 - by.EVEN_HOURS) * side + by.HOUR_FLOOR * off_width
        known_for = age / by.HOUR_FULL_DAYS
        weight = by.HOUR_WEIGHT * np.minimum(1.0, known_for * known_for)
        odd = np.where(outside, weight * np.minimum(excess / span, by.RECORD_MOST), 0.0)
    known = np.minimum(np.maximum(off, lowest), highest)
    young = age < 7.0
    for row, now, further, none in (
        (at.HIGH_NOW, high_now, known > high_now, -NONE_F32),
        (at.LOW_NOW, low_now, known < low_now, NONE_F32),
    ):
        before = now.astype(np.float64)
        moved = np.where((now == none) | young, known, before + by.HOUR_FOLLOW * (known - before))
        cells.put(s, row + hour, np.where(further, moved, before))
    return odd
