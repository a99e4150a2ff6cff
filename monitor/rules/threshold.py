"""``threshold``: one device's state, or one of its readings, is not as it should be.

``state = "down"`` fires for each device in that state; a flapping device goes on firing until it is calm,
so that it is told once and ended once. ``metric`` with ``above`` or ``below`` compares readings, with
``clear`` as hysteresis: an alert ends only when the value is back beyond that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar, Self

from pydantic import Field, model_validator

from monitor.model import DeviceId, Instant, Reading, State, WallMs
from monitor.notifiers.evidence import Crossed
from monitor.rules.base import Fleet, RuleSettings, Signal
from monitor.rules.hold import Step
from monitor.rules.series import Key, SeriesRule, part_of, unit_of
from monitor.select import DeviceSelector
from monitor.states import Changes


class ThresholdSettings(RuleSettings):
    """``type = "threshold"``: fires for each device whose state or reading breaks the condition."""

    select: DeviceSelector = Field(default_factory=DeviceSelector)
    """Which devices."""
    state: State | None = None
    """Fires while the device is in this state: down, unreachable or unknown."""
    metric: str = ""
    """``measurement.field`` of docs/metrics.md, for example ``ping.percent_packet_loss``."""
    above: float | None = None
    """Fires while the reading is greater than this."""
    below: float | None = None
    """Fires while the reading is less than this."""
    clear: float | None = None
    """Ends only when the reading is no longer beyond this; default: the limit itself."""

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        if self.state is not None:
            if self.metric or any(v is not None for v in (self.above, self.below, self.clear)):
                raise ValueError("give either state, or metric with above or below; not both")
            return self
        if not self.metric or (self.above is None) == (self.below is None):
            raise ValueError(
                'give state = "down", or metric = "measurement.field" with exactly one of above and below'
            )
        if "." not in self.metric:
            raise ValueError(f'metric "{self.metric}" is not of the form measurement.field')
        if self.clear is not None and (
            (self.above is not None and self.clear > self.above)
            or (self.below is not None and self.clear < self.below)
        ):
            raise ValueError("clear must lie on the good side of the limit")
        return self


class ThresholdRule(SeriesRule):
    Settings: ClassVar[type[RuleSettings]] = ThresholdSettings
    settings: ThresholdSettings

    def __init__(self, settings: ThresholdSettings) -> None:
        super().__init__(settings, (settings.metric,) if settings.metric else ())
        self._review: Fleet | None = None
        """After a reload: the fleet whose states are still to be looked at."""
        self._flapping: set[DeviceId] = set()
        self._values: dict[Key, float] = {}
        """Of the series that are beyond the limit: the last reading."""
        self._calm: set[DeviceId] = set()
        """Flapping devices that have left the state: their alert waits for the end of the flapping."""

    def reload(self, fleet: Fleet) -> Iterator[Signal]:
        if self.settings.state is not None:
            self._review = fleet
        yield from super().reload(fleet)

    def on_changes(self, changes: Changes, now: Instant) -> Iterator[Signal]:
        if self.settings.state is None:
            return
        for flap in changes.flaps:
            if flap.flapping:
                self._flapping.add(flap.device)
            else:
                self._flapping.discard(flap.device)
                if flap.device in self._calm:
                    self._calm.discard(flap.device)
                    yield from self._set((flap.device, ()), False, flap.at, now)
        for transition in changes.transitions:
            device = transition.device
            if device not in self._devices or transition.before is transition.after:
                continue
            key: Key = (device, ())
            holds = transition.after is self.settings.state
            if holds:
                self._calm.discard(device)
            elif transition.after is State.UNKNOWN and self._holds.firing(key):
                continue  # no evidence that it has ended
            elif device in self._flapping and self._holds.firing(key):
                self._calm.add(device)
                continue
            reason = transition.detail or transition.reason.value
            yield from self._set(key, holds, transition.at, now, reason)

    def on_reading(self, device: DeviceId, reading: Reading, at: WallMs, now: Instant) -> Iterable[Signal]:
        value = reading.value
        if device not in self._devices or isinstance(value, str):
            return ()
        key = (device, reading.tags)
        settings = self.settings
        if key in self._holds and settings.clear is not None and self._holds.firing(key):
            limit: float | None = settings.clear
        else:
            limit = settings.above if settings.above is not None else settings.below
        if limit is None:
            return ()
        beyond = value > limit if settings.above is not None else value < limit
        if beyond:
            self._values[key] = value
        else:
            self._values.pop(key, None)
            if key not in self._holds:
                return ()
        return self._set(key, beyond, at, now, f"{value:g}")

    @property
    def busy(self) -> bool:
        """The next tick may bring something about by itself."""
        return self._review is not None or self._holds.waiting

    def on_tick(self, now: Instant) -> Iterator[Signal]:
        fleet, self._review = self._review, None
        yield from self._look_at(fleet, now) if fleet is not None else ()
        yield from super().on_tick(now)

    def _look_at(self, fleet: Fleet, now: Instant) -> Iterator[Signal]:
        for device in self._devices:
            # As they are now: results may have come since the reload.
            state, since = fleet.state(device)
            if state is self.settings.state or (state is not State.UNKNOWN and (device, ()) in self._holds):
                yield from self._set((device, ()), state is self.settings.state, since, now)

    def _set(self, key: Key, holds: bool, at: WallMs, now: Instant, detail: str = "") -> Iterator[Signal]:
        since = self._holds.since(key) if key in self._holds else at
        step = self._set_hold(key, holds, since, now)
        if step in (Step.FIRED, Step.ENDED):
            yield self._signal(key, since, firing=step is Step.FIRED, detail=detail)

    def _signal(self, key: Key, since: WallMs, *, firing: bool, detail: str = "") -> Signal:
        settings, value = self.settings, self._values.get(key)
        signal = super()._signal(key, since, firing=firing, detail=detail)
        if not firing or value is None:
            return signal
        above = settings.above is not None
        limit = settings.above if settings.above is not None else settings.below
        if limit is None:
            return signal
        metric = settings.metric
        return replace(
            signal, evidence=Crossed(metric, unit_of(metric), part_of(key[1]), value, limit, above)
        )

    def _end(self, key: Key) -> Iterator[Signal]:
        yield from super()._end(key)
        self._values.pop(key, None)

    @property
    def _cause(self) -> str:
        return f"device_{self.settings.state}" if self.settings.state else "threshold"

    def _words(self, key: Key, value: str) -> str:
        settings = self.settings
        if settings.state is not None:
            return value
        limit = f"> {settings.above:g}" if settings.above is not None else f"< {settings.below:g}"
        words = f"{settings.metric} {value} ({limit})" if value else f"{settings.metric} {limit}"
        return f"{words} {part_of(key[1])}".rstrip()
