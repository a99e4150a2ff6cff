"""``baseline``: a device's reading is not as it usually is at this hour of this sort of day.

The learner judges; the rule says whom it watches, keeps what is firing until the value is ordinary again,
and can say why: what was seen, what was usual, in words' raw material and as a picture.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar
from zoneinfo import ZoneInfo

from monitor.model import Device, DeviceId, Instant, Point, Reading, Tags, WallMs
from monitor.rules.base import Fleet, RuleSettings, Signal
from monitor.rules.baseline.band import Usual
from monitor.rules.baseline.calendar import LocalCalendar
from monitor.rules.baseline.learner import Judged, Key, Learner
from monitor.rules.baseline.picture import Mark, sparkline
from monitor.rules.baseline.settings import BaselineSettings
from monitor.rules.baseline.snapshot import Snapshot
from monitor.rules.hold import Holds, Step
from monitor.select import labels_of
from monitor.states import Changes

_CALM_SAMPLES = 3
"""An alert ends after so many ordinary samples in a row."""
_WITNESSES = 12
"""Samples among which an alert needs more than one odd one."""
PAGES_A_WEEK = 5
"""A series that has alerted so often in seven days is noisy: it is reported instead of paging."""
_WEEK_MS = 7 * 86_400_000


@dataclass(slots=True)
class _Odd:
    """What is odd now and since when."""

    value: float
    usual: Usual | None
    at: WallMs
    last: float
    calm: int = 0
    waited: int = 0
    """Samples since, while nothing but one wild sample speaks for it."""


class BaselineRule:
    Settings: ClassVar[type[RuleSettings]] = BaselineSettings
    rank: ClassVar[int] = 1

    def __init__(self, settings: BaselineSettings) -> None:
        self.settings = settings
        self.metrics: Sequence[str] = (settings.metric,)
        self.learner = Learner(
            LocalCalendar(ZoneInfo(settings.timezone), settings.holidays),
            settings.resolution,
            settings.direction.sign,
            settings.sensitivity,
        )
        self._devices: dict[DeviceId, Device] = {}
        self._holds: Holds[Key] = Holds(settings.for_)
        self._odd: dict[Key, _Odd] = {}
        self._alerts: dict[Key, deque[WallMs]] = {}
        """Of each series the last alerts, told or not."""

    # ---------------------------------------------------------------- the seam of rules

    def reload(self, fleet: Fleet) -> Iterator[Signal]:
        before = self._devices
        self._devices = {d.id: d for d in fleet.devices.values() if self.settings.select.selects(d)}
        for key in self.learner.series():
            old, new = before.get(key[0]), self._devices.get(key[0])
            if new is None and before:
                self.learner.forget(key)
                self._alerts.pop(key, None)
            elif old is not None and new is not None and (old.address, old.model) != (new.address, new.model):
                self.learner.relearn(key)  # the device was replaced
        for key in self._holds.held():
            if key[0] not in self._devices:
                yield from self._end(key)

    def restore(self, firing: Iterable[tuple[Tags, WallMs]]) -> Iterator[Signal]:
        for tags, since in firing:
            key = (DeviceId(dict(tags)["device"]), tags[1:])
            if key[0] in self._devices:
                self._holds.restore(key, since)
                self._odd[key] = _Odd(float("nan"), None, since, float("nan"))
            else:
                yield self._signal(key, since, firing=False)

    def on_changes(self, changes: Changes, now: Instant) -> Iterable[Signal]:
        return ()

    def on_reading(self, device: DeviceId, reading: Reading, at: WallMs, now: Instant) -> Iterable[Signal]:
        if device in self._devices and not isinstance(reading.value, str):
            self.learner.add((device, reading.tags), float(reading.value), at)
        return ()

    @property
    def busy(self) -> bool:
        """The next tick may bring something about by itself."""
        return self.learner.waiting or self._holds.waiting

    def on_tick(self, now: Instant) -> Iterator[Signal]:
        samples = self.learner.ready(now.wall)
        for judged in self.learner.judge(samples, frozenset(self._odd)):
            yield from self._heed(judged, now)
        for key in self._holds.due(now):
            yield self._signal(key, self._holds.since(key), firing=True)

    def _heed(self, judged: Judged, now: Instant) -> Iterator[Signal]:
        key = judged.key
        odd = self._odd.get(key)
        if odd is None:
            odd = self._odd[key] = _Odd(judged.value, judged.usual, judged.at, judged.value)
        if key not in self._holds:
            if self._confirmed(key):
                yield from self._alert(key, odd, now)
            else:
                odd.waited += 1
                if odd.waited >= _WITNESSES:
                    del self._odd[key]
            return
        usual = judged.usual
        calm = judged.odd < 1.0 and (
            usual is None
            # What is stuck is not mended by the day's pattern passing by.
            or (usual.holds(judged.value) and not abs(judged.value - odd.last) < 0.05 * usual.spread)
        )
        odd.last = judged.value
        odd.calm = odd.calm + 1 if calm else 0
        if odd.calm >= _CALM_SAMPLES:
            yield from self._end(key)

    def _alert(self, key: Key, odd: _Odd, now: Instant) -> Iterator[Signal]:
        alerts = self._alerts.setdefault(key, deque(maxlen=50))
        often = self._in_a_week(alerts, odd.at) >= PAGES_A_WEEK
        alerts.append(odd.at)
        if often:
            del self._odd[key]
        elif self._holds.set(key, True, odd.at, now) is Step.FIRED:
            yield self._signal(key, odd.at, firing=True)

    @staticmethod
    def _in_a_week(alerts: Iterable[WallMs], at: WallMs) -> int:
        return sum(at - alert < _WEEK_MS for alert in alerts)

    def _confirmed(self, key: Key) -> bool:
        """One wild sample never alerts: leave the wildest out, and the others must still be odd, or hardly
        move at all."""
        off, values = [], []
        for when, value in self.learner.recent(key)[-_WITNESSES:]:
            usual = self.learner.usual(key, when)
            if usual is not None:
                off.append(abs(value - usual.expected) / usual.spread if usual.spread > 0 else 0.0)
                values.append((value, usual.spread))
        rest = sorted(off)[:-1]
        if not rest:
            return False
        still = max(v for v, _ in values) - min(v for v, _ in values) <= 0.5 * min(s for _, s in values)
        return rest[-1] >= 3.0 or sum(rest) / len(rest) >= 1.5 or (still and len(values) == _WITNESSES)

    def _end(self, key: Key) -> Iterator[Signal]:
        if key in self._holds:
            since = self._holds.since(key)
            if self._holds.drop(key):
                yield self._signal(key, since, firing=False)
        self._odd.pop(key, None)

    def _signal(self, key: Key, since: WallMs, *, firing: bool) -> Signal:
        settings, (id_, tags) = self.settings, key
        device = self._devices.get(id_)
        labels = labels_of(device) if device else {"id": id_}
        return Signal(
            rule=settings.name,
            cause="baseline",
            severity=settings.severity,
            key=(("device", id_), *tags),
            firing=firing,
            since=since,
            labels=(*labels.items(), *settings.labels.items()),
            subject=device.name if device else id_,
            place=" ".join(part for part in (device.area, device.site) if part) if device else "",
            device=id_,
            detail=self._words(key),
        )

    def _words(self, key: Key) -> str:
        """``metric value (low … high)``: the range is what was usual at this hour."""
        odd = self._odd.get(key)
        if odd is None or odd.usual is None:
            return self.settings.metric
        return f"{self.settings.metric} {odd.value:g} ({odd.usual.low:g} … {odd.usual.high:g})"

    # ---------------------------------------------------------------- why, and for how long it knows

    def picture(self, key: Key) -> bytes | None:
        """PNG of the last samples over what was usual; ``None`` before there are any."""
        marks = []
        for when, value in self.learner.recent(key):
            usual = self.learner.usual(key, when)
            if usual is not None:
                marks.append(Mark(value, usual.low, usual.high))
        return sparkline(marks) if marks else None

    def noisy(self, at: WallMs) -> list[tuple[Key, int]]:
        """Series that alert too often to page, the noisiest first, with their alerts in the week before
        ``at``: for the weekly report."""
        counts = [(key, self._in_a_week(alerts, at)) for key, alerts in self._alerts.items()]
        return sorted((one for one in counts if one[1] >= PAGES_A_WEEK), key=lambda one: -one[1])

    def points(self, at: WallMs) -> Iterator[Point]:
        """What is usual now, for Grafana to draw behind the values."""
        for key in self.learner.series():
            usual = self.learner.usual(key, at)
            if usual is not None:
                tags = (("device", key[0]), ("metric", self.settings.metric), ("rule", self.settings.name))
                fields = (("expected", usual.expected), ("low", usual.low), ("high", usual.high))
                yield Point("baseline", (*tags, *key[1]), fields, at)

    def relearn(self, device: DeviceId) -> int:
        """A planned change at this device: start anew with its series; how many there were."""
        return sum(self.learner.relearn(key) for key in self.learner.series() if key[0] == device)

    @property
    def memory(self) -> str:
        return f"{self.settings.name} {self.settings.metric} {self.settings.resolution:g}"

    def snapshot(self) -> Snapshot:
        return self.learner.snapshot()

    def adopt(self, snapshot: Snapshot) -> bool:
        return self.learner.adopt(snapshot)
