"""One sample for each of many series: the arithmetic of ``scalar.step``, column by column, to the last bit.

Every expression here is written in the order of its twin there; float32 rows are widened before they are
reckoned with, as Python does when it reads them.
"""

from __future__ import annotations

import numpy as np

from monitor.rules.baseline import layout as at
from monitor.rules.baseline import parameters as by
from monitor.rules.baseline.layout import HIGHEST, LOWEST, SLOTS
from monitor.rules.baseline.records import (
    Bools,
    Cells,
    Floats,
    Ints,
    Slims,
    first_records,
    hours,
    read,
    records,
    stillness,
    turn,
)
from monitor.rules.baseline.scalar import (
    BOTH,
    DAY_S,
    DAY_TYPE_S,
    HUGE,
    RELEARN_DAYS,
    SLOT_S,
    TINY,
    WARM_UP_DAYS,
    WEEK_S,
)


def begin(w: Floats, s: Slims, new: Bools, t: Floats, v: Floats) -> None:
    relearns = read(s, at.DAYS) + read(s, at.DAYS + 1) >= 1.0
    w[at.START, new] = np.where(relearns, t - RELEARN_DAYS * DAY_S, t)[new]
    w[at.TIME, new] = t[new]
    w[at.QUIET_UNTIL, new] = t[new] + WARM_UP_DAYS * DAY_S
    for row in (at.LEVEL, at.PREVIOUS):
        w[row, new] = v[new]
    for row in (at.SHORT, at.MIDDLE, at.LONG, at.ROUGHNESS, at.RUN, at.STILL):
        w[row, new] = 0.0
    s[at.COUNT, new] = s[at.BAR, new] = 1.0
    s[at.EVIDENCE, new] = s[at.WEEK, new] = s[at.TODAY, new] = 0.0


@np.errstate(all="ignore")
def advance(
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
    cells = Cells(len(value))
    dt = t - w[at.TIME]
    w[at.TIME] = t
    count = read(s, at.COUNT) + 1.0
    s[at.COUNT] = count
    usual_dt = read(s, at.STEP)
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
    off_level, off_profile = read(s, at.OFF_LEVEL), read(s, at.OFF_PROFILE)
    ratio = off_profile / off_level
    explained = np.where(off_level > 0.0, np.maximum(1.0 - ratio * ratio, 0.0), 0.0)
    off = value - w[at.LEVEL]
    expected = explained * own
    residual = off - expected
    low = np.minimum(np.minimum(own, later), earlier) * explained
    high = np.maximum(np.maximum(own, later), earlier) * explained
    shifted = off - np.minimum(np.maximum(off, low), high)
    elsewhere = explained * other
    beyond = off - np.minimum(np.maximum(off, np.minimum(low, elsewhere)), np.maximum(high, elsewhere))
    today = read(s, at.TODAY)
    as_other = np.minimum(np.maximum(-0.5 * today, 0.0), 1.0)
    as_shifted = np.minimum(1.0 - as_other, by.TOLERANCE)
    surprise = (1.0 - as_other - as_shifted) * residual + as_shifted * shifted + as_other * beyond

    two_hours = cells.even(at.NOISE + np.minimum((second / 7200.0).astype(np.intp), 11))
    spread = w[at.SPREAD].copy()
    here = cells.read(s, two_hours)
    fresh = ~(here > 0.0)
    here = np.where(fresh, spread, here)
    tiny = TINY * np.abs(value)
    scale = here + by.EVEN_SPREAD * spread
    off_width = read(s, HIGHEST) - read(s, LOWEST)
    width = read(s, HIGHEST + 1) - read(s, LOWEST + 1)
    settled = count >= 10.0
    clip = np.maximum(np.maximum(by.CLIP * spread, 0.25 * width * scale), by.CLIP_WIDTH * off_width)
    clip = np.where(settled, clip, HUGE)
    unit = scale + tiny
    scaled = scale > 0.0
    fits = np.minimum(np.maximum((np.abs(off - elsewhere) - np.abs(residual)) / unit, -4.0), 4.0)
    seen = today + np.minimum(learned / DAY_TYPE_S, 1.0) * (fits - today)
    s[at.TODAY] = np.where(gap, 0.0, np.where(scaled, seen, today))
    z = np.where(scaled, np.minimum(np.maximum(surprise / unit, -1e6), 1e6), 0.0)
    z_clip = np.maximum(width, np.where(scaled, np.minimum(clip / unit, 1e6), 0.0))
    z_clipped = np.minimum(np.maximum(z, -z_clip), z_clip)
    jump = value - w[at.PREVIOUS]
    w[at.PREVIOUS] = value
    size = np.abs(jump)
    size = np.where(settled, np.minimum(size, np.maximum(2.0 * by.CLIP * spread, 0.25 * off_width)), size)
    rough = w[at.ROUGHNESS]
    rough = np.where(gap, rough, rough + (size - rough) / np.minimum(by.ROUGH_SPAN, count - 1.0))
    still = w[at.STILL]
    still = np.where(gap, still, still + (size - still) / np.minimum(by.STILL_SPAN, count - 1.0))
    jump = np.where(gap, 0.0, jump)
    short, middle, long, run = (np.where(gap, 0.0, w[row]) for row in (at.SHORT, at.MIDDLE, at.LONG, at.RUN))
    short = short + (z_clipped - short) / by.SHORT_SPAN
    middle = middle + (z_clipped - middle) / by.MIDDLE_SPAN
    long = long + (z_clipped - long) / by.LONG_SPAN
    run_up = np.minimum(np.maximum(run, 0.0) + 1.0, by.RUN_MOST)
    run_down = np.maximum(np.minimum(run, 0.0) - 1.0, -by.RUN_MOST)
    left = np.where(as_other >= 0.5, beyond, shifted)
    far_off = scaled & (np.abs(left) > by.RUN_FROM * unit)
    run = np.where(far_off, np.where(left > 0.0, run_up, run_down), 0.0)
    w[at.SHORT], w[at.MIDDLE], w[at.LONG], w[at.ROUGHNESS], w[at.RUN] = short, middle, long, rough, run
    w[at.STILL] = still

    features = np.stack((off, z, short, middle, long, rough, jump, run))
    week = np.floor((t - w[at.START]) / WEEK_S)
    turned = week > s[at.WEEK]
    if turned.any():
        some = s[:, turned]
        some[at.WEEK] = week[turned]
        turn(some, features[:, turned], still[turned], week[turned])
        s[:, turned] = some
    if first:
        first_records(s, features, still)
        odd = np.zeros(len(value))
    else:
        odd = records(s, cells, features, count, spread, tiny) + stillness(s, cells, still, rough, count, gap)
    hour = cells.even(np.minimum((second / 3600.0).astype(np.intp), 23))
    odd = odd + hours(s, cells, hour, off, expected, age, off_width + tiny)
    strong = np.abs(short)
    by_z = by.Z_WEIGHT * np.minimum(strong / by.Z_FROM - 1.0, 1.0)
    odd = odd + np.where((strong > by.Z_FROM) & (width > 0.0), by_z, 0.0)
    if direction != BOTH:
        odd = np.where(direction * z < 0.0, 0.0, odd)

    clipped = np.minimum(np.maximum(residual, -clip), clip)
    distance = np.abs(residual)
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


def _verdict(
    w: Floats, s: Slims, t: Floats, odd: Floats, gap: Bools, learned: Floats, maturity: Floats
) -> Floats:
    bar = 1.0 + (read(s, at.BAR) - 1.0) * np.maximum(0.0, 1.0 - learned / (by.BUDGET_DAYS * DAY_S))
    evidence = np.where(gap, 0.0, read(s, at.EVIDENCE))
    evidence = by.KEEP * evidence + np.minimum(by.GAIN * maturity * odd / bar, by.ONE_SAMPLE)
    quiet = t < w[at.QUIET_UNTIL]
    answer = np.where(quiet, 0.0, evidence)
    alert = answer >= 1.0
    bar = np.where(alert, bar + by.ALERT_COST, bar)
    until = t + np.maximum(by.QUIET_SAMPLES * read(s, at.STEP), by.QUIET_HOURS * 3600.0)
    w[at.QUIET_UNTIL] = np.where(alert, until, w[at.QUIET_UNTIL])
    s[at.BAR] = bar
    s[at.EVIDENCE] = np.where(alert, 0.0, answer)
    return answer
