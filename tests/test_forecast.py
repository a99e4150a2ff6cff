"""Forecasts: which day a limit will be met, and silence about what has no trend."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from pydantic import ValidationError

from monitor.model import Device, DeviceId, Instant, Kind, MonoMs, WallMs
from monitor.rules.base import Signal
from monitor.rules.book import RuleBook
from monitor.rules.forecast import ForecastSettings
from monitor.rules.trend import POINTS, Trend
from tests.core_support import UpFleet, reading

SERVER = Device(DeviceId("srv"), "Recorder", Kind.SERVER, "10.0.0.9", site="Core")
METRIC = "disk.used_percent"
START = 1_767_571_200  # 2026-01-05 00:00 UTC
HOUR = 3600


def _settings(**more: object) -> ForecastSettings:
    return ForecastSettings.model_validate(
        {"name": "full", "type": "forecast", "metric": METRIC, "above": 95, "timezone": "UTC", **more}
    )


def _play(settings: ForecastSettings, hourly: Iterable[float]) -> list[tuple[int, Signal]]:
    """Signals with the hour they came in."""
    book = RuleBook([settings], UpFleet(SERVER))
    found = []
    for hour, value in enumerate(hourly):
        at = WallMs((START + hour * HOUR) * 1000)
        now = Instant(at, MonoMs(at))
        found += [(hour, signal) for signal in reading(book, SERVER.id, METRIC, value, now)]
    return found


def _filling(days: int, start: float, a_day: float, noise: float = 0.3, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [start + a_day * h / 24 + rng.gauss(0, noise) for h in range(days * 24)]


def test_a_disk_that_fills_is_told_a_week_ahead_with_the_day() -> None:
    found = _play(_settings(), _filling(25, start=50, a_day=2))
    assert [s.firing for _, s in found] == [True]
    hour, signal = found[0]
    full = 22.5 * 24  # 95 % is met at noon of the 23rd day
    assert 5.5 * 24 <= full - hour <= 7.5 * 24
    assert "→ 95: 2026-01-27" in signal.detail
    assert signal.cause == "forecast"


def test_a_disk_that_was_cleaned_ends_the_alert() -> None:
    values = _filling(20, start=50, a_day=2) + _filling(8, start=30, a_day=0.1)
    assert [s.firing for _, s in _play(_settings(), values)] == [True, False]


@pytest.mark.parametrize("seed", range(4))
def test_noise_without_a_trend_is_never_told(seed: int) -> None:
    rng = random.Random(seed)
    assert _play(_settings(), [88 + rng.gauss(0, 2) for _ in range(40 * 24)]) == []


def test_wild_readings_do_not_make_a_trend() -> None:
    rng = random.Random(5)
    values = [60 + rng.gauss(0, 0.5) + (35 if rng.random() < 0.05 else 0) for _ in range(30 * 24)]
    assert _play(_settings(), values) == []


def test_a_falling_reading_is_foreseen_too() -> None:
    settings = _settings(above=None, below=20, within="5d")
    assert [s.firing for _, s in _play(settings, _filling(20, start=100, a_day=-4))] == [True]


def test_what_is_beyond_the_limit_already_goes_on_firing() -> None:
    found = _play(_settings(), _filling(30, start=60, a_day=2))
    assert [s.firing for _, s in found] == [True]


def test_readings_that_are_no_numbers_or_come_late_change_nothing() -> None:
    trend, clean = Trend(HOUR), Trend(HOUR)
    for hour, value in enumerate(_filling(3, start=10, a_day=1)):
        t = START + hour * HOUR
        clean.add(t, value)
        trend.add(t, value)
        trend.add(t, float("nan"))
        trend.add(t, float("inf"))
        trend.add(t - 5 * HOUR, 1e9)
    assert trend.fit() == clean.fit() is not None


def test_memory_is_bounded() -> None:
    trend = Trend(60.0)
    for i in range(40 * POINTS):
        trend.add(START + 60.0 * i, float(i))
    assert len(trend._points) == POINTS


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"below": 3}, "exactly one of above and below"),
        ({"above": None}, "exactly one of above and below"),
        ({"over": "10m"}, "greater than or equal to 3600"),
    ],
)
def test_bad_settings_say_what_would_be_right(setting: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        _settings(**setting)
