"""``month_forecast``: at the present rate a group of cameras ends the month below what the contract asks.

What it needs of the month so far stands in the ledger. The daemon has it computed every quarter of an hour
(``books.forecast_worker``) and hands it to the rule; readings and states it does not look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from monitor.books.forecast import Forecast
from monitor.books.tally import basis_points
from monitor.model import DeviceId, Instant, Reading, Tags, WallMs
from monitor.notifiers.evidence import MonthEnd
from monitor.rules.base import Fleet, RuleSettings, Signal
from monitor.rules.hold import Holds, Step
from monitor.settings import Duration
from monitor.states import Changes


def _percent(value: float) -> float:
    basis_points(str(value))
    return value


class MonthForecastSettings(RuleSettings):
    """``type = "month_forecast"``: fires while cameras will end the month below ``below`` at this rate."""

    group_by: Literal["", "area", "site", "vendor", "model", "feeder"] = ""
    """One forecast for each value of this label; empty: one over all cameras."""
    below: Annotated[float, AfterValidator(_percent)]
    """Percent."""
    not_before: Duration = Field(default=3 * 86400.0)
    """So much of the month must have passed: on its first day every fault looks like the end."""


class MonthForecastRule:
    Settings: ClassVar[type[RuleSettings]] = MonthForecastSettings
    rank: ClassVar[int] = 1
    metrics: Sequence[str] = ()

    def __init__(self, settings: MonthForecastSettings) -> None:
        self.settings = settings
        self.line_bp = basis_points(str(settings.below))
        self._holds: Holds[str] = Holds(settings.for_)

    def reload(self, fleet: Fleet) -> Iterable[Signal]:
        return ()

    def restore(self, firing: Iterable[tuple[Tags, WallMs]]) -> Iterator[Signal]:
        for key, since in firing:
            group = dict(key).get(self.settings.group_by, "")
            if key == self._key(group):
                self._holds.restore(group, since)
            else:  # it was grouped otherwise
                yield self._signal(group, since, firing=False, key=key)

    def on_forecasts(self, found: Mapping[str, Forecast], passed_s: int, now: Instant) -> Iterator[Signal]:
        """The forecasts as of now, by the value of ``group_by``; so much of the month has passed."""
        early = passed_s < self.settings.not_before
        for group, forecast in found.items():
            low = not early and forecast.lacking_per_day > 0
            since = self._holds.since(group) if group in self._holds else now.wall
            step = self._holds.set(group, low, since, now)
            if step is Step.FIRED or step is Step.GOES_ON:
                yield self._signal(group, since, firing=True, forecast=forecast)
            elif step is Step.ENDED:
                yield self._signal(group, since, firing=False)
        for group in self._holds.held():
            if group not in found:
                since = self._holds.since(group)
                if self._holds.drop(group):
                    yield self._signal(group, since, firing=False)

    def on_changes(self, changes: Changes, now: Instant) -> Iterable[Signal]:
        return ()

    def on_reading(self, device: DeviceId, reading: Reading, at: WallMs, now: Instant) -> Iterable[Signal]:
        return ()

    def on_tick(self, now: Instant) -> Iterable[Signal]:
        return ()

    def _evidence(self, forecast: Forecast) -> MonthEnd:
        hours = -(-forecast.lacking_per_day // 3600)
        return MonthEnd(forecast.expected.percent(), f"{self.settings.below:g}%", hours)

    def _key(self, group: str) -> Tags:
        return ((self.settings.group_by, group),) if self.settings.group_by else ()

    def _signal(
        self,
        group: str,
        since: WallMs,
        *,
        firing: bool,
        forecast: Forecast | None = None,
        key: Tags | None = None,
    ) -> Signal:
        evidence = self._evidence(forecast) if forecast is not None else None
        return Signal(
            rule=self.settings.name,
            cause="month_forecast",
            severity=self.settings.severity,
            key=self._key(group) if key is None else key,
            firing=firing,
            since=since,
            labels=tuple(self.settings.labels.items()),
            subject=group,
            detail=_short(evidence) if evidence else "",
            evidence=evidence,
        )


def _short(found: MonthEnd) -> str:
    """``95.71% < 96%, +41 h/d``: expected, required, camera-hours a day to be won back."""
    return f"{found.expected} < {found.required}, +{found.hours_a_day} h/d"
