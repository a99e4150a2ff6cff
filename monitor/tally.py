"""How many devices stand how, by scope: kept in step with every change of state, so that a question about a
hundred thousand devices costs as much as one about a hundred."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from monitor.model import Device, DeviceId, Kind, Standing, State
from monitor.states import States, Transition


class Scope(NamedTuple):
    """``kind`` is all, area, site or key_sites, which hold cameras; or kind: all devices of one kind."""

    kind: str
    name: str = ""


CAMERAS = Scope("all")


@dataclass(slots=True)
class Count:
    online: int = 0
    offline: int = 0
    unmeasured: int = 0
    excluded: int = 0
    """Under an exclusion that counts, whatever their state; in none of the others."""

    @property
    def counted(self) -> int:
        return self.online + self.offline

    def add(self, standing: Standing, number: int) -> None:
        if standing is Standing.ONLINE:
            self.online += number
        elif standing is Standing.OFFLINE:
            self.offline += number
        elif standing is Standing.EXCLUDED:
            self.excluded += number
        else:
            self.unmeasured += number


class Tally:
    def __init__(self, states: States) -> None:
        self.scopes: dict[Scope, Count] = {}
        self.states: Counter[State] = Counter(track.state for track in states.tracks.values())
        self.offline: dict[DeviceId, None] = {}
        """In the order in which they fell."""
        self._counts_of: dict[DeviceId, tuple[Count, ...]] = {}
        shared: dict[Scopes, tuple[Count, ...]] = {}
        for track in states.tracks.values():
            device, standing = track.device, track.standing
            counts = self._counts_of[device.id] = self._counts(device, shared)
            if track.state.offline:
                self.offline[device.id] = None
            for count in counts:
                count.add(standing, 1)

    def _counts(self, device: Device, shared: dict[Scopes, tuple[Count, ...]]) -> tuple[Count, ...]:
        scopes = _scopes(device)
        counts = shared.get(scopes)
        if counts is None:
            counts = shared[scopes] = tuple(self.scopes.setdefault(scope, Count()) for scope in scopes)
        return counts

    def apply(self, transitions: Iterable[Transition]) -> None:
        """The states have changed like this."""
        for t in transitions:
            if t.before is not t.after:
                self.states[t.before] -= 1
                self.states[t.after] += 1
                if not t.after.offline:
                    self.offline.pop(t.device, None)
                elif not t.before.offline:
                    self.offline[t.device] = None
            before, after = t.standing_before, t.standing
            if before is after:
                continue
            for count in self._counts_of[t.device]:
                count.add(before, -1)
                count.add(after, 1)


Scopes = tuple[Scope, ...]


def _scopes(device: Device) -> Scopes:
    scopes = [Scope("kind", device.kind.value)]
    if device.kind is Kind.CAMERA:
        scopes.append(CAMERAS)
        if device.area:
            scopes.append(Scope("area", device.area))
        if device.site:
            scopes.append(Scope("site", device.site))
        if device.key_site:
            scopes.append(Scope("key_sites"))
    return tuple(scopes)
