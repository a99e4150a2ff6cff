"""A robust trend with bounded memory: Theil–Sen over the means of even spans.

The slope is the median of the slopes between all pairs of points (Sen 1968), which nearly three points in
ten may spoil without harm. ``slow`` and ``fast`` are the quartiles of those slopes: a trend is sure when even
the slow one points the same way.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

POINTS = 48
"""Spans that are kept: 1,128 pairs, a tenth of a millisecond to sort."""
ENOUGH = 12
"""Spans before there is a trend to speak of."""
STATE = 4 + 2 * POINTS
"""Numbers that a trend is kept in."""
_RUPTURE = 6.0
"""Two spans in a row this many spreads off the trend, the same way: it was broken, and starts anew."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A line through the points; times in seconds, slopes in units a second."""

    at: float
    """The time of the last point."""
    value: float
    """The line's value there."""
    slope: float
    slow: float
    fast: float
    spread: float
    """Median distance of the points from the line."""

    def reaches(self, limit: float, slope: float) -> float:
        """Seconds from ``at`` until the line meets the limit at that slope; infinite when it never does."""
        if slope == 0 or (limit - self.value) * slope <= 0:
            return math.inf
        return (limit - self.value) / slope


class Trend:
    """The recent course of one series."""

    __slots__ = ("_n", "_points", "_span", "_total", "_window")

    def __init__(self, span_s: float) -> None:
        self._span = span_s
        self._points: deque[tuple[float, float]] = deque(maxlen=POINTS)
        self._window = -1
        self._total = 0.0
        self._n = 0

    def add(self, t: float, value: float) -> bool:
        """One reading; whether a span was completed by it. Late and non-finite readings are passed over."""
        window = int(t // self._span)
        if not math.isfinite(value) or abs(value) > 1e30 or window < self._window:
            return False
        done = window > self._window and self._n > 0
        if done:
            self._close()
        self._window = window
        self._total += value
        self._n += 1
        return done

    def _close(self) -> None:
        fit = self.fit()
        point = ((self._window + 0.5) * self._span, self._total / self._n)
        self._total, self._n = 0.0, 0
        last = self._points[-1] if self._points else None
        self._points.append(point)
        if fit is not None and last is not None:
            off = [value - (fit.value + fit.slope * (t - fit.at)) for t, value in (last, point)]
            bound = _RUPTURE * fit.spread + 1e-9 * abs(fit.value)
            rose = abs(fit.slope) * self._span * len(self._points)
            if min(abs(o) for o in off) > max(bound, 0.3 * rose) and off[0] * off[1] > 0:
                self._points = deque((last, point), maxlen=POINTS)

    def state(self) -> list[float]:
        """``STATE`` numbers that ``take_up`` goes on from."""
        points = [number for point in self._points for number in point]
        known = [float(self._window), self._total, float(self._n), float(len(self._points)), *points]
        return known + [0.0] * (STATE - len(known))

    def take_up(self, state: Sequence[float]) -> None:
        window, total, n, points, *rest = state
        self._window, self._total, self._n = int(window), total, int(n)
        pairs = zip(rest[::2], rest[1::2], strict=True)
        self._points = deque(islice(pairs, int(points)), maxlen=POINTS)

    def fit(self) -> Fit | None:
        if len(self._points) < ENOUGH:
            return None
        points = np.array(self._points)
        t, v = points[:, 0] - points[-1, 0], points[:, 1]
        i, j = np.triu_indices(len(t), 1)
        slow, slope, fast = (float(q) for q in np.quantile((v[j] - v[i]) / (t[j] - t[i]), (0.25, 0.5, 0.75)))
        rest = v - slope * t
        value = float(np.median(rest))
        spread = float(np.median(np.abs(rest - value)))
        if slope < 0:
            slow, fast = fast, slow
        return Fit(float(points[-1, 0]), value, slope, slow, fast, spread)
