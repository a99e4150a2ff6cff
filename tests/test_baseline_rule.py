"""The baseline rule at work in the book of rules: who is told of what, and when it ends."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest
from pydantic import ValidationError

from monitor.model import Device, DeviceId, Instant, Kind, MonoMs, WallMs
from monitor.notifiers.evidence import Odd, Oddity
from monitor.rules.base import Signal
from monitor.rules.baseline.rule import BaselineRule
from monitor.rules.baseline.settings import BaselineSettings
from monitor.rules.book import RuleBook
from tests.baseline_support import PER_DAY, START, STEP, daily
from tests.core_support import UpFleet, reading

CAMERA = Device(DeviceId("c1"), "Gate 1", Kind.CAMERA, "10.0.0.1", site="North", area="East")
SWITCH = Device(DeviceId("s1"), "Switch 1", Kind.SWITCH, "10.0.0.2")
METRIC = "ping.average_response_ms"


def _settings(**more: object) -> BaselineSettings:
    return BaselineSettings.model_validate(
        {
            "name": "odd",
            "type": "baseline",
            "metric": METRIC,
            "select": {"kind": "camera"},
            "timezone": "UTC",
            "holidays": "none",
            **more,
        }
    )


class _Watch:
    """A book with one baseline rule, fed sample by sample."""

    def __init__(self, settings: BaselineSettings) -> None:
        self.book = RuleBook([settings], UpFleet(CAMERA, SWITCH))
        self.signals: list[Signal] = []
        self.sample = 0

    @property
    def rule(self) -> BaselineRule:
        rule = self.book.rules["odd"]
        assert isinstance(rule, BaselineRule)
        return rule

    def feed(self, values: Iterable[float], device: DeviceId = CAMERA.id) -> list[Signal]:
        """One reading in each span; the signals that came of them."""
        before = len(self.signals)
        for value in values:
            at = WallMs((START + STEP * self.sample + 60) * 1000)
            now = Instant(WallMs(at + 250_000), MonoMs(at))
            self.signals += reading(self.book, device, METRIC, value, now, at)
            self.sample += 1
        return self.signals[before:]


@pytest.fixture
def watch() -> _Watch:
    watch = _Watch(_settings())
    assert watch.feed(daily(8, random.Random(1))) == []
    return watch


def test_a_lasting_fault_is_told_once_and_ended_once(watch: _Watch) -> None:
    usual = daily(1, random.Random(2))
    told = watch.feed(v + 60 for v in usual[:24])
    assert [s.firing for s in told] == [True]
    assert told[0].cause == "baseline"
    assert told[0].device == CAMERA.id
    assert told[0].place == "East North"
    assert METRIC in told[0].detail and "…" in told[0].detail
    odd = told[0].evidence
    assert isinstance(odd, Odd) and (odd.metric, odd.unit) == (METRIC, "ms")
    assert odd.low < 50 < odd.high < odd.value and odd.oddity is Oddity.HIGHEST and odd.days == 8
    assert told[0].since == (START + STEP * (8 * PER_DAY + 1)) * 1000  # the first odd sample, not the last
    [picture] = told[0].attachments
    assert picture.media_type == "image/png" and picture.content.startswith(b"\x89PNG")
    ended = watch.feed(usual[24:100])
    assert [s.firing for s in ended] == [False]
    assert ended[0].key == told[0].key and ended[0].attachments == ()


def test_one_wild_sample_is_not_told(watch: _Watch) -> None:
    usual = daily(1, random.Random(3))
    usual[5] = 5000.0
    assert watch.feed(usual[:60]) == []


def test_a_stuck_value_is_told() -> None:
    watch = _Watch(_settings(sensitivity="keen"))
    watch.feed(daily(8, random.Random(1)))
    told = watch.feed([61.7] * 100)
    assert [s.firing for s in told] == [True]
    assert isinstance(told[0].evidence, Odd) and told[0].evidence.oddity is Oddity.STUCK


def test_devices_that_are_not_selected_are_not_watched() -> None:
    watch = _Watch(_settings())
    watch.feed([1.0, 2.0, 3.0], device=SWITCH.id)
    assert watch.rule.learner.series() == []


def test_two_readings_in_one_span_are_one_sample(watch: _Watch) -> None:
    learner = watch.rule.learner
    key = learner.series()[0]
    at = WallMs((START + STEP * 100_000) * 1000)
    learner.add(key, 10.0, at)
    learner.add(key, 30.0, WallMs(at + 1000))
    assert learner.ready(WallMs(at + STEP * 1000)) == [(key, 100_000 + START // STEP, 20.0)]


def test_a_picture_and_the_band_show_why(watch: _Watch) -> None:
    key = watch.rule.learner.series()[0]
    picture = watch.rule.picture(key)
    assert picture is not None and picture.startswith(b"\x89PNG")
    at = WallMs((START + STEP * watch.sample) * 1000)
    point = next(iter(watch.rule.points(at)))
    fields = dict(point.fields)
    assert fields["low"] <= fields["expected"] <= fields["high"]
    assert abs(float(fields["expected"]) - 50) < 15


def test_a_series_that_alerts_again_and_again_is_noisy_rather_than_loud(watch: _Watch) -> None:
    rng = random.Random(4)
    told = []
    for day in range(6):
        values = daily(1, random.Random(day))
        for start in (30, 130, 230):
            size = rng.choice((-1, 1)) * 60 * 1.4 ** (day * 3 + start // 100)
            for i in range(start, start + 10):
                values[i] += size
        told += watch.feed(values)
    assert [s.firing for s in told] == [True, False] * 5
    now = WallMs((START + STEP * watch.sample) * 1000)
    [key] = watch.rule.learner.series()
    assert watch.rule.alerts.in_a_week(key, now) > 5
    booked = watch.rule.take_alerts()
    assert [a.told for a in booked] == [True] * 5 + [False] * (len(booked) - 5)
    assert watch.rule.take_alerts() == []
    again = _Watch(_settings())
    assert again.rule.adopt(watch.rule.snapshot())
    assert again.rule.alerts.of(key) == booked
    assert again.rule.alerts.in_a_week(key, now) > 5


def test_what_was_learned_survives_a_restart(watch: _Watch) -> None:
    again = _Watch(_settings())
    assert again.rule.adopt(watch.rule.snapshot())
    again.sample = watch.sample
    usual = daily(1, random.Random(7))
    assert again.feed(usual[:20]) == []
    assert [s.firing for s in again.feed(v - 50 for v in usual[20:32])] == [True]


def test_what_was_firing_before_a_restart_is_ended_after_it(watch: _Watch) -> None:
    usual = daily(1, random.Random(8))
    told = watch.feed(v + 60 for v in usual[:12])
    again = _Watch(_settings())
    assert again.rule.adopt(watch.rule.snapshot())
    again.sample = watch.sample
    assert again.book.restore({"odd": [(told[0].key, told[0].since)]}) == []
    ended = again.feed(usual[12:60])
    assert [(s.firing, s.key) for s in ended] == [(False, told[0].key)]


def test_a_planned_change_is_relearned_within_hours(watch: _Watch) -> None:
    assert watch.rule.relearn(CAMERA.id) == 1
    usual = [v + 200 for v in daily(3, random.Random(9))]
    assert watch.feed(usual[: 2 * PER_DAY]) == []
    assert [s.firing for s in watch.feed(v + 90 for v in usual[2 * PER_DAY : 2 * PER_DAY + 12])] == [True]


def test_a_replaced_device_is_relearned_and_a_removed_one_forgotten(watch: _Watch) -> None:
    learner = watch.rule.learner
    key = learner.series()[0]
    watch.book.reload(UpFleet(replace(CAMERA, model="other")))
    assert watch.feed(v + 300 for v in daily(1, random.Random(10))) == []
    watch.book.reload(UpFleet(SWITCH))
    assert key not in learner.series()


def test_a_device_with_another_serial_number_is_relearned_once(watch: _Watch) -> None:
    def poll(replaced: bool) -> None:
        at = WallMs((START + STEP * watch.sample) * 1000)
        reading(watch.book, CAMERA.id, "onvif.replaced", replaced, Instant(at, MonoMs(at)))

    poll(False)
    poll(True)
    values = [v + 300 for v in daily(3, random.Random(9))]
    assert watch.feed(values[: 2 * PER_DAY]) == []
    poll(True)  # the same news again
    assert [s.firing for s in watch.feed(v + 90 for v in values[2 * PER_DAY : 2 * PER_DAY + 12])] == [True]


def test_an_alert_of_a_removed_device_ends(watch: _Watch) -> None:
    told = watch.feed(v + 60 for v in daily(1, random.Random(2))[:24])
    ended = watch.book.reload(UpFleet(SWITCH))
    assert [(s.firing, s.key) for s in ended] == [(False, told[0].key)]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"sensitivity": "loud"}, "not a sensitivity"),
        ({"sensitivity": 0}, "greater than or equal to 0.1"),
        ({"metric": "cpu"}, "measurement.field"),
        ({"timezone": "Mars/Base"}, "not a time zone"),
        ({"resolution": "1s"}, "between 10s and 1h"),
        ({"direction": "up"}, "'high', 'low' or 'both'"),
    ],
)
def test_bad_settings_say_what_would_be_right(setting: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        _settings(**setting)
