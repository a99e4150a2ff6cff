"""Time-weighted rates: online seconds ÷ counted seconds, on whole numbers."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, TypeVar

import numpy as np

from monitor.books.records import Stretch
from monitor.books.timeline import Mask, Segments

K = TypeVar("K", bound=Hashable)


class Unmeasured(StrEnum):
    """What becomes of time that was not measured."""

    LEFT_OUT = "left_out"
    """Counts neither way, and is printed as coverage: the default."""
    ONLINE = "online"
    OFFLINE = "offline"


class Fraction(NamedTuple):
    """``online`` of ``counted``: seconds, or devices at one moment. Never reduced, never a float."""

    online: int
    counted: int

    def below(self, line_bp: int) -> bool:
        """Strictly below a line in hundredths of a percent. With nothing counted there is no rate, and
        nothing is below."""
        return self.online * 10_000 < line_bp * self.counted

    def percent(self, places: int = 2) -> str:
        """Cut off, not rounded: 95.999 % never reads 96. Empty when nothing is counted."""
        if not self.counted:
            return ""
        scaled = self.online * 100 * 10**places // self.counted
        return f"{scaled // 10**places}.{scaled % 10**places:0{places}d}%"


@dataclass(frozen=True, slots=True)
class Tally:
    """Seconds in service, by class, each apart by whether they are excluded."""

    online: int = 0
    offline: int = 0
    unmeasured: int = 0
    excluded_online: int = 0
    excluded_offline: int = 0
    excluded_unmeasured: int = 0

    @property
    def service(self) -> int:
        """All seconds in service."""
        return self.online + self.offline + self.unmeasured + self.excluded

    @property
    def excluded(self) -> int:
        return self.excluded_online + self.excluded_offline + self.excluded_unmeasured

    @property
    def all_unmeasured(self) -> int:
        return self.unmeasured + self.excluded_unmeasured

    @property
    def coverage(self) -> Fraction:
        """Measured ÷ in service."""
        return Fraction(self.service - self.all_unmeasured, self.service)

    def rate(self, policy: Unmeasured = Unmeasured.LEFT_OUT) -> Fraction:
        """The contract's rate: excluded seconds are left out."""
        return _rate(self.online, self.offline, self.unmeasured, policy)

    def gross(self, policy: Unmeasured = Unmeasured.LEFT_OUT) -> Fraction:
        """The rate as if there were no exclusions."""
        return _rate(
            self.online + self.excluded_online,
            self.offline + self.excluded_offline,
            self.all_unmeasured,
            policy,
        )

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.online + other.online,
            self.offline + other.offline,
            self.unmeasured + other.unmeasured,
            self.excluded_online + other.excluded_online,
            self.excluded_offline + other.excluded_offline,
            self.excluded_unmeasured + other.excluded_unmeasured,
        )


def _rate(online: int, offline: int, unmeasured: int, policy: Unmeasured) -> Fraction:
    match policy:
        case Unmeasured.LEFT_OUT:
            return Fraction(online, online + offline)
        case Unmeasured.ONLINE:
            return Fraction(online + unmeasured, online + offline + unmeasured)
        case Unmeasured.OFFLINE:
            return Fraction(online, online + offline + unmeasured)


def basis_points(percent: str) -> int:
    """Hundredths of a percent of ``"96"`` or ``"99.5"``; exact."""
    try:
        scaled = Decimal(percent) * 100
    except ArithmeticError:
        raise ValueError(f'not a percentage: "{percent}"') from None
    if not 0 < scaled <= 10_000 or scaled % 1:
        raise ValueError(f"a percentage above 0, at most 100, with at most two decimals, not {percent}")
    return int(scaled)


def mask_of(segments: Segments, wanted: Callable[[Stretch], bool]) -> Mask:
    """The segments of the stretches that are wanted."""
    chosen = np.fromiter((wanted(s) for s in segments.stretches), np.bool_, len(segments.stretches))
    mask: Mask = chosen[segments.stretch]
    return mask


def tally(segments: Segments) -> Tally:
    return tallies(segments, lambda stretch: 0).get(0, Tally())


def tallies(segments: Segments, key: Callable[[Stretch], K]) -> dict[K, Tally]:
    """One tally for each value of ``key``, in the order of first appearance."""
    keys: dict[K, int] = {}
    group = np.fromiter(
        (keys.setdefault(key(stretch), len(keys)) for stretch in segments.stretches),
        np.int64,
        len(segments.stretches),
    )
    # Six cells a key, in the order of Tally's fields: three classes, then the same, excluded.
    cell = group[segments.stretch] * 6 + segments.excluded * 3 + segments.standing
    # Sums of whole seconds as doubles are exact up to 2^53: a million cameras for two hundred years.
    sums = np.bincount(cell, weights=segments.seconds, minlength=len(keys) * 6).astype(np.int64)
    return {value: Tally(*map(int, sums[n * 6 : n * 6 + 6])) for value, n in keys.items()}
