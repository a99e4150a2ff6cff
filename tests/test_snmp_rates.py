"""Counters to rates: never a spike, never a negative, whatever the device does to its counters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collectors.snmp.rates import MAX_GAP_MS, Uptime, delta, row_rates


@pytest.mark.parametrize(
    ("before", "after", "bits", "counted"),
    [
        (100, 160, 32, 60),
        (7, 7, 64, 0),
        (2**32 - 10, 5, 32, 15),
        (2**64 - 10, 5, 64, 15),
        (100, 5, 32, None),  # cleared: a wrap would be four thousand million
        (10**15, 5, 64, None),
        (2**40, 5, 32, None),  # a 64-bit value under a 32-bit name
    ],
)
def test_a_wrap_is_counted_and_a_reset_is_not(
    before: int, after: int, bits: int, counted: int | None
) -> None:
    assert delta(before, after, bits) == counted


def test_rates_are_per_second() -> None:
    assert row_rates([0, 10], [600, 10], [32, 64], 60_000) == [10.0, 0.0]


def test_counters_that_fall_together_were_reset_together() -> None:
    """Each alone could have wrapped."""
    before: list[int | None] = [2**32 - 5, 2**32 - 9, 1]
    assert row_rates(before, [1, 2, 4], [32, 32, 32], 1000) == [None, None, None]
    assert row_rates(before, [1, 2**32 - 1, 4], [32, 32, 32], 1000) == [6.0, 8.0, 3.0]


@pytest.mark.parametrize("elapsed", [0, -5, MAX_GAP_MS + 1])
def test_no_rate_over_no_time_a_step_back_or_a_long_gap(elapsed: int) -> None:
    assert row_rates([0], [100], [64], elapsed) == [None]


def test_what_was_missing_before_or_now_has_no_rate() -> None:
    assert row_rates([None, 1, None], [5, None, None], [32, 32, 32], 1000) == [None, None, None]


counters = st.integers(0, 2**32 - 1)


@given(st.lists(st.tuples(counters, counters), min_size=1, max_size=8), st.integers(1, MAX_GAP_MS))
def test_no_rate_is_negative_or_beyond_half_a_counter(pairs: list[tuple[int, int]], elapsed: int) -> None:
    before: list[int | None] = [old for old, _ in pairs]
    after: list[int | None] = [new for _, new in pairs]
    for (old, new), rate in zip(pairs, row_rates(before, after, [32] * len(pairs), elapsed), strict=True):
        if rate is not None:
            assert 0 <= rate <= max(new - old, 1 << 31) * 1000 / elapsed


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=20), st.integers(0, 2**32 - 1))
def test_over_wraps_the_rates_add_up_to_what_was_counted(steps: list[int], start: int) -> None:
    value = start
    total = 0.0
    for step in steps:
        after = (value + step) % (1 << 32)
        (rate,) = row_rates([value], [after], [32], 1000)
        assert rate is not None
        total += rate
        value = after
    assert total == sum(steps)


@pytest.mark.parametrize(
    ("before", "after", "restarted"),
    [
        ((100_000, 0), (106_000, 60_000), False),
        ((100_000, 0), (2_000, 60_000), True),
        ((1_000, 0), (30_000, 600_000), True),  # it restarted in a gap of ours, and is past where it was
        ((2**32 - 1_000, 0), (5_000, 60_000), False),  # 497 days
        ((2**32 - 300, 0), (90, 1_000), False),  # its clock runs a little fast
        ((5_000, 0), (5_000, 40), False),
    ],
)
def test_a_restart_is_told_from_a_wrap_of_the_uptime(
    before: tuple[int, int], after: tuple[int, int], restarted: bool
) -> None:
    assert Uptime(*after).restarted(Uptime(*before)) is restarted
