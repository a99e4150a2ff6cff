"""A simulated fleet of single series for the baseline detector: ordinary life, and faults of seven families.

Five-minute samples, 28 days to learn and 14 that are scored; about half the series have one fault. Ordinary
life has weekends, noise of several kinds, missing samples, a public holiday, a daylight-saving change,
an announced change of level and counters that reset.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

STEP_S = 300
PER_DAY = 288
LEARN = 28 * PER_DAY
SAMPLES = 42 * PER_DAY
START = 1_767_571_200  # a Monday, 00:00 UTC
TIMES = START + STEP_S * np.arange(SAMPLES)

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]


class Family(StrEnum):
    WEEKDAY_ONLY = "weekday_only"
    """Weekend traffic on a working day's noon: ordinary for another day, not for this one."""
    PHASE_SHIFT = "phase_shift"
    """The daily pattern comes hours late (a timer or a clock is wrong)."""
    VARIANCE = "variance_growth"
    STUCK = "stuck_value"
    ONE_WAY = "one_direction_loss"
    LEAK = "slow_leak"
    DOUBLE_SHIFT = "double_level_shift"
    """A second change of level half a day after a first; only the second counts."""


class Ordinary(StrEnum):
    """What happens in ordinary life and must not alert."""

    HOLIDAY = "holiday"
    DAYLIGHT_SAVING = "daylight_saving"
    LEVEL = "level_change"
    RESET = "counter_reset"


@dataclass(frozen=True, slots=True)
class SimulatedSeries:
    family: Family
    values: Floats
    present: np.ndarray[tuple[int], np.dtype[np.bool_]]
    event: tuple[int, int] | None
    """First and past-the-last sample of the fault."""
    ordinary: dict[Ordinary, int]
    """What happened in ordinary life, and at which sample."""

    def cause_of(self, alarm: int) -> str:
        """What of ordinary life had happened within a day before."""
        return next((o.value for o, at in self.ordinary.items() if at <= alarm < at + PER_DAY), "other")


def _day_shape(hours: Floats, weekend: np.ndarray[tuple[int], np.dtype[np.bool_]], quiet: float) -> Floats:
    """0.2 at night to 1 in the early afternoon; ``quiet`` of that at weekends."""
    shape = 0.2 + 0.8 / (1 + ((hours - 13.5) / 4.0) ** 4)
    return np.where(weekend, 0.12 + quiet * (shape - 0.12), shape)


def _red_noise(rng: np.random.Generator, memory: float) -> Floats:
    noise = rng.normal(0, np.sqrt(1 - memory * memory), SAMPLES)
    out = np.empty(SAMPLES)
    last = 0.0
    for i, step in enumerate(noise):
        last = memory * last + step
        out[i] = last
    return out


class _World:
    """One series' ordinary life, drawn once; faults are laid over it."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        wanted = [one for one in Ordinary if rng.random() < 0.3]
        self.ordinary: dict[Ordinary, int] = {}
        seconds = (TIMES % 86400).astype(float)
        days = np.arange(SAMPLES) // PER_DAY
        weekend = days % 7 >= 5
        if Ordinary.DAYLIGHT_SAVING in wanted:
            day = int(rng.integers(30, 40))
            self.ordinary[Ordinary.DAYLIGHT_SAVING] = day * PER_DAY
            seconds = np.where(days >= day, (seconds + 3600) % 86400, seconds)
        if Ordinary.HOLIDAY in wanted:
            day = int(rng.integers(29, 41))
            self.ordinary[Ordinary.HOLIDAY] = day * PER_DAY
            weekend = weekend | (days == day)
        self.seconds = seconds
        self.weekend = weekend
        self.quiet = float(rng.uniform(0.3, 0.6))
        self.late = float(rng.normal(0, 1))
        self.red = _red_noise(rng, float(rng.uniform(0.4, 0.9)))
        self.noise = rng.normal(0, 1, SAMPLES)
        self.changed_at = int(rng.integers(LEARN, SAMPLES - PER_DAY))
        self.change = float(rng.uniform(0.8, 1.3)) if Ordinary.LEVEL in wanted else 1.0
        if Ordinary.LEVEL in wanted:
            self.ordinary[Ordinary.LEVEL] = self.changed_at
        if Ordinary.RESET in wanted:
            self.ordinary[Ordinary.RESET] = self.changed_at // 2 + LEARN // 2

    def shape(self, late_h: float = 0.0, weekend: bool | None = None) -> Floats:
        hours = (self.seconds / 3600 - self.late - late_h) % 24
        days = self.weekend if weekend is None else np.full(SAMPLES, weekend)
        return _day_shape(hours, days, self.quiet)

    def traffic(self, shape: Floats) -> Floats:
        base = 1e7 * np.exp(0.12 * self.red + 0.06 * self.noise) * shape
        base[self.changed_at :] *= self.change
        if Ordinary.RESET in self.ordinary:
            base[self.ordinary[Ordinary.RESET]] *= 50
        return base

    def percent(self, shape: Floats) -> Floats:
        base = 20 + 25 * shape + 2.5 * self.red + 1.0 * self.noise
        base[self.changed_at :] *= self.change
        return np.clip(np.round(base, 1), 0, 100)


def _when(rng: np.random.Generator, length: int) -> tuple[int, int]:
    start = int(rng.integers(LEARN + PER_DAY, SAMPLES - PER_DAY - length))
    return start, start + length


def _weekday_only(world: _World) -> tuple[Floats, tuple[int, int]]:
    days = [d for d in range(29, 41) if not world.weekend[d * PER_DAY]]
    start = int(world.rng.choice(days)) * PER_DAY + int((11 + world.late) * 12)
    values, quiet = world.traffic(world.shape()), world.traffic(world.shape(weekend=True))
    values[start : start + 36] = quiet[start : start + 36]
    return values, (start, start + 36)


def _phase_shift(world: _World) -> tuple[Floats, tuple[int, int]]:
    start, end = _when(world.rng, PER_DAY)
    values, late = world.traffic(world.shape()), world.traffic(world.shape(float(world.rng.uniform(4, 9))))
    values[start:end] = late[start:end]
    return values, (start, end)


def _variance(world: _World) -> tuple[Floats, tuple[int, int]]:
    start, end = _when(world.rng, 144)
    values = world.percent(world.shape())
    values[start:end] += world.rng.normal(0, world.rng.uniform(6, 12), end - start)
    return np.clip(values, 0, 100), (start, end)


def _stuck(world: _World) -> tuple[Floats, tuple[int, int]]:
    start, end = _when(world.rng, 144)
    values = world.percent(world.shape())
    values[start:end] = values[start]
    return values, (start, end)


def _one_way(world: _World) -> tuple[Floats, tuple[int, int]]:
    start, end = _when(world.rng, 24)
    values = world.traffic(world.shape())
    values[start:end] *= world.rng.uniform(0, 0.1)
    return values, (start, end)


def _leak(world: _World) -> tuple[Floats, tuple[int, int]]:
    start, end = _when(world.rng, 3 * PER_DAY)
    values = 40 + 0.1 * (world.percent(world.shape()) - 30)
    values[start:end] += np.linspace(0, world.rng.uniform(8, 25), end - start)
    return np.round(values, 1), (start, end)


def _double_shift(world: _World) -> tuple[Floats, tuple[int, int]]:
    start, end = _when(world.rng, 144)
    values = 20 + 2 * world.shape() + 0.6 * world.red + 0.3 * world.noise
    values[start - 144 :] += world.rng.uniform(5, 8)
    values[start:] += world.rng.uniform(5, 8)
    return np.round(values, 1), (start, end)


_FAULTS: dict[Family, Callable[[_World], tuple[Floats, tuple[int, int]]]] = {
    Family.WEEKDAY_ONLY: _weekday_only,
    Family.PHASE_SHIFT: _phase_shift,
    Family.VARIANCE: _variance,
    Family.STUCK: _stuck,
    Family.ONE_WAY: _one_way,
    Family.LEAK: _leak,
    Family.DOUBLE_SHIFT: _double_shift,
}


def simulate(seed: int, size: int) -> Sequence[SimulatedSeries]:
    """``size`` series; the families in turn, with a fault in every second one of each. A faultless series of
    a family is that family's ordinary life."""
    rng = np.random.default_rng(seed)
    families = list(Family)
    out = []
    for i in range(size):
        family = families[i % len(families)]
        world = _World(rng)
        values, event = _FAULTS[family](world)
        if i // len(families) % 2:
            values, event = _faultless(family, world), None
        out.append(SimulatedSeries(family, values, rng.random(SAMPLES) >= 0.01, event, world.ordinary))
    return out


def _faultless(family: Family, world: _World) -> Floats:
    if family in (Family.WEEKDAY_ONLY, Family.PHASE_SHIFT, Family.ONE_WAY):
        return world.traffic(world.shape())
    if family in (Family.VARIANCE, Family.STUCK):
        return world.percent(world.shape())
    if family is Family.LEAK:
        return np.round(40 + 0.1 * (world.percent(world.shape()) - 30), 1)
    return np.round(20 + 2 * world.shape() + 0.6 * world.red + 0.3 * world.noise, 1)
