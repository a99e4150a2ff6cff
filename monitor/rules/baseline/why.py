"""Why a series alerts: in what way it is odd, since when, and how far back that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.model import WallMs
from monitor.notifiers.evidence import Oddity
from monitor.rules.baseline.band import Usual

WITNESSES = 12
"""Samples that an alert is judged by."""


@dataclass(frozen=True, slots=True)
class Witness:
    """One of the last samples, beside what was usual then."""

    at: WallMs
    value: float
    usual: Usual

    @property
    def off(self) -> float:
        """From what was expected, in usual distances."""
        return abs(self.value - self.usual.expected) / self.usual.spread if self.usual.spread > 0 else 0.0


def confirmed(witnesses: Sequence[Witness]) -> bool:
    """One wild sample never alerts: leave the wildest out, and the others must still be odd, or hardly move
    at all."""
    rest = sorted(witness.off for witness in witnesses)[:-1]
    if not rest:
        return False
    return rest[-1] >= 3.0 or sum(rest) / len(rest) >= 1.5 or stuck(witnesses)


def stuck(witnesses: Sequence[Witness]) -> bool:
    values = [witness.value for witness in witnesses]
    still = max(values) - min(values) <= 0.5 * min(witness.usual.spread for witness in witnesses)
    return still and len(witnesses) == WITNESSES


def since(witnesses: Sequence[Witness]) -> WallMs:
    """When it began: the first of the samples that have been off without a break."""
    began = witnesses[-1].at
    for witness in reversed(witnesses):
        if witness.off < 2.0 and witness is not witnesses[-1]:
            break
        began = witness.at
    return began


def oddity(witnesses: Sequence[Witness]) -> Oddity:
    """Records follow what breaks them only part of the way, so a broken one can still be told."""
    worst = max(witnesses, key=lambda witness: witness.off)
    usual = worst.usual
    if worst.value > usual.highest:
        return Oddity.HIGHEST
    if worst.value < usual.lowest:
        return Oddity.LOWEST
    if worst.value > usual.hour_high:
        return Oddity.HIGH_HERE
    if worst.value < usual.hour_low:
        return Oddity.LOW_HERE
    return Oddity.STUCK if stuck(witnesses) else Oddity.LASTING
