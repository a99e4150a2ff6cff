"""The detector for many series at once: the arithmetic of ``scalar``, column by column, to the last bit.

Every expression here is written in the order of its twin there; float32 rows are widened before they are
reckoned with, as Python does when it reads them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.rules.baseline import layout as at
from monitor.rules.baseline import parameters as by
from monitor.rules.baseline.layout import BUCKETS, FEATURES, HIGHEST, LOWEST, RECORDS, SLOTS
from monitor.rules.baseline.scalar import (
    BOTH,
    DAY_S,
    HUGE,
    NONE,
    NONE_F32,
    NORMAL,
    RELEARN_DAYS,
    SLOT_S,
    TINY,
    WARM_UP_DAYS,
    WEEK_S,
)

Floats = NDArray[np.float64]
Slims = NDArray[np.float32]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

CHUNK = 2048
"""Series at a time: what is worked on stays in the processor's cache."""
_PLACES = tuple(RECORDS + 2 * BUCKETS * k for k in range(FEATURES))


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
            _begin(wide, slim, new, t, v)
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
        return _advance(w, s, t, second, kind, v, first, self.direction, self.sensitivity)


def _begin(w: Floats, s: Slims, new: Bools, t: Floats, v: Floats) -> None:
    relearns = _read(s, at.DAYS) + _read(s, at.DAYS + 1) >= 1.0
    w[at.START, new] = np.where(relearns, t - RELEARN_DAYS * DAY_S, t)[new]
    w[at.TIME, new] = t[new]
    w[at.QUIET_UNTIL, new] = t[new] + WARM_UP_DAYS * DAY_S
    for row in (at.LEVEL, at.PREVIOUS):
        w[row, new] = v[new]
    for row in (at.SHORT, at.MIDDLE, at.LONG, at.ROUGHNESS):
        w[row, new] = 0.0
    s[at.COUNT, new] = s[at.BAR, new] = 1.0
    s[at.EVIDENCE, new] = s[at.WEEK, new] = 0.0


def _read(s: Slims, row: int) -> Floats:
    widened: Floats = s[row].astype(np.float64)
    return widened


class _Cells:
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


@np.errstate(all="ignore")
def _advance(
    w: Floats,
    s: Slims,
    t: Floats,
    second: Floats,
    day_type: Ints,
    value: Floats,
    first: bool,
    direction: int,
    sensitivity: float,
) -> Floats:
    cells = _Cells(len(value))
    dt = t - w[at.TIME]
    w[at.TIME] = t
    count = _read(s, at.COUNT) + 1.0
    s[at.COUNT] = count
    usual_dt = _read(s, at.STEP)
    usual_dt = np.where(usual_dt == 0.0, dt, usual_dt)
    gap = dt > 8.0 * usual_dt
    part_of = 1.0 / count
    s[at.STEP] = usual_dt + np.maximum(0.02, part_of) * (np.minimum(dt, 3.0 * usual_dt) - usual_dt)
    learned = np.minimum(dt, 6.0 * usual_dt)
    age = (t - w[at.START]) / DAY_S

    place = second / SLOT_S - 0.5
    place = np.where(place < 0.0, place + SLOTS, place)
    whole = place.astype(np.intp)
    part = place - whole
    rest = 1.0 - part
    slot = cells.even(whole % SLOTS)
    after = (slot + 1) % SLOTS
    restday = day_type == 1
    profile = s[at.PROFILE : at.PROFILE + 2 * SLOTS]

    def shape(one: Ints | np.intp, next_: Ints | np.intp) -> tuple[Floats, Floats]:
        of_work = cells.read(profile, one) * rest + cells.read(profile, next_) * part
        added = cells.read(profile, one + SLOTS) * rest + cells.read(profile, next_ + SLOTS) * part
        return of_work, added

    work, added = shape(slot, after)
    later, later_added = shape((slot + 2) % SLOTS, (slot + 3) % SLOTS)
    earlier, earlier_added = shape((slot - 2) % SLOTS, (slot - 1) % SLOTS)
    both = work + added
    own, other = np.where(restday, both, work), np.where(restday, work, both)
    later = np.where(restday, later + later_added, later)
    earlier = np.where(restday, earlier + earlier_added, earlier)
    off_level, off_profile = _read(s, at.OFF_LEVEL), _read(s, at.OFF_PROFILE)
    ratio = off_profile / off_level
    explained = np.where(off_level > 0.0, np.maximum(1.0 - ratio * ratio, 0.0), 0.0)
    off = value - w[at.LEVEL]
    expected = explained * own
    residual = off - expected
    low = np.minimum(np.minimum(own, other), np.minimum(later, earlier)) * explained
    high = np.maximum(np.maximum(own, other), np.maximum(later, earlier)) * explained
    beyond = off - np.minimum(np.maximum(off, low), high)
    surprise = (1.0 - by.TOLERANCE) * residual + by.TOLERANCE * beyond

    two_hours = cells.even(at.NOISE + np.minimum((second / 7200.0).astype(np.intp), 11))
    spread = w[at.SPREAD].copy()
    here = cells.read(s, two_hours)
    fresh = ~(here > 0.0)
    here = np.where(fresh, spread, here)
    tiny = TINY * np.abs(value)
    scale = here + by.EVEN_SPREAD * spread
    off_width = _read(s, HIGHEST) - _read(s, LOWEST)
    width = _read(s, HIGHEST + 1) - _read(s, LOWEST + 1)
    settled = count >= 10.0
    clip = np.maximum(np.maximum(by.CLIP * spread, 0.25 * width * scale), by.CLIP_WIDTH * off_width)
    clip = np.where(settled, clip, HUGE)
    unit = scale + tiny
    scaled = scale > 0.0
    z = np.where(scaled, np.minimum(np.maximum(surprise / unit, -1e6), 1e6), 0.0)
    z_clip = np.maximum(width, np.where(scaled, np.minimum(clip / unit, 1e6), 0.0))
    z_clipped = np.minimum(np.maximum(z, -z_clip), z_clip)
    jump = value - w[at.PREVIOUS]
    w[at.PREVIOUS] = value
    size = np.abs(jump)
    size = np.where(settled, np.minimum(size, np.maximum(2.0 * by.CLIP * spread, 0.25 * off_width)), size)
    rough = w[at.ROUGHNESS]
    rough = np.where(gap, rough, rough + (size - rough) / np.minimum(by.ROUGH_SPAN, count - 1.0))
    jump = np.where(gap, 0.0, jump)
    short, middle, long = (np.where(gap, 0.0, w[row]) for row in (at.SHORT, at.MIDDLE, at.LONG))
    short = short + (z_clipped - short) / by.SHORT_SPAN
    middle = middle + (z_clipped - middle) / by.MIDDLE_SPAN
    long = long + (z_clipped - long) / by.LONG_SPAN
    w[at.SHORT], w[at.MIDDLE], w[at.LONG], w[at.ROUGHNESS] = short, middle, long, rough

    features = np.stack((off, z, short, middle, long, rough, jump))
    week = np.floor((t - w[at.START]) / WEEK_S)
    turned = week > s[at.WEEK]
    if turned.any():
        some = s[:, turned]
        some[at.WEEK] = week[turned]
        _turn(some, features[:, turned], week[turned])
        s[:, turned] = some
    if first:
        _first_records(s, features)
        odd = np.zeros(len(value))
    else:
        odd = _records(s, cells, features, count, spread, tiny)
    hour = cells.even(np.minimum((second / 3600.0).astype(np.intp), 23))
    odd = odd + _hours(s, cells, hour, off, expected, age, off_width + tiny)
    strong = np.abs(short)
    by_z = by.Z_WEIGHT * np.minimum(strong / by.Z_FROM - 1.0, 1.0)
    odd = odd + np.where((strong > by.Z_FROM) & (width > 0.0), by_z, 0.0)
    if direction != BOTH:
        odd = np.where(direction * z < 0.0, 0.0, odd)

    clipped = np.minimum(np.maximum(residual, -clip), clip)
    distance = np.abs(surprise)
    spread = spread + np.maximum(by.SPREAD_RATE, part_of) * (np.minimum(distance, clip) - spread)
    w[at.SPREAD] = spread
    drawn = here + by.NOISE_RATE * learned / 3600.0 * (
        np.minimum(distance, np.maximum(clip, 3.0 * here)) - here
    )
    cells.put(s, two_hours, np.where(fresh, spread, drawn))
    w[at.LEVEL] += np.maximum(learned / (by.LEVEL_DAYS * DAY_S), part_of) * clipped
    miss = off - own
    far = np.maximum(off_width, clip)
    rate = np.maximum(learned / (4.0 * DAY_S), part_of)
    s[at.OFF_LEVEL] = np.where(gap, off_level, off_level + rate * (np.minimum(np.abs(off), far) - off_level))
    s[at.OFF_PROFILE] = np.where(
        gap, off_profile, off_profile + rate * (np.minimum(np.abs(miss), far) - off_profile)
    )
    days_row = cells.even(at.DAYS + day_type)
    days = cells.read(s, days_row)
    gain = np.minimum(np.maximum(by.PROFILE_RATE, 1.0 / (days + 1.0)) * learned / SLOT_S, 0.5)
    gain = gain * (1.5 * np.minimum(np.maximum(miss, -clip), clip))
    gain = np.where(gap, 0.0, gain)
    shift = cells.even(np.where(restday & (s[at.DAYS] >= 1.0), SLOTS, 0))
    for row, share in ((shift + slot, rest), (shift + after, part)):
        cells.put(profile, row, cells.read(profile, row) + gain * share)
    cells.put(s, days_row, days + learned / DAY_S)

    maturity = np.minimum(1.0, age / by.MATURE_DAYS) * np.minimum(1.0, count / by.MATURE_COUNT)
    return _verdict(w, s, t, odd * sensitivity, gap, learned, maturity)


def _first_records(s: Slims, features: Floats) -> None:
    for k in range(FEATURES):
        s[RECORDS + 2 * BUCKETS * k : RECORDS + 2 * BUCKETS * (k + 1)] = features[k]
    s[HIGHEST : HIGHEST + FEATURES] = s[LOWEST : LOWEST + FEATURES] = features
    s[at.HIGH_NOW : at.HIGH_NOW + 24] = s[at.HIGH_BEFORE : at.HIGH_BEFORE + 24] = -NONE
    s[at.LOW_NOW : at.LOW_NOW + 24] = s[at.LOW_BEFORE : at.LOW_BEFORE + 24] = NONE


def _turn(s: Slims, features: Floats, week: Floats) -> None:
    cols = np.arange(s.shape[1])
    bucket = week.astype(np.intp) % BUCKETS
    for k in range(FEATURES):
        first = RECORDS + 2 * BUCKETS * k
        kept = np.minimum(np.maximum(features[k], s[LOWEST + k]), s[HIGHEST + k])
        s[first + bucket, cols] = s[first + BUCKETS + bucket, cols] = kept
        s[HIGHEST + k] = s[first : first + BUCKETS].max(axis=0)
        s[LOWEST + k] = s[first + BUCKETS : first + 2 * BUCKETS].min(axis=0)
    even = week % 2 == 0
    s[at.HIGH_BEFORE : at.HIGH_BEFORE + 24, even] = s[at.HIGH_NOW : at.HIGH_NOW + 24, even]
    s[at.LOW_BEFORE : at.LOW_BEFORE + 24, even] = s[at.LOW_NOW : at.LOW_NOW + 24, even]
    s[at.HIGH_NOW : at.HIGH_NOW + 24, even], s[at.LOW_NOW : at.LOW_NOW + 24, even] = -NONE, NONE


def _records(s: Slims, cells: _Cells, x: Floats, count: Floats, spread: Floats, tiny: Floats) -> Floats:
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
    floor = by.SPREAD_FLOOR if 1 <= k <= 4 else by.SPREAD_FLOOR * spread + tiny
    span = by.EVEN_SIDES * width + (1.0 - by.EVEN_SIDES) * side + floor
    share = by.WEIGHTS[k] * np.minimum(excess / span, by.RECORD_MOST)
    return np.where(width > 0.0, share, 0.0)


def _hours(
    s: Slims,
    cells: _Cells,
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
    highest, lowest = _read(s, HIGHEST), _read(s, LOWEST)
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


def _verdict(
    w: Floats, s: Slims, t: Floats, odd: Floats, gap: Bools, learned: Floats, maturity: Floats
) -> Floats:
    bar = 1.0 + (_read(s, at.BAR) - 1.0) * np.maximum(0.0, 1.0 - learned / (by.BUDGET_DAYS * DAY_S))
    evidence = np.where(gap, 0.0, _read(s, at.EVIDENCE))
    evidence = by.KEEP * evidence + np.minimum(by.GAIN * maturity * odd / bar, by.ONE_SAMPLE)
    quiet = t < w[at.QUIET_UNTIL]
    answer = np.where(quiet, 0.0, evidence)
    alert = answer >= 1.0
    bar = np.where(alert, bar + by.ALERT_COST, bar)
    until = t + np.maximum(by.QUIET_SAMPLES * _read(s, at.STEP), by.QUIET_HOURS * 3600.0)
    w[at.QUIET_UNTIL] = np.where(alert, until, w[at.QUIET_UNTIL])
    s[at.BAR] = bar
    s[at.EVIDENCE] = np.where(alert, 0.0, answer)
    return answer
