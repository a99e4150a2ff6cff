"""The records of one series: the furthest that each feature went in four weeks, and the range at each hour.

The bank's twin of these functions is ``records``; a change here is a change there.
"""

from __future__ import annotations

from array import array
from typing import TypeAlias

from monitor.rules.baseline import layout as at
from monitor.rules.baseline import parameters as by
from monitor.rules.baseline.layout import BUCKETS, FEATURES, HIGHEST, LOWEST, RECORDS

Table: TypeAlias = "array[float]"
NONE = 3e38
"""Marks an hour without a range: its lowest is above its highest."""
NONE_F32 = array("f", [NONE])[0]


def first_records(s: Table, features: tuple[float, ...], still: float) -> None:
    for k, x in enumerate(features):
        first = RECORDS + 2 * BUCKETS * k
        for n in range(2 * BUCKETS):
            s[first + n] = x
        s[HIGHEST + k] = s[LOWEST + k] = x
    for n in range(BUCKETS + 1):
        s[at.STILLEST + n] = still
    for hour in range(24):
        s[at.HIGH_NOW + hour] = s[at.HIGH_BEFORE + hour] = -NONE
        s[at.LOW_NOW + hour] = s[at.LOW_BEFORE + hour] = NONE


def turn(s: Table, features: tuple[float, ...], still: float, week: int) -> None:
    """A new week: the oldest records are forgotten, and every second week the older hourly ranges."""
    bucket = week % BUCKETS
    for k, x in enumerate(features):
        first = RECORDS + 2 * BUCKETS * k
        s[first + bucket] = s[first + BUCKETS + bucket] = min(max(x, s[LOWEST + k]), s[HIGHEST + k])
        s[HIGHEST + k] = max(s[first : first + BUCKETS])
        s[LOWEST + k] = min(s[first + BUCKETS : first + 2 * BUCKETS])
    first, stillest = at.STILLEST, s[at.STILLEST_OF_ALL]
    s[first + bucket] = still if still > stillest else stillest
    s[at.STILLEST_OF_ALL] = min(s[first : first + BUCKETS])
    if week % 2 == 0:
        for hour in range(24):
            s[at.HIGH_BEFORE + hour], s[at.LOW_BEFORE + hour] = s[at.HIGH_NOW + hour], s[at.LOW_NOW + hour]
            s[at.HIGH_NOW + hour], s[at.LOW_NOW + hour] = -NONE, NONE


def records(s: Table, features: tuple[float, ...], count: float, spread: float, tiny: float) -> float:
    """How far the features break their records. The records follow by part of the way: one wild sample does
    not carry them off."""
    odd = 0.0
    bucket = int(s[at.WEEK]) % BUCKETS
    k = -1
    place = RECORDS - 2 * BUCKETS + bucket
    for x, high, low in zip(features, s[HIGHEST:LOWEST], s[LOWEST : LOWEST + FEATURES], strict=True):
        k += 1
        place += 2 * BUCKETS
        if x > high:
            excess = x - high
        elif x < low:
            excess = low - x
        else:
            if x > s[place]:
                s[place] = x
            if x < s[place + BUCKETS]:
                s[place + BUCKETS] = x
            continue
        width = high - low
        if count < 20.0:
            follow = excess
        elif width > 0.0:
            follow = min(excess * by.FOLLOW, by.FOLLOW_MOST * width)
        else:
            follow = excess * by.FOLLOW
        centre = 0.5 * (low + high) if k == at.ROUGH else min(max(0.0, low), high)
        if x > high:
            side = 2.0 * (high - centre)
            s[place] = s[HIGHEST + k] = high + follow
        else:
            side = 2.0 * (centre - low)
            s[place + BUCKETS] = s[LOWEST + k] = low - follow
            if k == at.ROUGH and low > 0.0:
                excess = max(excess, by.STILLNESS * width * (1.0 - x / low))
        if k == at.RUN_LENGTH:
            # Most series have never had a run worth the name: that is no want of spread.
            span = by.EVEN_SIDES * width + (1.0 - by.EVEN_SIDES) * side + by.RUN_FLOOR
            odd += by.WEIGHTS[k] * min(excess / span, by.RECORD_MOST)
        elif width > 0.0:
            floor = by.SPREAD_FLOOR if 1 <= k <= 4 else by.SPREAD_FLOOR * spread + tiny
            span = by.EVEN_SIDES * width + (1.0 - by.EVEN_SIDES) * side + floor
            odd += by.WEIGHTS[k] * min(excess / span, by.RECORD_MOST)
    return odd


def stillness(s: Table, still: float, rough: float, count: float) -> float:
    """How much smoother than it ever was a series has become: stuck, or collapsed to next to nothing. Held
    against how rough it is besides, since a series that is still at times grows stiller for ever."""
    place = at.STILLEST + int(s[at.WEEK]) % BUCKETS
    stillest = s[at.STILLEST_OF_ALL]
    if not still < stillest:
        if still < s[place]:
            s[place] = still
        return 0.0
    less = stillest - still
    if count < 20.0:
        s[place] = s[at.STILLEST_OF_ALL] = still
        return 0.0
    s[place] = s[at.STILLEST_OF_ALL] = stillest - by.STILL_FOLLOW * less
    return by.STILL_WEIGHT * less / (stillest + by.STILL_ROUGH * rough)


def hours(s: Table, hour: int, off: float, expected: float, age: float, off_width: float) -> float:
    before, after = (hour - 1) % 24, (hour + 1) % 24
    high_now, low_now = s[at.HIGH_NOW + hour], s[at.LOW_NOW + hour]
    lowest, highest = s[LOWEST], s[HIGHEST]
    known = lowest if off < lowest else highest if off > highest else off
    if low_now <= off <= high_now and low_now <= known <= high_now:
        return 0.0
    odd = 0.0
    if age > by.HOUR_DAYS:
        high = max(
            max(high_now, s[at.HIGH_BEFORE + hour]),
            max(s[at.HIGH_NOW + before], s[at.HIGH_BEFORE + before]),
            max(s[at.HIGH_NOW + after], s[at.HIGH_BEFORE + after]),
        )
        low = min(
            min(low_now, s[at.LOW_BEFORE + hour]),
            min(s[at.LOW_NOW + before], s[at.LOW_BEFORE + before]),
            min(s[at.LOW_NOW + after], s[at.LOW_BEFORE + after]),
        )
        if high >= low and not low <= off <= high and s[HIGHEST] > s[LOWEST]:
            centre = min(max(expected, low), high)
            if off > high:
                excess, side = off - high, 2.0 * (high - centre)
            else:
                excess, side = low - off, 2.0 * (centre - low)
            span = by.EVEN_HOURS * (high - low) + (1.0 - by.EVEN_HOURS) * side + by.HOUR_FLOOR * off_width
            known_for = age / by.HOUR_FULL_DAYS
            # No span at all: it has been the same in every hour so far.
            broken = min(excess / span, by.RECORD_MOST) if span > 0.0 else by.RECORD_MOST
            odd = by.HOUR_WEIGHT * min(1.0, known_for * known_for) * broken
    if known > high_now:
        at_once = high_now == -NONE_F32 or age < 7.0
        s[at.HIGH_NOW + hour] = known if at_once else high_now + by.HOUR_FOLLOW * (known - high_now)
    if known < low_now:
        at_once = low_now == NONE_F32 or age < 7.0
        s[at.LOW_NOW + hour] = known if at_once else low_now + by.HOUR_FOLLOW * (known - low_now)
    return odd
