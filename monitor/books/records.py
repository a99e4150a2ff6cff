"""What the books read of the ledger, in whole seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from monitor.model import DeviceId, Kind, State


class Span(NamedTuple):
    """``[since, until)`` in seconds."""

    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """A device in service with unchanged properties, within the period."""

    device: DeviceId
    span: Span
    name: str
    kind: Kind
    address: str
    site: str
    area: str
    key_site: bool
    vendor: str
    model: str
    feeder: str
    checks: str
    """Their names with a space between; empty in the books of versions that did not keep them."""


class StateRow(NamedTuple):
    """From the second ``at`` the device was held to be in this state."""

    at: int
    state: State
    reason: str
    parent: str | None


@dataclass(frozen=True, slots=True)
class History:
    """One device within the period: its stretches in order, and its states; the first of these may lie
    before the period."""

    stretches: tuple[Stretch, ...]
    states: tuple[StateRow, ...]


def union(spans: list[Span]) -> list[Span]:
    """The same seconds as spans that neither overlap nor touch, in order."""
    merged: list[Span] = []
    for span in sorted(spans):
        if span.since >= span.until:
            continue
        if merged and span.since <= merged[-1].until:
            if span.until > merged[-1].until:
                merged[-1] = Span(merged[-1].since, span.until)
        else:
            merged.append(span)
    return merged


def clip(span: Span, bounds: Span) -> Span:
    """The common part; empty (``since >= until``) when there is none."""
    return Span(max(span.since, bounds.since), min(span.until, bounds.until))
