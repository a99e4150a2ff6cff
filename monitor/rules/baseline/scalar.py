"""The detector for one series: one sample in, its oddness out. The bank does the same for many at once, to
the last bit; a change here is a change there.

What it holds a sample against: the level and the profile of the day; *records*, the furthest that the value
and six things derived from it went in four weeks and at this hour. A sample is odd by how far it breaks its
own series' records. Oddness gathers as evidence over a few samples, is divided by the bar that earlier alerts
raised, and no sample makes an alert alone.
"""

from __future__ import annotations

from array import array
from math import floor
from typing import TypeAlias

from monitor.rules.baseline import layout as at
from monitor.rules.baseline import parameters as by
from monitor.rules.baseline.layout import BUCKETS, HIGHEST, LOWEST, RECORDS, SLOTS

BOTH = 0
NORMAL = 1.0
DAY_S = 86400.0
WARM_UP_DAYS = 1.0
"""No alert before a series has been seen for one whole day."""
SLOT_S = DAY_S / SLOTS
WEEK_S = 7 * DAY_S
RELEARN_DAYS = 0.4 * by.MATURE_DAYS
HUGE = 1e30
"""Values beyond are no measurements and are passed over: their squares must stay finite."""
Table: TypeAlias = "array[float]"
NONE = 3e38
"""Marks an hour without a range: its lowest is above its highest."""
TINY = 1e-12
"""Differences below this share of the value are rounding, not measurement."""


def memory() -> tuple[Table, Table]:
    """The empty memory of one series."""
    return array("d", bytes(8 * at.WIDE)), array("f", bytes(4 * at.SLIM))


def step(
    w: Table,
    s: Table,
    t: float,
    second: float,
    day_type: int,
    value: float,
    direction: int = BOTH,
    sensitivity: float = NORMAL,
) -> float:
    """Oddness of ``value`` at ``t`` (epoch seconds; ``second`` of a local day of ``day_type``): an alert
    from 1 on. Samples that are not later than the last, and values that are no number, are passed over.
    ``direction`` 1 or -1: only values above, or below, what was expected are odd."""
    if not -HUGE <= value <= HUGE:
        return 0.0
    count = s[at.COUNT]
    if count == 0.0:
        _begin(w, s, t, value)
        return 0.0
    dt = t - w[at.TIME]
    if not dt > 0.0:
        return 0.0
    w[at.TIME] = t
    count += 1.0
    s[at.COUNT] = count
    usual_dt = s[at.STEP]
    if usual_dt == 0.0:
        usual_dt = dt
    gap = dt > 8.0 * usual_dt
    s[at.STEP] = usual_dt + max(0.02, 1.0 / count) * (min(dt, 3.0 * usual_dt) - usual_dt)
    learned = min(dt, 6.0 * usual_dt)
    age = (t - w[at.START]) / DAY_S

    # What was expected: the profile at this time, an hour to either side, and of the other sort of day.
    place = second / SLOT_S - 0.5
    if place < 0.0:
        place += SLOTS
    slot = int(place)
    part = place - slot
    rest = 1.0 - part
    slot %= SLOTS
    after = (slot + 1) % SLOTS
    base = at.PROFILE
    work = s[base + slot] * rest + s[base + after] * part
    added = s[base + SLOTS + slot] * rest + s[base + SLOTS + after] * part
    a, b = (slot + 2) % SLOTS, (slot + 3) % SLOTS
    later = s[base + a] * rest + s[base + b] * part
    c, d = (slot - 2) % SLOTS, (slot - 1) % SLOTS
    earlier = s[base + c] * rest + s[base + d] * part
    if day_type == 1:
        own, other = work + added, work
        later += s[base + SLOTS + a] * rest + s[base + SLOTS + b] * part
        earlier += s[base + SLOTS + c] * rest + s[base + SLOTS + d] * part
    else:
        own, other = work, work + added
    explained = 0.0
    if s[at.OFF_LEVEL] > 0.0:
        ratio = s[at.OFF_PROFILE] / s[at.OFF_LEVEL]
        explained = max(1.0 - ratio * ratio, 0.0)
    off = value - w[at.LEVEL]
    expected = explained * own
    residual = off - expected
    low = min(min(own, other), min(later, earlier)) * explained
    high = max(max(own, other), max(later, earlier)) * explained
    beyond = off - min(max(off, low), high)
    surprise = (1.0 - by.TOLERANCE) * residual + by.TOLERANCE * beyond

    # Standardised by the spread at this hour.
    two_hours = at.NOISE + min(int(second / 7200.0), 11)
    spread = w[at.SPREAD]
    here = s[two_hours]
    fresh = not here > 0.0
    if fresh:
        here = spread
    tiny = TINY * abs(value)
    scale = here + by.EVEN_SPREAD * spread
    off_width = s[HIGHEST] - s[LOWEST]
    width = s[HIGHEST + 1] - s[LOWEST + 1]
    if count >= 10.0:
        clip = max(by.CLIP * spread, 0.25 * width * scale, by.CLIP_WIDTH * off_width)
    else:
        clip = HUGE
    if scale > 0.0:
        unit = scale + tiny
        z = min(max(surprise / unit, -1e6), 1e6)
        z_clip = min(clip / unit, 1e6)
    else:
        z = z_clip = 0.0
    z_clip = max(width, z_clip)
    z_clipped = min(max(z, -z_clip), z_clip)
    jump = value - w[at.PREVIOUS]
    w[at.PREVIOUS] = value
    if gap:
        short = middle = long = jump = 0.0
        rough = w[at.ROUGHNESS]
    else:
        short, middle, long = w[at.SHORT], w[at.MIDDLE], w[at.LONG]
        rough = w[at.ROUGHNESS]
        size = abs(jump)
        if count >= 10.0:
            size = min(size, max(2.0 * by.CLIP * spread, 0.25 * off_width))
        rough += (size - rough) / min(by.ROUGH_SPAN, count - 1.0)
    short += (z_clipped - short) / by.SHORT_SPAN
    middle += (z_clipped - middle) / by.MIDDLE_SPAN
    long += (z_clipped - long) / by.LONG_SPAN
    w[at.SHORT], w[at.MIDDLE], w[at.LONG], w[at.ROUGHNESS] = short, middle, long, rough

    features = (off, z, short, middle, long, rough, jump)
    week = float(floor((t - w[at.START]) / WEEK_S))
    if week > s[at.WEEK]:
        s[at.WEEK] = week
        _turn(s, features, int(week))
    if count == 2.0:
        _first_records(s, features)
        odd = 0.0
    else:
        odd = _records(s, features, count, spread, tiny)

    # The range at this hour, its neighbours' too: a pattern an hour late is no fault.
    hour = min(int(second / 3600.0), 23)
    odd += _hours(s, hour, off, expected, age, off_width + tiny)
    strong = abs(short)
    if strong > by.Z_FROM and width > 0.0:
        odd += by.Z_WEIGHT * min(strong / by.Z_FROM - 1.0, 1.0)
    if direction * z < 0.0:
        odd = 0.0

    # Learn.
    clipped = min(max(residual, -clip), clip)
    distance = abs(surprise)
    spread += max(by.SPREAD_RATE, 1.0 / count) * (min(distance, clip) - spread)
    w[at.SPREAD] = spread
    if fresh:
        s[two_hours] = spread
    else:
        s[two_hours] = here + by.NOISE_RATE * learned / 3600.0 * (min(distance, max(clip, 3.0 * here)) - here)
    w[at.LEVEL] += max(learned / (by.LEVEL_DAYS * DAY_S), 1.0 / count) * clipped
    workdays = s[at.DAYS]
    if not gap:
        miss = off - own
        far = max(off_width, clip)
        rate = max(learned / (4.0 * DAY_S), 1.0 / count)
        s[at.OFF_LEVEL] += rate * (min(abs(off), far) - s[at.OFF_LEVEL])
        s[at.OFF_PROFILE] += rate * (min(abs(miss), far) - s[at.OFF_PROFILE])
        gain = min(max(by.PROFILE_RATE, 1.0 / (s[at.DAYS + day_type] + 1.0)) * learned / SLOT_S, 0.5)
        gain *= 1.5 * min(max(miss, -clip), clip)
        if day_type == 1 and workdays >= 1.0:
            base += SLOTS
        s[base + slot] += gain * rest
        s[base + after] += gain * part
    s[at.DAYS + day_type] += learned / DAY_S

    maturity = min(1.0, age / by.MATURE_DAYS) * min(1.0, count / by.MATURE_COUNT)
    return _verdict(w, s, t, odd * sensitivity, gap, learned, maturity)


def _begin(w: Table, s: Table, t: float, value: float) -> None:
    """The first sample, or the first after a planned change: then days and hours stay known, and the series
    is taken to have learned for a while."""
    relearns = s[at.DAYS] + s[at.DAYS + 1] >= 1.0
    w[at.TIME] = t
    w[at.QUIET_UNTIL] = t + WARM_UP_DAYS * DAY_S
    w[at.START] = t - RELEARN_DAYS * DAY_S if relearns else t
    w[at.LEVEL] = w[at.PREVIOUS] = value
    w[at.SHORT] = w[at.MIDDLE] = w[at.LONG] = w[at.ROUGHNESS] = 0.0
    s[at.COUNT] = s[at.BAR] = 1.0
    s[at.EVIDENCE] = s[at.WEEK] = 0.0


def _first_records(s: Table, features: tuple[float, ...]) -> None:
    for k, x in enumerate(features):
        first = RECORDS + 2 * BUCKETS * k
        for n in range(2 * BUCKETS):
            s[first + n] = x
        s[HIGHEST + k] = s[LOWEST + k] = x
    for hour in range(24):
        s[at.HIGH_NOW + hour] = s[at.HIGH_BEFORE + hour] = -NONE
        s[at.LOW_NOW + hour] = s[at.LOW_BEFORE + hour] = NONE


def _turn(s: Table, features: tuple[float, ...], week: int) -> None:
    """A new week: the oldest records are forgotten, and every second week the older hourly ranges."""
    bucket = week % BUCKETS
    for k, x in enumerate(features):
        first = RECORDS + 2 * BUCKETS * k
        s[first + bucket] = s[first + BUCKETS + bucket] = min(max(x, s[LOWEST + k]), s[HIGHEST + k])
        s[HIGHEST + k] = max(s[first : first + BUCKETS])
        s[LOWEST + k] = min(s[first + BUCKETS : first + 2 * BUCKETS])
    if week % 2 == 0:
        for hour in range(24):
            s[at.HIGH_BEFORE + hour], s[at.LOW_BEFORE + hour] = s[at.HIGH_NOW + hour], s[at.LOW_NOW + hour]
            s[at.HIGH_NOW + hour], s[at.LOW_NOW + hour] = -NONE, NONE


def _records(s: Table, features: tuple[float, ...], count: float, spread: float, tiny: float) -> float:
    """How far the features break their records. The records follow by part of the way: one wild sample does
    not carry them off."""
    odd = 0.0
    bucket = int(s[at.WEEK]) % BUCKETS
    k = -1
    place = RECORDS - 2 * BUCKETS + bucket
    for x, high, low in zip(features, s[HIGHEST:LOWEST], s[LOWEST:], strict=True):
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
        if width > 0.0:
            floor = by.SPREAD_FLOOR if 1 <= k <= 4 else by.SPREAD_FLOOR * spread + tiny
            span = by.EVEN_SIDES * width + (1.0 - by.EVEN_SIDES) * side + floor
            odd += by.WEIGHTS[k] * min(excess / span, by.RECORD_MOST)
    return odd


def _hours(s: Table, hour: int, off: float, expected: float, age: float, off_width: float) -> float:
    before, after = (hour - 1) % 24, (hour + 1) % 24
    high_now, low_now = s[at.HIGH_NOW + hour], s[at.LOW_NOW + hour]
    known = min(max(off, s[LOWEST]), s[HIGHEST])
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
            odd = by.HOUR_WEIGHT * min(1.0, known_for * known_for) * min(excess / span, by.RECORD_MOST)
    if known > high_now:
        at_once = high_now == -NONE_F32 or age < 7.0
        s[at.HIGH_NOW + hour] = known if at_once else high_now + by.HOUR_FOLLOW * (known - high_now)
    if known < low_now:
        at_once = low_now == NONE_F32 or age < 7.0
        s[at.LOW_NOW + hour] = known if at_once else low_now + by.HOUR_FOLLOW * (known - low_now)
    return odd


NONE_F32 = array("f", [NONE])[0]


def _verdict(w: Table, s: Table, t: float, odd: float, gap: bool, learned: float, maturity: float) -> float:
    bar = 1.0 + (s[at.BAR] - 1.0) * max(0.0, 1.0 - learned / (by.BUDGET_DAYS * DAY_S))
    evidence = 0.0 if gap else s[at.EVIDENCE]
    evidence = by.KEEP * evidence + min(by.GAIN * maturity * odd / bar, by.ONE_SAMPLE)
    if t < w[at.QUIET_UNTIL]:
        evidence = answer = 0.0
    else:
        answer = evidence
        if evidence >= 1.0:
            bar += by.ALERT_COST
            w[at.QUIET_UNTIL] = t + max(by.QUIET_SAMPLES * s[at.STEP], by.QUIET_HOURS * 3600.0)
            evidence = 0.0
    s[at.BAR] = bar
    s[at.EVIDENCE] = evidence
    return answer
