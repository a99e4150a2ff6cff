"""The rate of any scope, both ways: time-weighted, and at each moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.books.moments import Moment, moments
from monitor.books.records import Stretch
from monitor.books.tally import Fraction, Tally, Unmeasured, tally
from monitor.books.timeline import Segments


@dataclass(frozen=True, slots=True)
class Rates:
    """Of one scope over one span. Docs: contract.md, 8 to 13."""

    name: str
    devices: int
    tally: Tally
    rate: Fraction
    gross: Fraction
    """As if there were no exclusions."""
    sampled: Fraction
    worst: Moment | None
    best: Moment | None
    below: int
    """Seconds below the line."""
    breaches: int


def rates(
    segments: Segments,
    key: Callable[[Stretch], str],
    line_bp: int,
    samples: Sequence[int],
    policy: Unmeasured = Unmeasured.LEFT_OUT,
) -> list[Rates]:
    """By ``key``, in the order of first appearance."""
    names: dict[str, int] = {}
    group = np.fromiter(
        (names.setdefault(key(stretch), len(names)) for stretch in segments.stretches),
        np.int64,
        len(segments.stretches),
    )[segments.stretch]
    return [
        _of(name, segments.where(group == n), line_bp, samples, policy)
        for name, n in names.items()
        if (group == n).any()
    ]


def _of(name: str, segments: Segments, line_bp: int, samples: Sequence[int], policy: Unmeasured) -> Rates:
    found, at_moments = tally(segments), moments(segments, policy)
    below = at_moments.below(line_bp)
    return Rates(
        name,
        len({segments.stretches[n].device for n in np.unique(segments.stretch)}),
        found,
        found.rate(policy),
        found.gross(policy),
        at_moments.sampled(samples),
        at_moments.worst(),
        at_moments.best(),
        sum(span.until - span.since for span in below),
        len(below),
    )
