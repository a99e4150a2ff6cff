"""``baseline``: a device's reading is not as it usually is at this hour of this sort of day.

The learner judges; the rule says whom it watches, keeps what is firing until the value is ordinary again,
and can say why: what was seen, what was usual, in words' raw material and as a picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar
from zoneinfo import ZoneInfo

from monitor.model import DeviceId, Instant, Point, Reading, Tags, WallMs
from monitor.notifiers.attachment import Attachment
from monitor.notifiers.evidence import Odd
from monitor.rules.base import Fleet, RuleSettings, Signal
from monitor.rules.baseline.alerts import SeriesAlert, SeriesAlerts
from monitor.rules.baseline.calendar import LocalCalendar
from monitor.rules.baseline.learner import Judged, Learner
from monitor.rules.baseline.picture import Mark, sparkline
from monitor.rules.baseline.settings import BaselineSettings
from monitor.rules.baseline.snapshot import Snapshot
from monitor.rules.baseline.why import WITNESSES, Witness, confirmed, oddity, since
from monitor.rules.hold import Step
from monitor.rules.series import Key, SeriesRule, part_of, unit_of
from monitor.states import Changes

_CALM_SAMPLES = 3
"""An alert ends after so many ordinary samples in a row."""
_REPLACED = "onvif.replaced"


@dataclass(slots=True)
class _Doubt:
    """A series that is odd, until it has been calm for a while."""

    last: float
    evidence: Odd | None = None
    """Once it is an alert."""
    calm: int = 0
    waited: int = 0
    """Samples since, while nothing but one wild sample speaks for it."""


class BaselineRule(SeriesRule):
    Settings: ClassVar[type[RuleSettings]] = BaselineSettings
    settings: BaselineSettings

    def __init__(self, settings: BaselineSettings) -> None:
        super().__init__(settings, (settings.metric, _REPLACED))
        self.learner = Learner(
            LocalCalendar(ZoneInfo(settings.timezone), settings.holidays),
            settings.resolution,
            settings.direction.sign,
            settings.sensitivity,
        )
        self.alerts = SeriesAlerts()
        self._odd: dict[Key, _Doubt] = {}
        self._original: set[DeviceId] = set()
        """Devices that were last seen to be the ones that they always were."""

    # ---------------------------------------------------------------- the seam of rules

    def reload(self, fleet: Fleet) -> Iterator[Signal]:
        before = self._devices
        yield from super().reload(fleet)
        for key in self.learner.series():
            old, new = before.get(key[0]), self._devices.get(key[0])
            if new is None and before:
                self.learner.forget(key)
                self.alerts.forget(key)
            elif old is not None and new is not None and (old.address, old.model) != (new.address, new.model):
                self.learner.relearn(key)  # the device was replaced

    def restore(self, firing: Iterable[tuple[Tags, WallMs]]) -> Iterator[Signal]:
        yield from super().restore(firing)
        for key in self._holds.held():
            self._odd[key] = _Doubt(float("nan"))

    def on_changes(self, changes: Changes, now: Instant) -> Iterable[Signal]:
        return ()

    def on_reading(self, device: DeviceId, reading: Reading, at: WallMs, now: Instant) -> Iterable[Signal]:
        if device not in self._devices or isinstance(reading.value, str):
            return ()
        if reading.metric == _REPLACED:
            self._heed_replacement(device, bool(reading.value))
        else:
            self.learner.add((device, reading.tags), float(reading.value), at)
        return ()

    def _heed_replacement(self, device: DeviceId, replaced: bool) -> None:
        """Another device hangs there: known by its serial number, said at every poll from then on."""
        if not replaced:
            self._original.add(device)
        elif device in self._original:
            self._original.discard(device)
            self.relearn(device)

    @property
    def busy(self) -> bool:
        return self.learner.waiting or super().busy

    def on_tick(self, now: Instant) -> Iterator[Signal]:
        samples = self.learner.ready(now.wall)
        for judged in self.learner.judge(samples, frozenset(self._odd)):
            yield from self._heed(judged, now)
        yield from super().on_tick(now)

    def _heed(self, judged: Judged, now: Instant) -> Iterator[Signal]:
        key = judged.key
        doubt = self._odd.get(key)
        if doubt is None:
            doubt = self._odd[key] = _Doubt(judged.value)
        if key not in self._holds:
            witnesses = self._witnesses(key)
            if confirmed(witnesses):
                yield from self._alert(key, doubt, witnesses, now)
            else:
                doubt.waited += 1
                if doubt.waited >= WITNESSES:
                    del self._odd[key]
            return
        usual = judged.usual
        calm = judged.odd < 1.0 and (
            usual is None
            # What is stuck is not mended by the day's pattern passing by.
            or (usual.holds(judged.value) and not abs(judged.value - doubt.last) < 0.05 * usual.spread)
        )
        doubt.last = judged.value
        doubt.calm = doubt.calm + 1 if calm else 0
        if doubt.calm >= _CALM_SAMPLES:
            yield from self._end(key)

    def _witnesses(self, key: Key) -> list[Witness]:
        return [
            Witness(when, value, usual)
            for when, value in self.learner.recent(key)[-WITNESSES:]
            if (usual := self.learner.usual(key, when)) is not None
        ]

    def _alert(self, key: Key, doubt: _Doubt, witnesses: Sequence[Witness], now: Instant) -> Iterator[Signal]:
        last = witnesses[-1]
        value, low, high = last.value, last.usual.low, last.usual.high
        if not self.alerts.add(key, last.at, value, low, high):
            del self._odd[key]  # too noisy to page
            return
        metric, way = self.settings.metric, oddity(witnesses)
        doubt.evidence = Odd(metric, unit_of(metric), part_of(key[1]), value, low, high, way, last.usual.days)
        began = since(witnesses)
        if self._set_hold(key, True, began, now) is Step.FIRED:
            yield self._signal(key, began, firing=True)

    def _end(self, key: Key) -> Iterator[Signal]:
        yield from super()._end(key)
        self._odd.pop(key, None)

    def _signal(self, key: Key, since: WallMs, *, firing: bool, detail: str = "") -> Signal:
        signal = super()._signal(key, since, firing=firing, detail=detail)
        doubt = self._odd.get(key)
        if not firing or doubt is None or doubt.evidence is None:
            return signal
        picture = self.picture(key)
        name = f"{self.settings.metric}-{key[0]}.png"
        files = (Attachment.of_bytes(name, picture, "image/png"),) if picture is not None else ()
        return replace(signal, evidence=doubt.evidence, attachments=files)

    @property
    def _cause(self) -> str:
        return "baseline"

    def _words(self, key: Key, detail: str) -> str:
        """``metric value (low … high)``: the range is what was usual at this hour."""
        doubt = self._odd.get(key)
        if doubt is None or doubt.evidence is None:
            return self.settings.metric
        odd = doubt.evidence
        return f"{self.settings.metric} {odd.value:g} ({odd.low:g} … {odd.high:g})"

    # ---------------------------------------------------------------- why, and for how long it knows

    def picture(self, key: Key) -> bytes | None:
        """PNG of the last samples over what was usual; ``None`` before there are any."""
        marks = []
        for when, value in self.learner.recent(key):
            usual = self.learner.usual(key, when)
            if usual is not None:
                marks.append(Mark(value, usual.low, usual.high))
        return sparkline(marks) if marks else None

    def take_alerts(self) -> list[SeriesAlert]:
        """Those that the ledger does not have yet."""
        return self.alerts.take()

    def points(self, at: WallMs) -> Iterator[Point]:
        """What is usual now, for Grafana to draw behind the values."""
        for key in self.learner.series():
            usual = self.learner.usual(key, at)
            if usual is not None:
                tags = (("device", key[0]), ("metric", self.settings.metric), ("rule", self.settings.name))
                part = part_of(key[1])
                fields = (("expected", usual.expected), ("low", usual.low), ("high", usual.high))
                yield Point("baseline", (*tags, ("part", part)) if part else tags, fields, at)

    def relearn(self, device: DeviceId) -> int:
        """A planned change at this device: start anew with its series; how many there were."""
        return sum(self.learner.relearn(key) for key in self.learner.series() if key[0] == device)

    @property
    def memory(self) -> str:
        return f"{self.settings.name} {self.settings.metric} {self.settings.resolution:g}"

    def snapshot(self) -> Snapshot:
        return replace(self.learner.snapshot(), notes=self.alerts.to_json())

    def adopt(self, snapshot: Snapshot) -> bool:
        if not self.learner.adopt(snapshot):
            return False
        self.alerts.adopt(snapshot.notes)
        return True
