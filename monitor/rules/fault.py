"""``fault``: a device's own protocols show that something is wrong with it, though the network answers.

What is wrong is the ladder's to find (``monitor.ladder``); this rule says which faults are told, of which
devices, how gravely. An alert ends when the fault was *seen* to be over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from pydantic import Field

from monitor.ladder import DeviceFault, FaultChange
from monitor.model import Device, DeviceId, Instant, Reading, Tags, WallMs
from monitor.rules.base import Fleet, RuleSettings, Signal
from monitor.rules.hold import Holds, Step
from monitor.select import DeviceSelector, labels_of
from monitor.states import Changes


class FaultSettings(RuleSettings):
    """``type = "fault"``: fires for each device that shows the fault while its network answers."""

    select: DeviceSelector = Field(default_factory=DeviceSelector)
    """Which devices."""
    fault: DeviceFault
    """no_service, no_video, busy, wrong_password, wrong_clock (5 s or more), replaced, unauthorised or
    rebooted."""


class FaultRule:
    Settings: ClassVar[type[RuleSettings]] = FaultSettings
    rank: ClassVar[int] = 1
    metrics: Sequence[str] = ()

    def __init__(self, settings: FaultSettings) -> None:
        self.settings = settings
        self._devices: dict[DeviceId, Device] = {}
        self._holds: Holds[DeviceId] = Holds(settings.for_)
        self._details: dict[DeviceId, str] = {}

    def reload(self, fleet: Fleet) -> Iterator[Signal]:
        self._devices = {d.id: d for d in fleet.devices.values() if self.settings.select.selects(d)}
        for id_ in self._holds.held():
            if id_ not in self._devices:
                since = self._holds.since(id_)
                if self._holds.drop(id_):
                    yield self._signal(id_, since, firing=False)

    def restore(self, firing: Iterable[tuple[Tags, WallMs]]) -> Iterator[Signal]:
        for tags, since in firing:
            id_ = DeviceId(dict(tags)["device"])
            if id_ in self._devices:
                self._holds.restore(id_, since)
            else:
                yield self._signal(id_, since, firing=False)

    def on_changes(self, changes: Changes, now: Instant) -> Iterable[Signal]:
        return ()

    def on_reading(self, device: DeviceId, reading: Reading, at: WallMs, now: Instant) -> Iterable[Signal]:
        return ()

    def on_fault(self, change: FaultChange, now: Instant) -> Iterator[Signal]:
        id_ = change.device
        if change.fault is not self.settings.fault or id_ not in self._devices:
            return
        since = self._holds.since(id_) if id_ in self._holds else change.since
        self._details[id_] = change.detail
        step = self._holds.set(id_, change.holds, since, now)
        if step in (Step.FIRED, Step.ENDED):
            yield self._signal(id_, since, firing=step is Step.FIRED)
        if not change.holds:
            self._details.pop(id_, None)

    @property
    def busy(self) -> bool:
        """The next tick may bring something about by itself."""
        return self._holds.waiting

    def on_tick(self, now: Instant) -> Iterator[Signal]:
        for id_ in self._holds.due(now):
            yield self._signal(id_, self._holds.since(id_), firing=True)

    def _signal(self, id_: DeviceId, since: WallMs, *, firing: bool) -> Signal:
        settings, device = self.settings, self._devices.get(id_)
        labels = labels_of(device) if device else {"id": id_}
        return Signal(
            rule=settings.name,
            cause=settings.fault.value,
            severity=settings.severity,
            key=(("device", id_),),
            firing=firing,
            since=since,
            labels=(*labels.items(), *settings.labels.items()),
            subject=device.name if device else id_,
            place=" ".join(part for part in (device.area, device.site) if part) if device else "",
            device=id_,
            detail=self._details.get(id_, "") if firing else "",
        )
