"""Faults: when devices were off line, whose fault it was, and which devices keep failing.

A fault is a longest run of offline seconds of one device in service. Time that was not measured does not
end it when the device is off line again afterwards. It is the device's *own* unless all of it was
``unreachable`` (what carries the device was off line). All pure; seconds since 1970.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from monitor.books.read import Records
from monitor.books.records import Span, StateRow, Stretch
from monitor.books.timeline import Class, Segments
from monitor.model import DeviceId, State

K = TypeVar("K", bound=Hashable)
_DOWN, _UNREACHABLE = State.DOWN, State.UNREACHABLE
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fault:
    stretch: Stretch
    """The device as it was when the fault began."""
    span: Span
    """Cut to the period."""
    ended: bool
    """Seen up again within the period (or taken out of service)."""
    offline: int
    """Seconds off line, without gaps that were not measured."""
    excluded: int
    """Of these, the excluded ones."""
    own: bool
    reason: str
    """Of its first state change: a ``Reason`` value."""
    parent: str | None
    """For what was unreachable: what carries it."""

    @property
    def counted(self) -> int:
        return self.offline - self.excluded


@dataclass(slots=True)
class _Run:
    stretch: Stretch
    since: int
    until: int = 0
    offline: int = 0
    excluded: int = 0


def faults_of(records: Records, segments: Segments) -> list[Fault]:
    """All faults of the period, by device and time."""
    states = {h.stretches[0].device: h.states for h in records.histories}
    found: list[Fault] = []
    for device, pieces in _by_device(segments):
        rows = states[device]
        times = [row.at for row in rows]
        found.extend(_fault(run, ended, rows, times) for run, ended in _runs(pieces))
    return found


_Piece = tuple[int, int, int, bool, Stretch]


def _by_device(segments: Segments) -> Iterator[tuple[DeviceId, Iterable[_Piece]]]:
    rows = zip(
        segments.since.tolist(),
        segments.until.tolist(),
        segments.standing.tolist(),
        segments.excluded.tolist(),
        (segments.stretches[n] for n in segments.stretch.tolist()),
        strict=True,
    )
    return groupby(rows, key=lambda piece: piece[4].device)


def _runs(pieces: Iterable[_Piece]) -> Iterator[tuple[_Run, bool]]:
    run: _Run | None = None
    at = None
    for since, until, standing, excluded, stretch in pieces:
        if run is not None and (standing == Class.ONLINE or since != at):
            yield run, True
            run = None
        at = until
        if standing == Class.OFFLINE:
            run = run or _Run(stretch, since)
            run.until = until
            run.offline += until - since
            run.excluded += (until - since) * excluded
    if run is not None:
        yield run, False


def _fault(run: _Run, ended: bool, states: Sequence[StateRow], times: Sequence[int]) -> Fault:
    begin, own = None, False
    for row in states[bisect_right(times, run.since) - 1 : bisect_right(times, run.until - 1)]:
        state = row.state
        if state is _DOWN or state is _UNREACHABLE:
            begin = begin or row
            own = own or state is _DOWN
    if begin is None:
        raise ValueError(f"{run.stretch.device} is offline at {run.since} by no state of its own")
    span = Span(run.since, run.until)
    return Fault(run.stretch, span, ended, run.offline, run.excluded, own, begin.reason, begin.parent)


@dataclass(frozen=True, slots=True)
class Repair:
    """Mean times of a group of devices, in seconds; ``None`` when there was no fault (or none ended)."""

    faults: int
    ended: int
    to_repair: int | None
    between: int | None
    """Seconds on line for each fault."""


def repair(faults: Iterable[Fault], online: int) -> Repair:
    """Over own faults; ``online`` is the group's seconds on line (excluded ones too)."""
    own = [fault for fault in faults if fault.own]
    ended = [fault for fault in own if fault.ended]
    took = sum(fault.span.until - fault.span.since for fault in ended)
    return Repair(
        len(own), len(ended), took // len(ended) if ended else None, online // len(own) if own else None
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """A device that keeps failing."""

    stretch: Stretch
    faults: tuple[Fault, ...]

    @property
    def offline(self) -> int:
        return sum(fault.offline for fault in self.faults)


def problems_of(faults: Iterable[Fault], *, at_least: int = 3, within_s: int = 30 * 86_400) -> list[Problem]:
    """Devices with ``at_least`` own faults beginning within any ``within_s`` of the period, worst first."""
    found = []
    for _, group in groupby((f for f in faults if f.own), key=lambda fault: fault.stretch.device):
        own = tuple(group)
        if len(own) >= at_least and any(
            own[n + at_least - 1].span.since - own[n].span.since <= within_s
            for n in range(len(own) - at_least + 1)
        ):
            found.append(Problem(own[-1].stretch, own))
    return sorted(found, key=lambda p: (-len(p.faults), -p.offline, p.stretch.device))


@dataclass(frozen=True, slots=True)
class PowerCut:
    """Devices of one feeder that fell together: a vote that its power was cut."""

    feeder: str
    span: Span
    """From the first fall to when half were back."""
    devices: int
    of: int


def power_cuts(
    faults: Iterable[Fault], stretches: Iterable[Stretch], *, at_least: int = 3, window_s: int = 60
) -> list[PowerCut]:
    """At least ``at_least`` devices of a feeder, and at least half of it, falling within ``window_s``."""
    members: dict[str, set[DeviceId]] = {}
    for stretch in stretches:
        if stretch.feeder:
            members.setdefault(stretch.feeder, set()).add(stretch.device)
    fallen: dict[str, list[Fault]] = {}
    for fault in faults:
        if fault.stretch.feeder:
            fallen.setdefault(fault.stretch.feeder, []).append(fault)
    found = []
    for feeder, those in fallen.items():
        for cluster in _clusters(sorted(those, key=lambda f: f.span.since), window_s):
            devices = {fault.stretch.device for fault in cluster}
            if len(devices) >= at_least and len(devices) * 2 >= len(members[feeder]):
                back = sorted(fault.span.until for fault in cluster)[len(cluster) // 2]
                span = Span(cluster[0].span.since, back)
                found.append(PowerCut(feeder, span, len(devices), len(members[feeder])))
    return sorted(found, key=lambda cut: (cut.span.since, cut.feeder))


def _clusters(faults: Sequence[Fault], window_s: int) -> Iterator[list[Fault]]:
    cluster: list[Fault] = []
    for fault in faults:
        if cluster and fault.span.since - cluster[0].span.since > window_s:
            yield cluster
            cluster = []
        cluster.append(fault)
    if cluster:
        yield cluster


def grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """The items by ``key``, in order of first appearance."""
    found: dict[K, list[T]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found
