"""Segments: every second that a device was in service, classed once.

A segment is a span of one device within one stretch of service, with one standing, excluded or not. The
segments of a period are disjoint and complete: their lengths add up to the seconds in service. They are kept
as columns, since a month of 20,000 cameras has some hundred thousand of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from monitor.books.exclusion import Exclusions
from monitor.books.read import Records
from monitor.books.records import History, Span, Stretch
from monitor.model import State

Seconds = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Class(IntEnum):
    """How a second of a device in service counts."""

    ONLINE = 0
    OFFLINE = 1
    UNMEASURED = 2
    """We did not look: the daemon was not running, or blind, or had not measured the device yet."""


_CLASS = {
    State.UP: Class.ONLINE,
    State.DOWN: Class.OFFLINE,
    State.UNREACHABLE: Class.OFFLINE,
    State.UNKNOWN: Class.UNMEASURED,
}


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Columns of equal length; ``stretch`` indexes ``stretches``."""

    bounds: Span
    stretches: tuple[Stretch, ...]
    since: Seconds
    until: Seconds
    stretch: NDArray[np.int32]
    standing: NDArray[np.int8]
    """``Class`` values."""
    excluded: Mask

    @property
    def seconds(self) -> Seconds:
        return self.until - self.since

    def where(self, mask: Mask) -> Segments:
        return Segments(
            self.bounds,
            self.stretches,
            self.since[mask],
            self.until[mask],
            self.stretch[mask],
            self.standing[mask],
            self.excluded[mask],
        )

    def within(self, span: Span) -> Segments:
        """The parts that lie in ``span``."""
        since, until = np.maximum(self.since, span.since), np.minimum(self.until, span.until)
        mask = since < until
        return Segments(
            span,
            self.stretches,
            since[mask],
            until[mask],
            self.stretch[mask],
            self.standing[mask],
            self.excluded[mask],
        )


def segments_of(records: Records) -> Segments:
    """Class every device-second of the period."""
    bounds = Span(records.period.since, records.period.until)
    exclusions = Exclusions(records.exclusions)
    watched = _switches(records.watched)
    stretches: list[Stretch] = []
    columns: tuple[list[int], list[int], list[int], list[int], list[int]] = ([], [], [], [], [])
    since_, until_, stretch_, standing_, excluded_ = columns
    for history in records.histories:
        for since, until, index, standing, excluded in _pieces(history, exclusions, watched, bounds):
            since_.append(since)
            until_.append(until)
            stretch_.append(len(stretches) + index)
            standing_.append(standing)
            excluded_.append(excluded)
        stretches.extend(history.stretches)
    return Segments(
        bounds,
        tuple(stretches),
        np.array(since_, np.int64),
        np.array(until_, np.int64),
        np.array(stretch_, np.int32),
        np.array(standing_, np.int8),
        np.array(excluded_, np.bool_),
    )


_NOWHERE = -1
_STRETCH, _STATE, _WATCHED, _EXCLUDED = range(4)
_Switch = tuple[int, int, int]
"""At this second, this of the four aspects takes this value (a truth as 0 or 1)."""


def _pieces(
    history: History, exclusions: Exclusions, watched: Sequence[_Switch], bounds: Span
) -> Iterable[tuple[int, int, int, int, int]]:
    """Walk through the switches of one device, in the order of time."""
    switches: list[_Switch] = [(row.at, _STATE, _CLASS[row.state]) for row in history.states]
    switches += watched
    for index, stretch in enumerate(history.stretches):
        switches.append((stretch.span.since, _STRETCH, index))
        switches.append((stretch.span.until, _STRETCH, _NOWHERE))
        for span in exclusions.of(stretch):
            switches.append((span.since, _EXCLUDED, True))
            switches.append((span.until, _EXCLUDED, False))
    # Stable: of several switches of one aspect in one second the last written holds, and a stretch or
    # exclusion that begins where another ends is switched on after that was switched off.
    switches.sort(key=_when)
    now: list[int] = [_NOWHERE, Class.UNMEASURED, False, False]
    at = bounds.since
    for when, aspect, value in switches:
        if when > at:
            if now[_STRETCH] != _NOWHERE:
                yield at, when, now[_STRETCH], _standing(now), now[_EXCLUDED]
            at = when
        now[aspect] = value
    if at < bounds.until and now[_STRETCH] != _NOWHERE:
        yield at, bounds.until, now[_STRETCH], _standing(now), now[_EXCLUDED]


def _when(switch: _Switch) -> int:
    return switch[0]


def _standing(now: list[int]) -> int:
    return now[_STATE] if now[_WATCHED] else Class.UNMEASURED


def _switches(spans: Iterable[Span]) -> list[_Switch]:
    return [s for span in spans for s in ((span.since, _WATCHED, True), (span.until, _WATCHED, False))]
