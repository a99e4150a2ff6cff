"""What rules over single devices share: whom they watch, what fires for each, and what is said of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, TypeAlias

from monitor.model import Device, DeviceId, Instant, Result, Tags, WallMs
from monitor.rules.absence import Absences
from monitor.rules.base import Fleet, Signal
from monitor.rules.hold import Holds, Step
from monitor.select import labels_of
from monitor.storage.tables import SCHEMA

Key: TypeAlias = tuple[DeviceId, Tags]
"""A device, and the tags of the reading: which port, which disk."""


_SEPARATOR = "\x1f"


def text_of(key: Key) -> str:
    """The key as one line of a snapshot."""
    parts = (part.replace(_SEPARATOR, " ") for tag in key[1] for part in tag)
    return _SEPARATOR.join((key[0], *parts))


def key_of(text: str) -> Key:
    device, *parts = text.split(_SEPARATOR)
    return DeviceId(device), tuple(zip(parts[::2], parts[1::2], strict=True))


_NAMES = ("ifAlias", "port", "name", "page", "ifDescr")


def part_of(tags: Tags) -> str:
    """Which part of the device a reading is of, as people call it; empty where there is only one."""
    named = dict(tags)
    return next((named[name] for name in _NAMES if named.get(name)), " ".join(value for _, value in tags))


def unit_of(metric: str) -> str:
    measurement, _, name = metric.partition(".")
    field = SCHEMA.field(measurement, name)
    return field.unit if field is not None else ""


class SeriesRule(ABC):
    """``settings`` have a ``select``."""

    rank: ClassVar[int] = 1

    def __init__(self, settings: Any, metrics: Sequence[str] = ()) -> None:
        self.settings = settings
        self.metrics = metrics
        self.absences = Absences(metrics[0] if metrics else "")
        self._devices: dict[DeviceId, Device] = {}
        self._holds: Holds[Key] = Holds(settings.for_)

    def reload(self, fleet: Fleet) -> Iterator[Signal]:
        self._devices = {d.id: d for d in fleet.devices.values() if self.settings.select.selects(d)}
        for key in self._holds.held():
            if key[0] not in self._devices:
                yield from self._end(key)

    def restore(self, firing: Iterable[tuple[Tags, WallMs]]) -> Iterator[Signal]:
        for tags, since in firing:
            key = (DeviceId(dict(tags)["device"]), tags[1:])
            if key[0] in self._devices:
                self._holds.restore(key, since)
                self.absences.begin(key)
            else:
                yield self._signal(key, since, firing=False)

    def on_tick(self, now: Instant) -> Iterator[Signal]:
        for key in self._holds.due(now):
            self.absences.begin(key)
            yield self._signal(key, self._holds.since(key), firing=True)

    def on_result(self, result: Result, now: Instant) -> Iterator[Signal]:
        """A device of which something fires has answered, its readings have been looked at: is there what no
        reading will ever end?"""
        for key in list(self.absences.gone(result, now)):
            for signal in self._end(key):
                yield replace(signal, final=True, unreported=True)

    def _set_hold(self, key: Key, holds: bool, since: WallMs, now: Instant) -> Step:
        step = self._holds.set(key, holds, since, now)
        if step is Step.FIRED:
            self.absences.begin(key)
        elif step is Step.ENDED:
            self.absences.end(key)
        return step

    @property
    def busy(self) -> bool:
        """The next tick may bring something about by itself."""
        return self._holds.waiting

    def _end(self, key: Key) -> Iterator[Signal]:
        if key in self._holds:
            since = self._holds.since(key)
            self.absences.end(key)
            if self._holds.drop(key):
                yield self._signal(key, since, firing=False)

    def _signal(self, key: Key, since: WallMs, *, firing: bool, detail: str = "") -> Signal:
        settings, (id_, tags) = self.settings, key
        device = self._devices.get(id_)
        labels = labels_of(device) if device else {"id": id_}
        return Signal(
            rule=settings.name,
            cause=self._cause,
            severity=settings.severity,
            key=(("device", id_), *tags),
            firing=firing,
            since=since,
            labels=(*labels.items(), *settings.labels.items()),
            subject=device.name if device else id_,
            place=" ".join(part for part in (device.area, device.site) if part) if device else "",
            device=id_,
            offline=(id_,) if self._cause.startswith("device_") else (),
            detail=self._words(key, detail),
        )

    @property
    @abstractmethod
    def _cause(self) -> str:
        """Of the closed list of ``notifiers.notice.Notice.cause``."""

    @abstractmethod
    def _words(self, key: Key, detail: str) -> str:
        """What the signal says beyond its fields; ``detail`` is what the rule had at hand."""
