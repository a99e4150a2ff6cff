"""The exclusions in force at this moment: for the live rates, which leave out what the books leave out."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from monitor.books.exclusion import Exclusion, Place, places_of
from monitor.model import Device, WallMs


class InForce:
    """Replaced whole whenever the ledger's exclusions have been read anew."""

    def __init__(self) -> None:
        self._known: tuple[Exclusion, ...] = ()
        self._places: frozenset[Place] = frozenset()
        self._next: float = inf

    def replace(self, exclusions: Iterable[Exclusion]) -> None:
        """Takes effect at the next ``look``."""
        found = tuple(exclusion for exclusion in exclusions if exclusion.counts)
        if found != self._known:
            self._known, self._next = found, -inf

    @property
    def next_due(self) -> float:
        """When an exclusion begins or ends next, in milliseconds UTC; infinite: none that is known."""
        return self._next

    def due(self, now: WallMs) -> bool:
        """Something has begun or ended since the last ``look``."""
        return now >= self._next

    def look(self, now: WallMs) -> None:
        second = now // 1000
        self._places = frozenset(e.place for e in self._known if e.span.since <= second < e.span.until)
        edges = (edge for e in self._known for edge in e.span if edge > second)
        self._next = min(edges, default=inf) * 1000

    def cover(self, device: Device) -> bool:
        """As of the last ``look``."""
        places = self._places
        return bool(places) and any(
            place in places for place in places_of(device.id, device.site, device.area, device.feeder)
        )
