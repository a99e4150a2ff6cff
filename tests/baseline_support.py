"""Series for the tests of baselines, and ways to run them through the detector."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence

import numpy as np

from monitor.rules.baseline import scalar
from monitor.rules.baseline.bank import Bank

START = 1_767_571_200
"""A Monday, 00:00 UTC."""
STEP = 300
PER_DAY = 86400 // STEP


def moment(t: float) -> tuple[float, int]:
    """Second and type of a UTC day without holidays."""
    return t % 86400, int((t // 86400 + 3) % 7 >= 5)


def run(samples: Iterable[tuple[float, float]], direction: int = 0, sensitivity: float = 1.0) -> list[float]:
    """The oddness of each sample of one series."""
    wide, slim = scalar.memory()
    return [scalar.step(wide, slim, t, *moment(t), v, direction, sensitivity) for t, v in samples]


def run_bank(t: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Oddness of series in columns, samples in rows."""
    bank = Bank(values.shape[1])
    out = np.zeros(values.shape)
    for i, now in enumerate(t):
        second, day_type = moment(float(now))
        n = values.shape[1]
        out[i] = bank.step(None, np.full(n, now), np.full(n, second), np.full(n, day_type), values[i])
    return out


def daily(
    days: int, rng: random.Random, level: float = 50.0, swing: float = 20.0, noise: float = 2.0
) -> list[float]:
    """A daily pattern with noise that remembers a little."""
    red, out = 0.0, []
    for i in range(days * PER_DAY):
        red = 0.6 * red + rng.gauss(0, 0.8)
        out.append(level + swing * math.sin(2 * math.pi * i / PER_DAY) + noise * red)
    return out


def timed(values: Sequence[float]) -> list[tuple[float, float]]:
    return [(START + STEP * i, v) for i, v in enumerate(values)]
