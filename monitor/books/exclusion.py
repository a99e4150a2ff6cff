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

    def covers(self, stretch: Stretch) -> bool:
        match self.reach:
            case Reach.ALL:
                return True
            case Reach.AREA:
                return stretch.area == self.name
            case Reach.SITE:
                return stretch.site == self.name
            case Reach.FEEDER:
                return stretch.feeder == self.name
            case Reach.DEVICE:
                return stretch.device == self.name


class Exclusions:
    """Those that count, by what they name: which seconds of a stretch are excluded."""

    def __init__(self, exclusions: Iterable[Exclusion]) -> None:
        self._by_scope: dict[tuple[Reach, str], list[Span]] = {}
        for exclusion in exclusions:
            if exclusion.counts:
                name = "" if exclusion.reach is Reach.ALL else exclusion.name
                self._by_scope.setdefault((exclusion.reach, name), []).append(exclusion.span)

    def of(self, stretch: Stretch) -> list[Span]:
        """In order and without overlap: exclusions that overlap count once."""
        if not self._by_scope:
            return []
        scopes = (
            (Reach.ALL, ""),
            (Reach.AREA, stretch.area),
            (Reach.SITE, stretch.site),
            (Reach.FEEDER, stretch.feeder),
            (Reach.DEVICE, stretch.device),
        )
        spans = [span for scope in scopes for span in self._by_scope.get(scope, ())]
        return union([clip(span, stretch.span) for span in spans])
