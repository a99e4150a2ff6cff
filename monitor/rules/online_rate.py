"""``online_rate``: online ÷ counted of a group falls below what the contract asks.

Exact and incremental: a state change touches only the counters of the groups its device belongs to, and
the comparison is ``online * 10000 < threshold_bp * counted`` on integers.

Devices under an exclusion that counts are left out, as they are in the contract's statement: else a cut that
the customer has been told of would wake people for nothing.

Devices that are still to be measured (start-up, after blindness) cannot make a breach, and cannot end one:
it fires only if the rate would be too low even were they all on line, and ends only once it would be good
enough even were they all off line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from monitor.model import Device, DeviceId, Instant, Reading, Standing, State, Tags, WallMs
from monitor.problems import did_you_mean
from monitor.rules.base import Fleet, Rate, RuleSettings, Signal
from monitor.rules.hold import Holds, Step
from monitor.select import DeviceSelector, labels_of
from monitor.states import Changes

_GROUPABLE = ("area", "site", "kind", "vendor", "model", "feeder")


def _percent(value: float) -> float:
    if not 0 < value <= 100 or Decimal(str(value)) * 100 % 1:
        raise ValueError("a percentage above 0, at most 100, with at most two decimals, like 96 or 99.5")
    return value


def _group_labels(value: tuple[str, ...]) -> tuple[str, ...]:
    for label in value:
        if label not in _GROUPABLE and not label.startswith("tag."):
            hint = f"{did_you_mean(label, _GROUPABLE)} by {', '.join(_GROUPABLE)} or tag.NAME"
            raise ValueError(f'cannot group by "{label}"; {hint.lstrip()}')
    return value


class OnlineRateSettings(RuleSettings):
    """``type = "online_rate"``: fires while the online rate of a group is strictly below ``below``."""

    select: DeviceSelector = Field(default_factory=DeviceSelector)
    """Which devices are counted, as long as no exclusion leaves them out."""
    group_by: Annotated[tuple[str, ...], AfterValidator(_group_labels)] = ()
    """One rate for each value of these labels (``["area"]``, ``["site"]``, ``["tag.street"]``); empty: one
    rate over all."""
    below: Annotated[float, AfterValidator(_percent)]
    """Percent."""
    min_size: int = Field(default=1, ge=1)
    """Groups with fewer counted devices are left alone."""


class _Group:
    __slots__ = ("excused", "key", "offline", "online", "pending", "spared")

    def __init__(self, key: Tags) -> None:
        self.key = key
        self.online = 0
        self.pending = 0
        self.offline: dict[DeviceId, None] = {}
        self.excused: dict[DeviceId, None] = {}
        """Off line under an exclusion; ``spared`` counts those that are on line under one."""
        self.spared = 0

    def add(self, device: DeviceId, standing: Standing, state: State, sign: int) -> None:
        if standing is Standing.ONLINE:
            self.online += sign
        elif standing is Standing.PENDING:
            self.pending += sign
        elif standing is Standing.OFFLINE:
            _mark(self.offline, device, sign)
        elif standing is Standing.EXCLUDED and state is State.UP:
            self.spared += sign
        elif standing is Standing.EXCLUDED and state.offline:
            _mark(self.excused, device, sign)


def _mark(marked: dict[DeviceId, None], device: DeviceId, sign: int) -> None:
    if sign > 0:
        marked[device] = None
    else:
        marked.pop(device, None)


class OnlineRateRule:
    Settings: ClassVar[type[RuleSettings]] = OnlineRateSettings
    rank: ClassVar[int] = 2
    metrics: Sequence[str] = ()

    def __init__(self, settings: OnlineRateSettings) -> None:
        self.settings = settings
        self._threshold_bp = int(Decimal(str(settings.below)) * 100)
        self._groups: dict[Tags, _Group] = {}
        self._group_of: dict[DeviceId, _Group] = {}
        self._holds: Holds[Tags] = Holds(settings.for_)
        self._review = False

    def reload(self, fleet: Fleet) -> Iterator[Signal]:
        self._groups, self._group_of = {}, {}
        for device in fleet.devices.values():
            if not self.settings.select.selects(device):
                continue
            key = self._key(device)
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = _Group(key)
            self._group_of[device.id] = group
            group.add(device.id, fleet.standing(device.id), fleet.state(device.id)[0], +1)
        self._review = True
        for key in self._holds.held():
            if key not in self._groups:
                since = self._holds.since(key)
                if self._holds.drop(key):
                    yield self._signal(_Group(key), since, firing=False)

    def restore(self, firing: Iterable[tuple[Tags, WallMs]]) -> Iterator[Signal]:
        for key, since in firing:
            if key in self._groups:
                self._holds.restore(key, since)
            else:
                yield self._signal(_Group(key), since, firing=False)

    def on_changes(self, changes: Changes, now: Instant) -> Iterator[Signal]:
        touched: dict[Tags, WallMs] = {}
        for transition in changes.transitions:
            group = self._group_of.get(transition.device)
            if group is not None:
                group.add(transition.device, transition.standing_before, transition.before, -1)
                group.add(transition.device, transition.standing, transition.after, +1)
                touched[group.key] = max(touched.get(group.key, transition.at), transition.at)
        for key, at in touched.items():
            yield from self._evaluate(self._groups[key], at, now)

    def _evaluate(self, group: _Group, at: WallMs, now: Instant) -> Iterator[Signal]:
        known = group.key in self._holds
        since = self._holds.since(group.key) if known else at
        breached = self._breached(group, self._holds.firing(group.key))
        step = self._holds.set(group.key, breached, since, now)
        if step is not Step.NOTHING:
            yield self._signal(group, since, firing=step is not Step.ENDED)

    def _breached(self, group: _Group, already: bool) -> bool:
        counted = group.online + len(group.offline) + group.pending
        if counted < self.settings.min_size:
            return False
        online = group.online if already else group.online + group.pending
        return online * 10000 < self._threshold_bp * counted

    def on_reading(self, device: DeviceId, reading: Reading, at: WallMs, now: Instant) -> Iterable[Signal]:
        return ()

    @property
    def busy(self) -> bool:
        """The next tick may bring something about by itself."""
        return self._review or self._holds.waiting

    def on_tick(self, now: Instant) -> Iterator[Signal]:
        if self._review:
            self._review = False
            for group in self._groups.values():
                yield from self._evaluate(group, now.wall, now)
        for key in self._holds.due(now):
            yield self._signal(self._groups[key], self._holds.since(key), firing=True)

    def rate(self, key: Tags) -> Rate | None:
        """The rate of a group as it stands; ``None`` when there is no such group any more."""
        group = self._groups.get(key)
        return self._rate(group) if group is not None else None

    def _rate(self, group: _Group) -> Rate:
        counted = group.online + len(group.offline)
        return Rate(group.online, counted, group.pending, self.settings.below)

    def _key(self, device: Device) -> Tags:
        if not self.settings.group_by:
            return ()
        labels = labels_of(device)
        return tuple((label, labels.get(label, "")) for label in self.settings.group_by)

    def _signal(self, group: _Group, since: WallMs, *, firing: bool) -> Signal:
        return Signal(
            rule=self.settings.name,
            cause="online_rate",
            severity=self.settings.severity,
            key=group.key,
            firing=firing,
            since=since,
            labels=tuple(self.settings.labels.items()),
            subject=" / ".join(value for _, value in group.key),
            rate=self._rate(group),
            offline=tuple(group.offline),
            excused=() if firing else self._excused(group),
        )

    def _excused(self, group: _Group) -> tuple[DeviceId, ...]:
        """The devices but for whose exclusion the rate would be too low."""
        online = group.online + group.spared
        counted = online + len(group.offline) + len(group.excused)
        return () if online * 10000 >= self._threshold_bp * counted else tuple(group.excused)


def holds_without(rate: Rate, offline: Iterable[DeviceId], explained: Set[DeviceId]) -> bool:
    """Whether the rate would be good enough if the explained devices were left out of it."""
    own = sum(1 for device in offline if device not in explained)
    return _enough(rate.online, rate.online + own, rate.threshold_percent)


def is_breached(rate: Rate) -> bool:
    return not _enough(rate.online, rate.counted, rate.threshold_percent)


def _enough(online: int, counted: int, threshold_percent: float) -> bool:
    return online * 10000 >= int(Decimal(str(threshold_percent)) * 100) * counted
