"""Exclusions: spans of time that do not count against the contract."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from monitor.books.records import Span, Stretch, clip, union


class Cause(StrEnum):
    """Why time does not count. The contract's list, closed."""

    POWER_CUT = "power_cut"
    """The utility's power limits or power-equipment failure."""
    CONSTRUCTION = "construction"
    """Large outages by urban construction."""
    FORCE_MAJEURE = "force_majeure"
    WEATHER = "weather"
    """Weather in which repair would be unsafe; also pauses the repair clock."""
    MAINTENANCE = "maintenance"
    """Announced beforehand and agreed."""
    THIRD_PARTY = "third_party"
    """Damage by others, or faults of systems not under the contract: once the customer has confirmed it."""

    @property
    def foreseeable(self) -> bool:
        """Can be entered before it happens."""
        return self in (Cause.POWER_CUT, Cause.CONSTRUCTION, Cause.MAINTENANCE)


class Reach(StrEnum):
    """What an exclusion's scope names."""

    ALL = "all"
    AREA = "area"
    SITE = "site"
    FEEDER = "feeder"
    DEVICE = "device"


Place = tuple[Reach, str]
"""What an exclusion's scope is, and its name; empty for all."""


def places_of(device: str, site: str, area: str, feeder: str) -> tuple[Place, ...]:
    """Each scope that a device stands in: an exclusion of any of these covers it."""
    return (
        (Reach.ALL, ""),
        (Reach.AREA, area),
        (Reach.SITE, site),
        (Reach.FEEDER, feeder),
        (Reach.DEVICE, device),
    )


def group_places(key: Iterable[tuple[str, str]]) -> frozenset[Place]:
    """Each scope that a group of devices is, by the labels it was grouped by."""
    named = ((_REACHES[label], value) for label, value in key if label in _REACHES)
    return frozenset(((Reach.ALL, ""), *named))


_REACHES = {reach.value: reach for reach in Reach}


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One exclusion as it stands in the ledger."""

    id: int
    reach: Reach
    name: str
    """Of the area, site, feeder or device; empty for all."""
    span: Span
    cause: Cause
    author: str
    note: str
    """Evidence: the announcement's number, photographs, who was called."""
    confirmed_by: str
    """Who confirmed it on the customer's side."""

    @property
    def counts(self) -> bool:
        """Third-party damage is left out only once the customer has confirmed it."""
        return self.cause is not Cause.THIRD_PARTY or bool(self.confirmed_by)

    @property
    def place(self) -> Place:
        return self.reach, "" if self.reach is Reach.ALL else self.name

    def covers(self, stretch: Stretch) -> bool:
        return self.place in _places(stretch)


class Exclusions:
    """Those that count, by what they name: which seconds of a stretch are excluded."""

    def __init__(self, exclusions: Iterable[Exclusion]) -> None:
        self._by_scope: dict[Place, list[Span]] = {}
        for exclusion in exclusions:
            if exclusion.counts:
                self._by_scope.setdefault(exclusion.place, []).append(exclusion.span)

    def of(self, stretch: Stretch) -> list[Span]:
        """In order and without overlap: exclusions that overlap count once."""
        if not self._by_scope:
            return []
        spans = [span for place in _places(stretch) for span in self._by_scope.get(place, ())]
        return union([clip(span, stretch.span) for span in spans])


def _places(stretch: Stretch) -> tuple[Place, ...]:
    return places_of(stretch.device, stretch.site, stretch.area, stretch.feeder)
