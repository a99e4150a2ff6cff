"""When the contract's clocks stand still: one meaning, for the live clocks and for the reports.

In a second of an incident its clocks stand still when everything that is to be repaired then is excused:
each device with an open alert is under an exclusion that counts. As long as one is not, work can go on, and
so do the clocks. Only when no alert is of one device (a rate, a suspected power cut) the groups decide: each
must be excluded as a whole, by its own name. See docs/contract.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from monitor.books.exclusion import Cause, Exclusion, Place
from monitor.books.records import Span, clip, union

FOREVER = 1 << 50
"""The end of what has not ended."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One alert of an incident."""

    span: Span
    """While it is open; up to ``FOREVER`` if it still is."""
    places: frozenset[Place]
    """An exclusion of any of these excuses it."""
    of_device: bool


class Pause(NamedTuple):
    """A longest span in which the clocks stand still, and the exclusion by which it began."""

    since: int
    until: int
    cause: Cause


def pauses(troubles: Sequence[Trouble], exclusions: Iterable[Exclusion]) -> list[Pause]:
    """Of one incident, in order; in whole seconds. What lies ahead is as far as is known now."""
    touching = [e for e in exclusions if e.counts and any(e.place in t.places for t in troubles)]
    return [Pause(*span, _cause(span, touching)) for span in union(list(_still(troubles, touching)))]


def _still(troubles: Sequence[Trouble], exclusions: Sequence[Exclusion]) -> Iterator[Span]:
    if not exclusions:
        return
    # At each edge: how many alerts of devices, of groups are open, and how many of them excused.
    edges: list[tuple[int, int, int]] = []
    for trouble in troubles:
        kind = 0 if trouble.of_device else 2
        edges += _edges(trouble.span, kind)
        for span in union([clip(e.span, trouble.span) for e in exclusions if e.place in trouble.places]):
            edges += _edges(span, kind + 1)
    edges.sort()
    counts, at = [0, 0, 0, 0], 0
    for when, which, change in edges:
        if when > at:
            open_, excused = counts[:2] if counts[0] else counts[2:]
            if open_ and excused == open_:
                yield Span(at, when)
            at = when
        counts[which] += change


def _edges(span: Span, which: int) -> tuple[tuple[int, int, int], ...]:
    return ((span.since, which, 1), (span.until, which, -1)) if span.since < span.until else ()


def _cause(span: Span, exclusions: Sequence[Exclusion]) -> Cause:
    there = [e for e in exclusions if e.span.since <= span.since < e.span.until]
    return max(there, key=lambda e: e.span.until).cause
