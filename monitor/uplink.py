"""Our own sight: is it the fleet that is silent, or is it us?

Judged by our interface's carrier and by watched reference addresses, never by the cameras' silence alone:
a city-wide power cut is silent too, and is real downtime. References are probed every second; we are blind
when the carrier is gone, or when for ``blind_after`` no reference at all has answered while at least one
did before. Between, verdicts about devices wait (``States._judge``).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from pydantic import Field

from monitor.model import Instant, MonoMs, Result, WallMs
from monitor.settings import Duration, Section


class UplinkSettings(Section):
    """``[uplink]``: how Camwatch knows that it is not blind itself."""

    references: tuple[str, ...] = ()
    """Addresses that answer whenever our own way out works; empty: the default gateway and the fleet's own
    uplink devices (those that others hang on and that have no parent)."""
    interface: str = ""
    """The network interface whose carrier is watched; empty: that of the default route."""
    blind_after: Duration = Field(default=3.0)
    """No reference has answered for this long: we are blind."""


class Sight(Enum):
    CLEAR = "clear"
    BLIND = "blind"


class Uplink:
    """Pure: carrier and reference results go in, a verdict comes out.

    Without any reference that ever answered there is no evidence either way, and only the carrier counts:
    a wrong reference must not silence the whole product.
    """

    def __init__(self, settings: UplinkSettings, has_references: bool) -> None:
        self.settings = settings
        self.has_references = has_references
        self.carrier = True
        self.good_at: WallMs | None = None
        """When the last answered probe of a reference was sent."""
        self._good_mono: MonoMs | None = None
        self._carrier_lost_at: WallMs | None = None
        self.sight = Sight.CLEAR

    def observe(self, results: Iterable[Result], now: Instant) -> None:
        for result in results:
            if result.ok and (self.good_at is None or result.at >= self.good_at):
                self.good_at = result.at
                self._good_mono = now.mono

    def observe_carrier(self, up: bool, now: Instant) -> None:
        if self.carrier and not up:
            self._carrier_lost_at = now.wall
        self.carrier = up

    def sighted_since(self, at: WallMs) -> bool:
        """There is evidence that our way out worked at or after ``at``."""
        if not self.carrier:
            return False
        if not self.has_references or self.good_at is None:
            return True
        return self.good_at >= at

    def judge(self, now: Instant) -> tuple[Sight, WallMs]:
        """The sight now, and since when we are blind (meaningless when clear)."""
        if not self.carrier:
            lost = self._carrier_lost_at or now.wall
            self.sight = Sight.BLIND
            return self.sight, min(lost, self.good_at) if self.good_at is not None else lost
        silent = (
            self.has_references
            and self._good_mono is not None
            and self.good_at is not None
            and now.mono - self._good_mono >= self.settings.blind_after * 1000
        )
        self.sight = Sight.BLIND if silent else Sight.CLEAR
        return self.sight, self.good_at if self.good_at is not None else now.wall
