"""Counters to rates: never a spike, never a negative. What is not known for sure is left out."""

from __future__ import annotations

from dataclasses import dataclass

MAX_GAP_MS = 900_000
"""Over a longer gap than this a counter may have wrapped unseen, and an average tells little."""
TICKS = 1 << 32
"""sysUpTime counts hundredths of a second in 32 bits: it wraps after 497 days."""
_SLACK_MS = 5_000
_NEAR_THE_TOP = 1 << 56
"""A 64-bit counter that seems to have wrapped by more than this was reset."""


@dataclass(frozen=True, slots=True)
class Uptime:
    """sysUpTime in ticks of 10 ms, and when (monotonic ms) it was read."""

    ticks: int
    at: int

    def restarted(self, before: Uptime) -> bool:
        """Has the agent begun to count anew since ``before``? A wrap after 497 days is no restart."""
        elapsed = self.at - before.at
        if self.ticks >= before.ticks:
            # It may have restarted long ago, within a gap of ours.
            return self.ticks * 10 + _SLACK_MS < elapsed
        return before.ticks + (elapsed + _SLACK_MS) // 10 < TICKS


def delta(before: int, after: int, bits: int) -> int | None:
    """How much was counted, over at most one wrap; ``None`` if it was more likely a reset.

    A 32-bit counter that fell is taken as wrapped only if it rose by less than half its range: else clearing
    a port's counters would be read as four thousand million octets.
    """
    if after >= before:
        return after - before
    wrapped = after - before + (1 << bits)
    return wrapped if 0 <= wrapped < (1 << 31 if bits == 32 else _NEAR_THE_TOP) else None


def row_rates(
    before: list[int | None], after: list[int | None], bits: list[int], elapsed_ms: int
) -> list[float | None]:
    """Rates per second of one row's counters.

    Two counters of one row that fall together were reset together: octets and packets do not wrap in the
    same minute. Then the whole row has no rate.
    """
    none: list[float | None] = [None] * len(after)
    if not 0 < elapsed_ms <= MAX_GAP_MS:
        return none
    fallen = sum(
        new is not None and old is not None and new < old for old, new in zip(before, after, strict=True)
    )
    if fallen > 1:
        return none
    out: list[float | None] = []
    for old, new, size in zip(before, after, bits, strict=True):
        counted = None if old is None or new is None else delta(old, new, size)
        out.append(None if counted is None else counted * 1000 / elapsed_ms)
    return out
