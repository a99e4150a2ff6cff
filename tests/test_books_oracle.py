"""The sum is right: rates from spans agree, to the second, with a naive second-by-second count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.books.moments import moments
from monitor.books.outages import faults_of
from monitor.books.period import Length, Period, period_of
from monitor.books.read import read_records
from monitor.books.tally import Tally, Unmeasured, mask_of, tallies, tally
from monitor.books.timeline import segments_of
from tests.books_oracle import Change, Excluded, Facts, Member, breaches, count, in_period, momentary, walk
from tests.books_support import empty_ledger, write

HALF = 90
"""Histories lie within so many seconds of a moment where something odd happens to the calendar."""

_ODD_MOMENTS = [
    ("Asia/Shanghai", datetime(2026, 6, 30, 16, tzinfo=UTC)),  # a month, a quarter
    ("Asia/Shanghai", datetime(2026, 7, 5, 16, tzinfo=UTC)),  # a week
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),  # an hour is skipped
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),  # an hour is shown twice
    ("America/New_York", datetime(2026, 11, 1, 4, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),  # half an hour is shown twice
    ("America/Havana", datetime(2026, 3, 8, 5, tzinfo=UTC)),  # midnight is skipped
    ("America/Havana", datetime(2026, 11, 1, 5, tzinfo=UTC)),  # midnight is shown twice
]


@dataclass
class Story:
    zone: ZoneInfo
    around: int
    facts: Facts
    length: str | None
    """A period of the calendar; otherwise ``span``."""
    day: date
    span: tuple[int, int]

    def seconds(self) -> list[int]:
        every = range(self.around - HALF - 20, self.around + HALF + 20)
        if self.length is None:
            return [s for s in every if self.span[0] <= s < self.span[1]]
        return [s for s in every if in_period(s, self.length, self.day, self.zone)]

    def period(self) -> Period:
        if self.length is None:
            return Period(*self.span, self.zone)
        return period_of(Length(self.length), self.day, self.zone)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    zone_name, moment = draw(st.sampled_from(_ODD_MOMENTS))
    zone = ZoneInfo(zone_name)
    around = int(moment.timestamp())
    low, high = (around - HALF) * 1000, (around + HALF) * 1000
    ms = st.integers(low, high)
    second = st.integers(around - HALF, around + HALF)
    length = draw(st.sampled_from([None, "day", "week", "month", "quarter"]))
    devices = ["a", "b", "c"][: draw(st.integers(1, 3))]
    members = [m for d in devices for m in draw(_memberships(d, ms, low, high, open_=length is None))]
    changes = [c for d in devices for c in draw(_changes(d, ms))]
    runs = [tuple(sorted(pair)) for pair in draw(st.lists(st.tuples(ms, ms), max_size=3))]
    if draw(st.booleans()):
        runs.append((low, high + 5000))
    facts = Facts(runs, members, changes, draw(st.lists(_exclusions(second), max_size=4)))
    ends = sorted(draw(st.tuples(second, second)))
    day = datetime.fromtimestamp(draw(second), zone).date()
    return Story(zone, around, facts, length, day, (ends[0], ends[1] + 1))


@st.composite
def _memberships(
    draw: st.DrawFn, device: str, ms: st.SearchStrategy[int], low: int, high: int, *, open_: bool
) -> list[Member]:
    """Added, retired, moved, made a key site; sometimes the clock was set back in between."""
    times = draw(st.lists(ms, min_size=2, max_size=6))
    if draw(st.integers(0, 4)):
        times.sort()
    found = []
    for since, until in pairwise(times):
        if draw(st.booleans()):
            found.append(
                Member(
                    device,
                    since,
                    until,
                    draw(st.sampled_from(["s1", "s2"])),
                    draw(st.sampled_from(["east", "west"])),
                    draw(st.booleans()),
                    draw(st.sampled_from(["", "f1"])),
                )
            )
    if open_ and draw(st.booleans()):
        found.append(Member(device, times[-1], None, "s1", "east", False, "f1"))
    elif draw(st.booleans()):
        found.append(Member(device, low, high, "s1", "west", True, ""))
    return found


@st.composite
def _changes(draw: st.DrawFn, device: str, ms: st.SearchStrategy[int]) -> list[Change]:
    times = sorted(draw(st.lists(ms, max_size=8)))
    if times and draw(st.booleans()):
        times.append(times[-1])
    states = st.sampled_from(["up", "up", "down", "unreachable", "unknown"])
    return [Change(device, at, draw(states)) for at in times]


@st.composite
def _exclusions(draw: st.DrawFn, second: st.SearchStrategy[int]) -> Excluded:
    since, until = sorted(draw(st.tuples(second, second)))
    if draw(st.integers(0, 4)) == 0:
        since, until = since - 10_000_000, until + draw(st.sampled_from([0, 10_000_000]))
    reach, names = draw(
        st.sampled_from(
            [
                ("all", [""]),
                ("area", ["east", "west", "nowhere"]),
                ("site", ["s1", "s2"]),
                ("feeder", ["f1"]),
                ("device", ["a", "b"]),
            ]
        )
    )
    return Excluded(
        reach,
        draw(st.sampled_from(names)),
        since,
        until + 1,
        draw(st.sampled_from(["power_cut", "third_party"])),
        draw(st.sampled_from(["", "Wang"])),
    )


def _agree(story: Story) -> None:
    db = empty_ledger()
    write(db, story.facts)
    period = story.period()
    records = read_records(db, period)
    segments = segments_of(records)
    db.close()
    seconds = story.seconds()
    walked = walk(story.facts, seconds)

    assert tally(segments) == Tally(*count(walked, lambda member: True))
    faults = faults_of(records, segments)
    assert sum(fault.counted for fault in faults) == tally(segments).offline
    assert sum(fault.excluded for fault in faults) == tally(segments).excluded_offline
    for area, found in tallies(segments, lambda stretch: stretch.area).items():
        assert found == Tally(*count(walked, lambda member, area=area: member.area == area))
    for key, found in tallies(segments, lambda stretch: (stretch.device, stretch.site)).items():
        assert found == Tally(*count(walked, lambda member, key=key: (member.device, member.site) == key))
    key_sites = segments.where(mask_of(segments, lambda stretch: stretch.key_site))
    assert tally(key_sites) == Tally(*count(walked, lambda member: member.key_site))

    for policy in Unmeasured:
        for exclude in (True, False):
            rates = {s: momentary(walked[s], policy.value, exclude) for s in seconds}
            found = moments(segments, policy, exclude=exclude)
            assert {s: tuple(found.rate_at(s)) for s in seconds} == rates
            whole = tally(segments).rate(policy) if exclude else tally(segments).gross(policy)
            assert whole == (sum(r[0] for r in rates.values()), sum(r[1] for r in rates.values()))
            for line in (96, 50, 100):
                assert [tuple(span) for span in found.below(line * 100)] == breaches(rates, line)
            counted = {s: r for s, r in rates.items() if r[1]}
            worst, best = found.worst(), found.best()
            if not counted:
                assert worst is None and best is None
            else:
                assert worst is not None and best is not None
                low = min(r[0] / r[1] for r in counted.values())
                high = max(r[0] / r[1] for r in counted.values())
                assert worst.at == min(s for s, r in counted.items() if r[0] / r[1] == low)
                assert best.at == min(s for s, r in counted.items() if r[0] / r[1] == high)
                assert tuple(worst.rate) == counted[worst.at]
            days = found.sums(period.day_bounds())
            for day, at_day in zip(period.days(), days, strict=True):
                those = [r for s, r in rates.items() if datetime.fromtimestamp(s, story.zone).date() == day]
                assert at_day == (sum(r[0] for r in those), sum(r[1] for r in those))


@settings(max_examples=60)
@given(stories())
def test_spans_and_seconds_agree(story: Story) -> None:
    """Over restarts, blindness, odd calendars, any exclusions, moved and retired devices."""
    _agree(story)


@pytest.mark.long
@settings(max_examples=2500)
@given(stories())
def test_spans_and_seconds_agree_on_many(story: Story) -> None:
    """The same on 2,500 random histories."""
    _agree(story)
