"""Our own sight: is it the fleet that is silent, or is it us?

Judged by our interface's carrier and by watched reference addresses, never by the cameras' silence alone:
a city-wide power cut is silent too, and is real downtime. References are probed every second; we are blind
when the carrier is gone, or when for ``blind_after`` no reference at all has answered while at least one
did before. Between, verdicts about devices wait (``States._judge``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from pydantic import Field

from monitor.model import Instant, MonoMs, Result, WallMs
from monitor.settings import Duration, Section

_DARK_ROUNDS = 2
"""So many rounds of reference probes must have come back empty before we count as blind."""


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

    Until a reference has answered for the first time, the answers of devices count instead: a wrong reference
    must not blind the whole product. Without any reference only the carrier is left to judge by.
    """

    def __init__(self, settings: UplinkSettings, has_references: bool) -> None:
        self.settings = settings
        self.has_references = has_references
        self.carrier = True
        self.good_at: WallMs | None = None
        """When the last answered probe of a reference was sent."""
        self._good_mono: MonoMs | None = None
        self._carrier_lost_at: WallMs | None = None
        self._first: Instant | None = None
        self.sight = Sight.CLEAR
        self._dark = 0
        """Rounds in a row in which no reference answered."""
        self._proven = False
        self.sure_since = WallMs(0)
        """The last time that sight returned: what failed before then may have been us."""

    def observe(self, results: Sequence[Result], now: Instant) -> None:
        """One round of reference probes has come back."""
        good = [result.at for result in results if result.ok]
        if not good:
            self._dark += bool(results)
            return
        self._proven = True
        self._seen(max(good), now)

    def observe_devices(self, results: Iterable[Result], now: Instant) -> None:
        """Answers of devices are evidence too, but only until a reference has proved to be one."""
        if self._proven or not self.has_references:
            return
        good = [result.at for result in results if result.ok]
        if good:
            self._seen(max(good), now)

    def _seen(self, at: WallMs, now: Instant) -> None:
        if self._dark:
            self._dark = 0
            self.sure_since = at
        if self.good_at is None or at >= self.good_at:
            self.good_at = at
            self._good_mono = now.mono

    def observe_carrier(self, up: bool, now: Instant) -> None:
        if self.carrier and not up:
            self._carrier_lost_at = now.wall
        self.carrier = up

    def sighted_since(self, at: WallMs) -> bool:
        """There is evidence that our way out worked at or after ``at``."""
        if not self.carrier:
            return False
        if not self.has_references:
            return True
        return self.good_at is not None and self.good_at >= at

    def judge(self, now: Instant) -> tuple[Sight, WallMs]:
        """The sight now, and since when we are blind (meaningless when clear)."""
        if not self.carrier:
            lost = self._carrier_lost_at or now.wall
            self.sight = Sight.BLIND
            return self.sight, min(lost, self.good_at) if self.good_at is not None else lost
        if self._first is None:
            self._first = now
        last = self._good_mono if self._good_mono is not None else self._first.mono
        # Silence is only heard by listening: while we were held up ourselves, nobody was asked.
        asked = self.has_references and self._dark >= _DARK_ROUNDS
        silent = asked and now.mono - last >= self.settings.blind_after * 1000
        self.sight = Sight.BLIND if silent else Sight.CLEAR
        return self.sight, self.good_at if self.good_at is not None else self._first.wall
