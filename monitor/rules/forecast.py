"""``forecast``: a reading will reach a limit within a horizon: a disk filling up, a certificate running out,
a battery ageing, a temperature creeping.

Fires when even the slow end of the trend gets there in time, and goes on until it no longer would by a good
margin. Which day that is, is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Self
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from monitor.model import DeviceId, Instant, Point, Reading, WallMs
from monitor.notifiers.evidence import Foreseen
from monitor.rules.base import Fleet, RuleSettings, Signal
from monitor.rules.baseline.settings import metric_name, zone_name
from monitor.rules.baseline.snapshot import Snapshot
from monitor.rules.hold import Step
from monitor.rules.series import Key, SeriesRule, key_of, part_of, text_of, unit_of
from monitor.rules.trend import POINTS, STATE, Fit, Trend
from monitor.select import DeviceSelector
from monitor.settings import Duration
from monitor.states import Changes

_LAYOUT = "forecast-1"
_YEAR_9999 = 253_370_000_000.0
_MARGIN = 1.5
"""An alert ends when the limit is this many horizons away: not at every wobble of the trend."""


class ForecastSettings(RuleSettings):
    """``type = "forecast"``: fires for each device whose reading will be beyond a limit before long."""

    select: DeviceSelector = Field(default_factory=DeviceSelector)
    """Which devices."""
    metric: Annotated[str, AfterValidator(metric_name)]
    """``measurement.field`` of docs/metrics.md."""
    above: float | None = None
    """The limit for readings that rise."""
    below: float | None = None
    """The limit for readings that fall."""
    within: Duration = 7 * 86400.0
    """Fires when the limit will be met this soon."""
    over: Duration = Field(default=14 * 86400.0, ge=3600.0)
    """How far back the trend looks; it speaks after a quarter of that."""
    timezone: Annotated[str, AfterValidator(zone_name)] = "Asia/Shanghai"
    """In which the day is said."""

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("give exactly one of above and below")
        return self

    @property
    def limit(self) -> float:
        return self.above if self.above is not None else self.below or 0.0

    def beyond(self, value: float) -> bool:
        return value > self.limit if self.above is not None else value < self.limit


@dataclass(frozen=True, slots=True)
class Outlook:
    """When a series will meet the limit: by the trend, and at the latest."""

    value: float
    likely: WallMs
    latest: WallMs


class ForecastRule(SeriesRule):
    Settings: ClassVar[type[RuleSettings]] = ForecastSettings
    settings: ForecastSettings

    def __init__(self, settings: ForecastSettings) -> None:
        super().__init__(settings, (settings.metric,))
        self._zone = ZoneInfo(settings.timezone)
        self._trends: dict[Key, Trend] = {}
        self._outlooks: dict[Key, Outlook] = {}

    def reload(self, fleet: Fleet) -> Iterator[Signal]:
        yield from super().reload(fleet)
        for key in [key for key in self._trends if key[0] not in self._devices]:
            del self._trends[key]
            self._outlooks.pop(key, None)

    def on_changes(self, changes: Changes, now: Instant) -> Iterable[Signal]:
        return ()

    def on_reading(self, device: DeviceId, reading: Reading, at: WallMs, now: Instant) -> Iterable[Signal]:
        if device not in self._devices or isinstance(reading.value, str):
            return ()
        key = (device, reading.tags)
        trend = self._trends.get(key)
        if trend is None:
            trend = self._trends[key] = Trend(self.settings.over / POINTS)
        if not trend.add(at / 1000, float(reading.value)):
            return ()
        fit = trend.fit()
        return () if fit is None else self._heed(key, fit, now)

    def _heed(self, key: Key, fit: Fit, now: Instant) -> Iterator[Signal]:
        settings = self.settings
        if settings.beyond(fit.value):
            likely = latest = 0.0
        else:
            likely, latest = (fit.reaches(settings.limit, slope) for slope in (fit.slope, fit.slow))
        horizon = settings.within * (_MARGIN if self._holds.firing(key) else 1.0)
        soon = latest <= horizon
        if soon:
            self._outlooks[key] = Outlook(fit.value, _moment(fit.at + likely), _moment(fit.at + latest))
        since = self._holds.since(key) if key in self._holds else now.wall
        step = self._set_hold(key, soon, since, now)
        if step in (Step.FIRED, Step.ENDED):
            yield self._signal(key, since, firing=step is Step.FIRED)
        if not soon:
            self._outlooks.pop(key, None)

    @property
    def memory(self) -> str:
        return f"{self.settings.name} {self.settings.metric} {self.settings.over:g}"

    def snapshot(self) -> Snapshot:
        return Snapshot(
            _LAYOUT,
            [text_of(key) for key in self._trends],
            np.array([trend.state() for trend in self._trends.values()]).reshape(-1, STATE).T,
            np.zeros((0, len(self._trends)), np.float32),
        )

    def adopt(self, snapshot: Snapshot) -> bool:
        if snapshot.layout != _LAYOUT or snapshot.wide.shape[0] != STATE:
            return False
        self._trends = {}
        for n, text in enumerate(snapshot.keys):
            trend = self._trends[key_of(text)] = Trend(self.settings.over / POINTS)
            trend.take_up(snapshot.wide[:, n].tolist())
        return True

    def points(self, at: WallMs) -> Iterable[Point]:
        return ()

    def outlook(self, key: Key) -> Outlook | None:
        """What is foreseen for a series, while its condition holds."""
        return self._outlooks.get(key)

    @property
    def _cause(self) -> str:
        return "forecast"

    def _signal(self, key: Key, since: WallMs, *, firing: bool, detail: str = "") -> Signal:
        signal = super()._signal(key, since, firing=firing, detail=detail)
        outlook = self._outlooks.get(key)
        if not firing or outlook is None:
            return signal
        metric = self.settings.metric
        likely, latest = self._day(outlook.likely), self._day(outlook.latest)
        evidence = Foreseen(
            metric, unit_of(metric), part_of(key[1]), outlook.value, self.settings.limit, likely, latest
        )
        return replace(signal, evidence=evidence)

    def _words(self, key: Key, detail: str) -> str:
        """``metric value → limit: day`` (the likely day; a range when the latest is another)."""
        outlook = self._outlooks.get(key)
        if outlook is None:
            return self.settings.metric
        days = dict.fromkeys(self._day(when) for when in (outlook.likely, outlook.latest))
        return f"{self.settings.metric} {outlook.value:.4g} → {self.settings.limit:g}: {' … '.join(days)}"

    def _day(self, when: WallMs) -> str:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=when)
        return moment.astimezone(self._zone).date().isoformat()


def _moment(t: float) -> WallMs:
    # A day that no calendar holds is as good as never; the year 9999 stands for it.
    return WallMs(int(min(t, _YEAR_9999) * 1000))
