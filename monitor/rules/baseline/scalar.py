"""The detector for one series: one sample in, its oddness out. The bank does the same for many at once, to
the last bit; a change here is a change there. Comparisons are written out where ``min`` and ``max`` would
read better: there are fifty of them, and as calls they were a third of the cost.

What it holds a sample against: the level and the profile of the day; *records*, the furthest that the value
and seven things derived from it went in four weeks and at this hour. A sample is odd by how far it breaks its
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
    part_of = 1.0 / count
    near_dt, learned = 3.0 * usual_dt, 6.0 * usual_dt
    if dt < near_dt:
        near_dt = dt
    if dt < learned:
        learned = dt
    s[at.STEP] = usual_dt + (part_of if part_of > 0.02 else 0.02) * (near_dt - usual_dt)
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
    off_level, off_profile = s[at.OFF_LEVEL], s[at.OFF_PROFILE]
    if off_level > 0.0:
        ratio = off_profile / off_level
        explained = 1.0 - ratio * ratio
        if explained < 0.0:
            explained = 0.0
    off = value - w[at.LEVEL]
    expected = explained * own
    residual = off - expected
    low, high = (own, other) if own < other else (other, own)
    near, far = (later, earlier) if later < earlier else (earlier, later)
    low = (near if near < low else low) * explained
    high = (far if far > high else high) * explained
    beyond = off - (low if off < low else high if off > high else off)
    surprise = (1.0 - by.TOLERANCE) * residual + by.TOLERANCE * beyond

    # Standardised by the spread at this hour.
    two_hours = int(second / 7200.0)
    two_hours = at.NOISE + (two_hours if two_hours < 11 else 11)
    spread = w[at.SPREAD]
    here = s[two_hours]
    fresh = not here > 0.0
    if fresh:
        here = spread
    tiny = TINY * abs(value)
    scale = here + by.EVEN_SPREAD * spread
    off_width = s[HIGHEST] - s[LOWEST]
    width = s[HIGHEST + 1] - s[LOWEST + 1]
    settled = count >= 10.0
    if settled:
        clip, by_width, by_off = by.CLIP * spread, 0.25 * width * scale, by.CLIP_WIDTH * off_width
        if by_width > clip:
            clip = by_width
        if by_off > clip:
            clip = by_off
    else:
        clip = HUGE
    unit = scale + tiny
    if scale > 0.0:
        z, z_clip = surprise / unit, clip / unit
        if not -1e6 <= z <= 1e6:
            z = 1e6 if z > 0.0 else -1e6
        if z_clip > 1e6:
            z_clip = 1e6
    else:
        z = z_clip = 0.0
    if width > z_clip:
        z_clip = width
    z_clipped = -z_clip if z < -z_clip else z_clip if z > z_clip else z
    jump = value - w[at.PREVIOUS]
    w[at.PREVIOUS] = value
    if gap:
        short = middle = long = run = jump = 0.0
        rough = w[at.ROUGHNESS]
    else:
        short, middle, long, run = w[at.SHORT], w[at.MIDDLE], w[at.LONG], w[at.RUN]
        rough = w[at.ROUGHNESS]
        size = abs(jump)
        if settled:
            most, by_off = 2.0 * by.CLIP * spread, 0.25 * off_width
            if by_off > most:
                most = by_off
            if size > most:
                size = most
        reach = count - 1.0
        rough += (size - rough) / (reach if reach < by.ROUGH_SPAN else by.ROUGH_SPAN)
    short += (z_clipped - short) / by.SHORT_SPAN
    middle += (z_clipped - middle) / by.MIDDLE_SPAN
    long += (z_clipped - long) / by.LONG_SPAN
    # What another hour or sort of day explains does not make a run.
    if not (scale > 0.0 and abs(beyond) > by.RUN_FROM * unit):
        run = 0.0
    elif beyond > 0.0:
        run = min(max(run, 0.0) + 1.0, by.RUN_MOST)
    else:
        run = max(min(run, 0.0) - 1.0, -by.RUN_MOST)
    w[at.SHORT], w[at.MIDDLE], w[at.LONG], w[at.ROUGHNESS], w[at.RUN] = short, middle, long, rough, run

    features = (off, z, short, middle, long, rough, jump, run)
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
    hour = int(second / 3600.0)
    if hour > 23:
        hour = 23
    odd += _hours(s, hour, off, expected, age, off_width + tiny)
    strong = abs(short)
    if strong > by.Z_FROM and width > 0.0:
        odd += by.Z_WEIGHT * min(strong / by.Z_FROM - 1.0, 1.0)
    if direction * z < 0.0:
        odd = 0.0

    # Learn.
    clipped = -clip if residual < -clip else clip if residual > clip else residual
    distance = abs(surprise)
    rate = part_of if part_of > by.SPREAD_RATE else by.SPREAD_RATE
    spread += rate * ((distance if distance < clip else clip) - spread)
    w[at.SPREAD] = spread
    if fresh:
        s[two_hours] = spread
    else:
        most = 3.0 * here
        if clip > most:
            most = clip
        s[two_hours] = here + by.NOISE_RATE * learned / 3600.0 * (
            (distance if distance < most else most) - here
        )
    rate = learned / (by.LEVEL_DAYS * DAY_S)
    w[at.LEVEL] += (rate if rate > part_of else part_of) * clipped
    workdays = s[at.DAYS]
    if not gap:
        miss = off - own
        furthest = clip if clip > off_width else off_width
        rate = learned / (4.0 * DAY_S)
        if part_of > rate:
            rate = part_of
        from_level, from_profile = abs(off), abs(miss)
        if from_level > furthest:
            from_level = furthest
        if from_profile > furthest:
            from_profile = furthest
        s[at.OFF_LEVEL] = off_level + rate * (from_level - off_level)
        s[at.OFF_PROFILE] = off_profile + rate * (from_profile - off_profile)
        gain = 1.0 / (s[at.DAYS + day_type] + 1.0)
        gain = (gain if gain > by.PROFILE_RATE else by.PROFILE_RATE) * learned / SLOT_S
        if gain > 0.5:
            gain = 0.5
        gain *= 1.5 * (-clip if miss < -clip else clip if miss > clip else miss)
        if day_type == 1 and workdays >= 1.0:
            base += SLOTS
        s[base + slot] += gain * rest
        s[base + after] += gain * part
    s[at.DAYS + day_type] += learned / DAY_S

    maturity = age / by.MATURE_DAYS if age < by.MATURE_DAYS else 1.0
    if count < by.MATURE_COUNT:
        maturity *= count / by.MATURE_COUNT
    return _verdict(w, s, t, odd * sensitivity, gap, learned, maturity)


def _begin(w: Table, s: Table, t: float, value: float) -> None:
    """The first sample, or the first after a planned change: then days and hours stay known, and the series
    is taken to have learned for a while."""
    relearns = s[at.DAYS] + s[at.DAYS + 1] >= 1.0
    w[at.TIME] = t
    w[at.QUIET_UNTIL] = t + WARM_UP_DAYS * DAY_S
    w[at.START] = t - RELEARN_DAYS * DAY_S if relearns else t
    w[at.LEVEL] = w[at.PREVIOUS] = value
    w[at.SHORT] = w[at.MIDDLE] = w[at.LONG] = w[at.ROUGHNESS] = w[at.RUN] = 0.0
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
        if k == at.RUN_LENGTH:
            # Most series have never had a run worth the name: that is no want of spread.
            span = by.EVEN_SIDES * width + (1.0 - by.EVEN_SIDES) * side + by.RUN_FLOOR
            odd += by.WEIGHTS[k] * min(excess / span, by.RECORD_MOST)
        elif width > 0.0:
            floor = by.SPREAD_FLOOR if 1 <= k <= 4 else by.SPREAD_FLOOR * spread + tiny
            span = by.EVEN_SIDES * width + (1.0 - by.EVEN_SIDES) * side + floor
            odd += by.WEIGHTS[k] * min(excess / span, by.RECORD_MOST)
    return odd


def _hours(s: Table, hour: int, off: float, expected: float, age: float, off_width: float) -> float:
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


NONE_F32 = array("f", [NONE])[0]


def _verdict(w: Table, s: Table, t: float, odd: float, gap: bool, learned: float, maturity: float) -> float:
    bar = s[at.BAR]
    if bar > 1.0:
        bar = 1.0 + (bar - 1.0) * max(0.0, 1.0 - learned / (by.BUDGET_DAYS * DAY_S))
    more = by.GAIN * maturity * odd / bar
    evidence = 0.0 if gap else s[at.EVIDENCE]
    evidence = by.KEEP * evidence + (more if more < by.ONE_SAMPLE else by.ONE_SAMPLE)
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
