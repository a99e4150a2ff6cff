"""From what is remembered to a score, 0 to 100, and its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.model import DeviceId, Tags, WallMs
from monitor.signs.kinds import SIGNS, WEIGHINGS, Measure, Sign, Weighing
from monitor.signs.means import (
    AT,
    BEFORE,
    DAY_S,
    EPOCH_S,
    KNOWN,
    MONTH_S,
    PLACES,
    RECENT,
    WEEK_S,
    Remembered,
)

MATURE_S = 7 * DAY_S
"""Means speak of a change only after a week."""
STALE_S = 2 * DAY_S
"""A value that has not come for so long says nothing of now."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Finding:
    """One sign at one device."""

    sign: Sign
    recent: float
    """The last days' mean; for events those of the last week."""
    before: float
    """The same of the weeks before."""
    share: float
    """Of a certain failure, 0 to 1."""
    tags: Tags = ()
    """Of which part: a port, a disk."""


@dataclass(frozen=True, slots=True)
class Scored:
    device: DeviceId
    score: int
    findings: tuple[Finding, ...]
    """The gravest first."""


def scored(remembered: Remembered, at: WallMs) -> list[Scored]:
    """Devices with any sign at all, the likeliest to fail first."""
    keys, table = remembered.keys, remembered.table.astype(np.float64)
    if not keys:
        return []
    now = at / 1000.0 - EPOCH_S
    by_device: dict[DeviceId, list[Finding]] = {}
    for sign in SIGNS:
        cells = table[:, PLACES[sign] : PLACES[sign] + 4]
        recent, before = _sides(sign, cells, now)
        shares = _shares(WEIGHINGS[sign], recent, before)
        shares[~_speaks(sign, cells, now)] = 0.0
        for n in np.nonzero(shares > 0.0)[0].tolist():
            device, tags = keys[n]
            found = Finding(sign, float(recent[n]), float(before[n]), float(shares[n]), tags)
            by_device.setdefault(device, []).append(found)
    out = [Scored(device, score_of(f), tuple(sorted(f, key=_share, reverse=True)))
           for device, f in by_device.items()]  # fmt: skip
    return sorted(out, key=lambda one: (-one.score, one.device))


def score_of(findings: Sequence[Finding]) -> int:
    """Signs add up like independent chances; of several parts with the same sign the worst counts."""
    worst: dict[Sign, float] = {}
    for one in findings:
        worst[one.sign] = max(worst.get(one.sign, 0.0), one.share)
    spared = 1.0
    for share in worst.values():
        spared *= 1.0 - share
    return round(100.0 * (1.0 - spared))


def _share(finding: Finding) -> float:
    return finding.share


def _sides(sign: Sign, cells: Floats, now: float) -> tuple[Floats, Floats]:
    recent, before = cells[:, RECENT], cells[:, BEFORE]
    if WEIGHINGS[sign].measure is not Measure.COUNT:
        return recent, before
    passed = np.maximum(now - cells[:, AT], 0.0)
    # A month's count fades over four weeks: a quarter of it is a week's.
    return recent * np.exp(-passed / WEEK_S), before * np.exp(-passed / MONTH_S) / 4.0


def _speaks(sign: Sign, cells: Floats, now: float) -> NDArray[np.bool_]:
    spoken: NDArray[np.bool_] = cells[:, KNOWN] > 0.0
    if WEIGHINGS[sign].measure is Measure.COUNT:
        return spoken
    return (cells[:, KNOWN] >= MATURE_S) & (now - cells[:, AT] <= STALE_S)


def _shares(by: Weighing, recent: Floats, before: Floats) -> Floats:
    base = np.where(before > 0.0, before, np.inf)
    if by.measure is Measure.COUNT:
        size = recent
    elif by.measure is Measure.RISE:
        size = recent - before
    elif by.measure is Measure.SHARE:
        size = recent / base - 1.0
    else:
        size = 1.0 - np.where(before > 0.0, recent / base, 1.0)
    part = np.clip((size - by.begins) / (by.full - by.begins), 0.0, 1.0)
    shares: Floats = by.weight * np.where(np.abs(recent - before) > by.least, part, 0.0)
    if by.measure is Measure.COUNT:
        shares = by.weight * part
    return shares
