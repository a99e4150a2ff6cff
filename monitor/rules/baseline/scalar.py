"""The detector for one series: one sample in, its oddness out. The bank does the same for many at once, to
the last bit; a change here is a change there. Comparisons are written out where ``min`` and ``max`` would
read better: there are fifty of them, and as calls they were a third of the cost.

What it holds a sample against: the level and the profile of the day (of the other sort of day as well, while
today looks like it: an untold holiday); *records*, the furthest that the value
and seven things derived from it went in four weeks and at this hour. A sample is odd by how far it breaks its
own series' records. Oddness gathers as evidence over a few samples, is divided by the bar that earlier alerts
raised, and no sample makes an alert alone.
"""

from __future__ import annotations

from array import array
from math import floor

from monitor.rules.baseline import layout as at
from monitor.rules.baseline import parameters as by
from monitor.rules.baseline.layout import HIGHEST, LOWEST, SLOTS
from monitor.rules.baseline.scalar_records import Table, first_records, hours, records, stillness, turn

BOTH = 0
NORMAL = 1.0
DAY_S = 86400.0
WARM_UP_DAYS = 1.0
"""No alert before a series has been seen for one whole day."""
SLOT_S = DAY_S / SLOTS
WEEK_S = 7 * DAY_S
DAY_TYPE_S = 6 * 3600.0
"""Within about this long it shows which sort of day today is like."""
RELEARN_DAYS = 0.4 * by.MATURE_DAYS
HUGE = 1e30
"""Values beyond are no measurements and are passed over: their squares must stay finite."""
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
    # What the hour before and the hour after explain, and what the other sort of day explains besides.
    near, far = (later, earlier) if later < earlier else (earlier, later)
    low = (near if near < own else own) * explained
    high = (far if far > own else own) * explained
    shifted = off - (low if off < low else high if off > high else off)
    elsewhere = explained * other
    if elsewhere < low:
        low = elsewhere
    elif elsewhere > high:
        high = elsewhere
    beyond = off - (low if off < low else high if off > high else off)
    today = s[at.TODAY]
    as_other = -0.5 * today
    as_other = 0.0 if as_other < 0.0 else 1.0 if as_other > 1.0 else as_other
    as_shifted = 1.0 - as_other
    if as_shifted > by.TOLERANCE:
        as_shifted = by.TOLERANCE
    surprise = (1.0 - as_other - as_shifted) * residual + as_shifted * shifted + as_other * beyond

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
    if gap:
        s[at.TODAY] = 0.0
    elif scale > 0.0:
        fits = (abs(off - elsewhere) - abs(residual)) / unit
        fits = 4.0 if fits > 4.0 else -4.0 if fits < -4.0 else fits
        share = learned / DAY_TYPE_S
        s[at.TODAY] = today + (share if share < 1.0 else 1.0) * (fits - today)
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
        rough, still = w[at.ROUGHNESS], w[at.STILL]
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
        still = w[at.STILL]
        still += (size - still) / (reach if reach < by.STILL_SPAN else by.STILL_SPAN)
    short += (z_clipped - short) / by.SHORT_SPAN
    middle += (z_clipped - middle) / by.MIDDLE_SPAN
    long += (z_clipped - long) / by.LONG_SPAN
    # What another hour explains does not make a run, nor the other sort of day while today looks like it.
    left = beyond if as_other >= 0.5 else shifted
    if not (scale > 0.0 and abs(left) > by.RUN_FROM * unit):
        run = 0.0
    elif left > 0.0:
        run = min(max(run, 0.0) + 1.0, by.RUN_MOST)
    else:
        run = max(min(run, 0.0) - 1.0, -by.RUN_MOST)
    w[at.SHORT], w[at.MIDDLE], w[at.LONG], w[at.ROUGHNESS], w[at.RUN] = short, middle, long, rough, run
    w[at.STILL] = still

    features = (off, z, short, middle, long, rough, jump, run)
    week = float(floor((t - w[at.START]) / WEEK_S))
    if week > s[at.WEEK]:
        s[at.WEEK] = week
        turn(s, features, still, int(week))
    if count == 2.0:
        first_records(s, features, still)
        odd = 0.0
    else:
        odd = records(s, features, count, spread, tiny)
        if not gap:
            odd += stillness(s, still, rough, count)

    # The range at this hour, its neighbours' too: a pattern an hour late is no fault.
    hour = int(second / 3600.0)
    if hour > 23:
        hour = 23
    odd += hours(s, hour, off, expected, age, off_width + tiny)
    strong = abs(short)
    if strong > by.Z_FROM and width > 0.0:
        odd += by.Z_WEIGHT * min(strong / by.Z_FROM - 1.0, 1.0)
    if direction * z < 0.0:
        odd = 0.0

    # Learn.
    clipped = -clip if residual < -clip else clip if residual > clip else residual
    distance = abs(residual)
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
    w[at.SHORT] = w[at.MIDDLE] = w[at.LONG] = w[at.ROUGHNESS] = w[at.RUN] = w[at.STILL] = 0.0
    s[at.COUNT] = s[at.BAR] = 1.0
    s[at.EVIDENCE] = s[at.WEEK] = s[at.TODAY] = 0.0


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
