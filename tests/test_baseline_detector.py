"""What the detector promises of any series, whatever goes in."""

from __future__ import annotations

import copy
import math
import random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.rules.baseline import layout, scalar
from monitor.rules.baseline.bank import Bank
from tests import baseline_support as support
from tests.baseline_support import PER_DAY, START, STEP, daily, moment, timed

ANY_NUMBER = st.floats(allow_nan=True, allow_infinity=True)


def _wild(rng: np.random.Generator, series: int, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Times and values as a hostile fleet has them: gaps, repeats, steps back, quantised, constant, NaN."""
    gaps = rng.choice(
        [STEP, STEP, STEP, 0, -900, 7200, 200_000],
        (samples, series),
        p=[0.4, 0.3, 0.2, 0.03, 0.02, 0.04, 0.01],
    )
    t = START + np.cumsum(gaps, axis=0).astype(float)
    level, size = 10.0 ** rng.integers(-9, 12, series), 10.0 ** rng.integers(-9, 12, series)
    v = level + size * (rng.standard_t(2, (samples, series)) + 2 * np.sin(t / 13_750))
    style = np.arange(series) % 5
    v[:, style == 1] = np.round(v[:, style == 1])
    v[:, style == 2] = np.maximum(v[:, style == 2], level[style == 2])
    v[:, style == 3] = level[style == 3]
    v[rng.random(v.shape) < 0.01] = np.nan
    return t, v


@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**32 - 1),
    direction=st.sampled_from([-1, 0, 1]),
    sensitivity=st.sampled_from([0.5, 1.0, 3.0]),
)
@example(seed=1301475, direction=-1, sensitivity=0.5)
def test_the_bank_equals_the_scalar_form_to_the_last_bit(
    seed: int, direction: int, sensitivity: float
) -> None:
    rng = np.random.default_rng(seed)
    series, samples = 9, 250
    t, v = _wild(rng, series, samples)
    bank = Bank(series, direction, sensitivity)
    alone = [scalar.memory() for _ in range(series)]
    for i in range(samples):
        columns = np.nonzero(rng.random(series) < 0.8)[0]
        here = [moment(float(t[i, c])) for c in columns]
        second, day_type = np.array([m[0] for m in here]), np.array([m[1] for m in here], np.intp)
        together = bank.step(columns, t[i, columns], second, day_type, v[i, columns])
        one_by_one = [
            scalar.step(*alone[c], float(t[i, c]), *m, float(v[i, c]), direction, sensitivity)
            for c, m in zip(columns, here, strict=True)
        ]
        assert together.tolist() == one_by_one
    for column, (wide, slim) in enumerate(alone):
        assert bank.wide[:, column].tolist() == list(wide)
        assert bank.slim[:, column].tolist() == list(slim)


@settings(max_examples=40)
@given(samples=st.lists(st.tuples(st.floats(0, 4e9), ANY_NUMBER), max_size=60))
def test_no_nan_ever_comes_out_whatever_goes_in(samples: list[tuple[float, float]]) -> None:
    wide, slim = scalar.memory()
    for t, v in samples:
        assert math.isfinite(scalar.step(wide, slim, t, *moment(t), v))
    assert all(map(math.isfinite, wide))
    assert all(map(math.isfinite, slim))


@settings(max_examples=30)
@given(
    values=st.lists(st.floats(-1e30, 1e30) | st.sampled_from([1e-310, 0.0, -0.0, 5e-324, 1e30]), max_size=80)
)
def test_no_nan_from_the_smallest_and_largest_numbers_in_even_steps(values: list[float]) -> None:
    wide, slim = scalar.memory()
    for i, v in enumerate(values):
        t = START + 40_000.0 * i
        assert math.isfinite(scalar.step(wide, slim, t, *moment(t), v))
    assert all(map(math.isfinite, [*wide, *slim]))


@pytest.fixture(scope="module")
def troubled() -> list[float]:
    """Twelve days with two faults in the last three."""
    values = daily(12, random.Random(5))
    for i in range(9 * PER_DAY + 60, 9 * PER_DAY + 90):
        values[i] += 60
    for i in range(11 * PER_DAY, 11 * PER_DAY + 40):
        values[i] -= 45
    return values


@pytest.fixture(scope="module")
def oddness(troubled: list[float]) -> list[float]:
    odd = support.run(timed(troubled))
    assert sum(o >= 1 for o in odd) >= 2
    return odd


@pytest.mark.parametrize("power", [-20, 7, 30])
def test_scaling_by_a_power_of_two_changes_nothing(
    troubled: list[float], oddness: list[float], power: int
) -> None:
    assert support.run(timed([v * 2.0**power for v in troubled])) == oddness


@pytest.mark.parametrize(("scale", "shift"), [(-1.0, 0.0), (0.37, 0.0), (1.0, 1000.0), (3e6, -1e7)])
def test_scale_and_shift_change_nothing_beyond_rounding(
    troubled: list[float], oddness: list[float], scale: float, shift: float
) -> None:
    moved = support.run(timed([v * scale + shift for v in troubled]))
    assert moved == pytest.approx(oddness, abs=2e-3)


def test_series_do_not_see_each_other(troubled: list[float]) -> None:
    rng = np.random.default_rng(8)
    values = np.stack([np.roll(troubled, 37 * k) * (k + 1) for k in range(6)], axis=1)[: 3 * PER_DAY]
    t = START + STEP * np.arange(len(values), dtype=float)
    order = rng.permutation(6)
    alone = [support.run(zip(t.tolist(), values[:, k].tolist(), strict=True)) for k in range(2)]
    assert support.run_bank(t, values)[:, :2].T.tolist() == alone
    assert (support.run_bank(t, values)[:, order] == support.run_bank(t, values[:, order])).all()


def test_a_fault_is_found_within_a_few_samples(oddness: list[float]) -> None:
    alerts = [i for i, o in enumerate(oddness) if o >= 1]
    for start in (9 * PER_DAY + 60, 11 * PER_DAY):
        assert any(start < i <= start + 4 for i in alerts), alerts


def test_missing_samples_neither_hide_a_fault_nor_make_one(troubled: list[float]) -> None:
    rng = random.Random(3)
    kept = [s for s in timed(troubled) if rng.random() > 0.15]
    alerts = [t for (t, _), odd in zip(kept, support.run(kept), strict=True) if odd >= 1]
    faults = [START + STEP * (9 * PER_DAY + 60), START + STEP * 11 * PER_DAY]
    for fault in faults:
        assert any(fault < t <= fault + 6 * STEP for t in alerts)
    assert all(any(fault < t <= fault + 50 * STEP for fault in faults) for t in alerts)


def test_time_going_backwards_is_passed_over(troubled: list[float], oddness: list[float]) -> None:
    samples = timed(troubled)
    stuttering = [
        one for i, s in enumerate(samples) for one in ((s, samples[i // 2]) if i % 50 == 0 else (s,))
    ]
    odd = support.run(stuttering)
    kept = [
        o
        for i, o in enumerate(odd)
        if i == 0 or stuttering[i][0] > max(t for t, _ in stuttering[max(0, i - 3) : i])
    ]
    assert kept == oddness


@given(value=st.floats(-1e12, 1e12))
@settings(max_examples=20)
def test_a_constant_series_never_alerts(value: float) -> None:
    assert max(support.run(timed([value] * (3 * PER_DAY)))) == 0


@given(value=st.floats(-1e6, 1e6), other=st.floats(-1e6, 1e6))
@settings(max_examples=20)
def test_without_any_spread_so_far_a_change_does_not_alert_at_once(value: float, other: float) -> None:
    odd = support.run(timed([value] * (3 * PER_DAY) + [other]))
    assert odd[-1] < 1


def test_the_first_day_never_alerts() -> None:
    for seed in range(5):
        rng = random.Random(seed)
        values = [rng.paretovariate(1.1) * (100 if rng.random() < 0.05 else 1) for _ in range(PER_DAY)]
        assert max(support.run(timed(values), sensitivity=10)) < 1


QUIET_DAYS = 10


@pytest.fixture(scope="module")
def quiet() -> list[tuple[float, float]]:
    return timed(daily(QUIET_DAYS + 1, random.Random(4)))


@pytest.fixture(scope="module")
def grown(quiet: list[tuple[float, float]]) -> tuple[scalar.Table, scalar.Table]:
    wide, slim = scalar.memory()
    for t, v in quiet[: QUIET_DAYS * PER_DAY]:
        scalar.step(wide, slim, t, *moment(t), v)
    return wide, slim


@settings(max_examples=40)
@given(size=st.floats(-1e9, 1e9), late=st.integers(0, PER_DAY - 1))
def test_no_sample_alerts_by_itself(
    quiet: list[tuple[float, float]], grown: tuple[scalar.Table, scalar.Table], size: float, late: int
) -> None:
    """However wild it is; the rule asks for another witness even after it."""
    wide, slim = copy.deepcopy(grown)
    day = quiet[QUIET_DAYS * PER_DAY :]
    for i, (t, v) in enumerate(day[: late + 1]):
        odd = scalar.step(wide, slim, t, *moment(t), v + (size if i == late else 0.0))
    assert odd < 1


def test_an_alert_raises_the_bar_and_days_lower_it() -> None:
    values = daily(9, random.Random(6))
    wide, slim = scalar.memory()
    bars = []
    for i, (t, v) in enumerate(timed(values)):
        fault = 7 * PER_DAY <= i < 7 * PER_DAY + 12
        scalar.step(wide, slim, t, *moment(t), v + (80 if fault else 0))
        bars.append(slim[layout.BAR])
    assert bars[7 * PER_DAY - 1] == 1
    after = bars[7 * PER_DAY + 12]
    assert after > 1.2
    assert 1 < bars[-1] < after


def test_only_the_asked_direction_alerts(troubled: list[float]) -> None:
    high = [i for i, o in enumerate(support.run(timed(troubled), direction=1)) if o >= 1]
    low = [i for i, o in enumerate(support.run(timed(troubled), direction=-1)) if o >= 1]
    above, below = range(9 * PER_DAY + 60, 9 * PER_DAY + 90), range(11 * PER_DAY, 11 * PER_DAY + 40)
    assert any(i in above for i in high) and not any(i in below for i in high)
    assert any(i in below for i in low) and not any(i in above for i in low)


def test_a_daily_backup_is_learned() -> None:
    """Every night the same burst: no alert once it has been seen for some days."""
    rng = random.Random(9)
    values = [10 + rng.gauss(0, 1) + (70 if 24 <= i % PER_DAY < 36 else 0) for i in range(14 * PER_DAY)]
    odd = support.run(timed(values))
    assert max(odd[7 * PER_DAY :]) < 1


def test_a_slow_steady_growth_is_no_fault() -> None:
    rng = random.Random(2)
    values = [30 + 0.1 * i / PER_DAY + rng.gauss(0, 0.06) for i in range(30 * PER_DAY)]
    assert sum(o >= 1 for o in support.run(timed([round(v, 1) for v in values]))[7 * PER_DAY :]) <= 1


def test_memory_is_as_small_as_promised() -> None:
    wide, slim = scalar.memory()
    assert len(wide) * wide.itemsize + len(slim) * slim.itemsize == layout.BYTES <= 1300
