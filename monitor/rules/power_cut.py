"""``power_cut``: most devices of one power feeder, or of one site, fell together and no parent explains it.

A vote, not a measurement: the incident says "probable", and a person decides whether it becomes an exclusion.
One dead switch with its cameras is no power cut: several devices must be ``down`` by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from pydantic import Field

from monitor.model import DeviceId, Instant, Reading, State, Tags, WallMs
from monitor.rules.base import Fleet, RuleSettings, Signal
from monitor.rules.hold import Holds, Step
from monitor.select import DeviceSelector, labels_of
from monitor.settings import Duration
from monitor.states import Changes


class PowerCutSettings(RuleSettings):
    """``type = "power_cut"``: fires when most devices that share a feeder or a site fall together."""

    select: DeviceSelector = Field(default_factory=DeviceSelector)
    """Which devices vote."""
    by: tuple[str, ...] = ("feeder", "site")
    """The labels by which devices share their power."""
    share: float = Field(default=80.0, gt=0, le=100)
    """Percent of the group's devices that must have fallen."""
    within: Duration = 120.0
    """How close together they must have fallen."""
    min_devices: int = Field(default=5, ge=2)
    """Smaller groups do not vote."""
    min_down: int = Field(default=3, ge=1)
    """So many must be ``down`` by themselves, not only behind a parent."""


class _Group:
    __slots__ = ("area", "key", "members", "offline", "online", "suspected")

    def __init__(self, key: Tags, area: str) -> None:
        self.key = key
        self.area = area
        self.members: list[DeviceId] = []
        self.online: set[DeviceId] = set()
        self.offline: dict[DeviceId, tuple[WallMs, State]] = {}
        self.suspected = False

    @property
    def size(self) -> int:
        return len(self.members)


class PowerCutRule:
    Settings: ClassVar[type[RuleSettings]] = PowerCutSettings
    rank: ClassVar[int] = 0
    metrics: Sequence[str] = ()

    def __init__(self, settings: PowerCutSettings) -> None:
        self.settings = settings
        self._groups: dict[Tags, _Group] = {}
        self._groups_of: dict[DeviceId, tuple[_Group, ...]] = {}
        self._liveness: dict[DeviceId, tuple[str, ...]] = {}
        self._holds: Holds[Tags] = Holds(settings.for_)
        self._review = False

    def reload(self, fleet: Fleet) -> Iterator[Signal]:
        self._groups, self._groups_of, self._liveness = {}, {}, {}
        for device in fleet.devices.values():
            if not self.settings.select.selects(device):
                continue
            labels = labels_of(device)
            mine = []
            for label in self.settings.by:
                if not labels.get(label):
                    continue
                key: Tags = ((label, labels[label]),)
                group = self._groups.setdefault(key, _Group(key, device.area))
                group.members.append(device.id)
                state, since = fleet.state(device.id)
                if state is State.UP:
                    group.online.add(device.id)
                elif state.offline:
                    group.offline[device.id] = (since, state)
                mine.append(group)
            if mine:
                self._groups_of[device.id] = tuple(mine)
                self._liveness[device.id] = device.liveness
        self._review = True
        for key in self._holds.held():
            if key not in self._groups:
                since = self._holds.since(key)
                if self._holds.drop(key):
                    yield self._signal(_Group(key, ""), since, firing=False)

    def restore(self, firing: Iterable[tuple[Tags, WallMs]]) -> Iterator[Signal]:
        for key, since in firing:
            if key in self._groups:
                self._holds.restore(key, since)
            else:
                yield self._signal(_Group(key, ""), since, firing=False)

    def on_changes(self, changes: Changes, now: Instant) -> Iterator[Signal]:
        touched: dict[Tags, _Group] = {}
        for t in changes.transitions:
            for group in self._groups_of.get(t.device, ()):
                if t.after is State.UP:
                    group.online.add(t.device)
                    group.offline.pop(t.device, None)
                    touched[group.key] = group
                    continue
                group.online.discard(t.device)
                if t.after.offline:
                    first = group.offline.get(t.device, (t.at, t.after))[0]
                    group.offline[t.device] = (first, t.after)
                touched[group.key] = group
        for group in touched.values():
            self._ask(group, changes)
            yield from self._evaluate(group, now)

    def _ask(self, group: _Group, changes: Changes) -> None:
        """Enough have fallen to suspect a cut: the others are probed at once, so that the vote is
        in before anybody is told of a part of it."""
        fallen = sum(1 for _, state in group.offline.values() if state is State.DOWN)
        suspected = group.size >= self.settings.min_devices and fallen >= self.settings.min_down
        if suspected and not group.suspected:
            changes.rechecks.update(
                (id_, check) for id_ in group.online for check in self._liveness.get(id_, ())
            )
        group.suspected = suspected

    def _evaluate(self, group: _Group, now: Instant) -> Iterator[Signal]:
        firing = self._holds.firing(group.key)
        holds = self._goes_on(group) if firing else self._voted(group)
        since = self._holds.since(group.key) if firing else min(
            (at for at, _ in group.offline.values()), default=now.wall
        )  # fmt: skip
        step = self._holds.set(group.key, holds, since, now)
        if step is not Step.NOTHING:
            yield self._signal(group, since, firing=step is not Step.ENDED)

    def _voted(self, group: _Group) -> bool:
        settings = self.settings
        if group.size < settings.min_devices or len(group.offline) * 100 < settings.share * group.size:
            return False
        newest = max(at for at, _ in group.offline.values())
        begin = newest - settings.within * 1000
        together = [state for at, state in group.offline.values() if at >= begin]
        return (
            len(together) * 100 >= settings.share * group.size
            and together.count(State.DOWN) >= settings.min_down
        )

    def _goes_on(self, group: _Group) -> bool:
        """Over once most of them are seen alive: those that are not measured (yet) end nothing."""
        return len(group.online) * 100 < self.settings.share * group.size

    def on_reading(self, device: DeviceId, reading: Reading, at: WallMs, now: Instant) -> Iterable[Signal]:
        return ()

    @property
    def busy(self) -> bool:
        """The next tick may bring something about by itself."""
        return self._review or self._holds.waiting

    def on_tick(self, now: Instant) -> Iterator[Signal]:
        if self._review:
            self._review = False
            for key in self._holds.held():
                yield from self._evaluate(self._groups[key], now)
        for key in self._holds.due(now):
            yield self._signal(self._groups[key], self._holds.since(key), firing=True)

    def _signal(self, group: _Group, since: WallMs, *, firing: bool) -> Signal:
        return Signal(
            rule=self.settings.name,
            cause="power_cut",
            severity=self.settings.severity,
            key=group.key,
            firing=firing,
            since=since,
            labels=(("area", group.area), *self.settings.labels.items()),
            subject=group.key[0][1],
            place=group.area,
            offline=tuple(group.offline),
            detail=f"{len(group.offline)}/{group.size}",
        )
