"""Momentary rates: devices online ÷ counted at one moment, for every moment of the period.

Between two changes the rate stands still, so all seconds of a month are known exactly from the changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from monitor.books.records import Span
from monitor.books.tally import Fraction, Unmeasured
from monitor.books.timeline import Class, Mask, Seconds, Segments


@dataclass(frozen=True, slots=True)
class Moment:
    """A rate, the first second at which it stood, and for how long it stood then."""

    at: int
    seconds: int
    rate: Fraction


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """``online`` and ``counted`` devices from ``at[i]`` up to ``at[i + 1]`` (the last: up to the end)."""

    bounds: Span
    at: Seconds
    online: Seconds
    counted: Seconds

    @property
    def lengths(self) -> Seconds:
        return np.diff(np.append(self.at, self.bounds.until))

    def rate_at(self, second: int) -> Fraction:
        """The rate in that second, as an inspector would have found it."""
        if not self.bounds.since <= second < self.bounds.until:
            return Fraction(0, 0)
        index = int(np.searchsorted(self.at, second, side="right")) - 1
        return Fraction(int(self.online[index]), int(self.counted[index]))

    def sampled(self, instants: Iterable[int]) -> Fraction:
        """The mean over sampling instants: devices online ÷ counted, summed over all instants."""
        found = [self.rate_at(second) for second in instants]
        return Fraction(sum(f.online for f in found), sum(f.counted for f in found))

    def worst(self) -> Moment | None:
        """``None`` when nothing was ever counted."""
        return self._extreme(best=False)

    def best(self) -> Moment | None:
        return self._extreme(best=True)

    def _extreme(self, *, best: bool) -> Moment | None:
        if not self.counted.any():
            return None
        # Two different fractions of numbers below 2^26 are different doubles, equal ones the same.
        rates = np.full(len(self.at), -np.inf if best else np.inf)
        np.divide(self.online, self.counted, out=rates, where=self.counted > 0)
        index = int(np.argmax(rates) if best else np.argmin(rates))
        last = index
        while last + 1 < len(rates) and rates[last + 1] == rates[index]:
            last += 1
        end = int(self.at[last + 1]) if last + 1 < len(self.at) else self.bounds.until
        return Moment(
            int(self.at[index]),
            end - int(self.at[index]),
            Fraction(int(self.online[index]), int(self.counted[index])),
        )

    def below(self, line_bp: int) -> list[Span]:
        """The breaches: the longest spans in which the rate is strictly below the line (in hundredths of a
        percent). Where nothing is counted there is no breach."""
        low: Mask = self.online * 10_000 < line_bp * self.counted
        edges = np.flatnonzero(np.diff(np.concatenate(([False], low, [False])).astype(np.int8)))
        ends = np.append(self.at, self.bounds.until)
        return [Span(int(ends[a]), int(ends[b])) for a, b in zip(edges[::2], edges[1::2], strict=True)]

    def sums(self, bounds: list[int]) -> list[Fraction]:
        """Online and counted device-seconds between each two of ``bounds``."""
        marks = np.array(bounds, np.int64)
        online, counted = self._integral(self.online, marks), self._integral(self.counted, marks)
        return [Fraction(int(a), int(b)) for a, b in zip(np.diff(online), np.diff(counted), strict=True)]

    def _integral(self, height: Seconds, marks: Seconds) -> Seconds:
        """Device-seconds from the begin of the period up to each mark."""
        area = np.concatenate(([0], np.cumsum(height * self.lengths)))
        marks = np.clip(marks, self.bounds.since, self.bounds.until)
        index = np.searchsorted(self.at, marks, side="right") - 1
        return area[index] + height[index] * (marks - self.at[index])


def moments(segments: Segments, policy: Unmeasured = Unmeasured.LEFT_OUT, *, exclude: bool = True) -> Moments:
    """The momentary rates of these segments. ``exclude=False``: as if there were no exclusions."""
    counts = ~segments.excluded if exclude else np.ones(len(segments.since), np.bool_)
    online = segments.standing == Class.ONLINE
    unmeasured = segments.standing == Class.UNMEASURED
    if policy is Unmeasured.LEFT_OUT:
        counts = counts & ~unmeasured
    elif policy is Unmeasured.ONLINE:
        online = online | unmeasured
    used = segments.where(counts)
    up = online[counts].astype(np.int64)
    times = np.concatenate((used.since, used.until))
    at, place = np.unique(np.concatenate((times, [segments.bounds.since])), return_inverse=True)
    place = place[:-1]
    one = np.ones(len(used.since), np.int64)
    online_change = np.bincount(place, weights=np.concatenate((up, -up)), minlength=len(at))
    counted_change = np.bincount(place, weights=np.concatenate((one, -one)), minlength=len(at))
    inside = at < segments.bounds.until
    return Moments(
        segments.bounds,
        at[inside],
        np.cumsum(online_change).astype(np.int64)[inside],
        np.cumsum(counted_change).astype(np.int64)[inside],
    )
