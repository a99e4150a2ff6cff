"""How many devices stand how, by scope: kept in step with every change of state, so that a question about a
hundred thousand devices costs as much as one about a hundred."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from monitor.model import Device, DeviceId, Kind, Standing, State
from monitor.states import States, Transition


class Scope(NamedTuple):
    """``kind`` all (cameras), area, site or key_sites: those hold cameras; or kind: all devices of one."""

    kind: str
    name: str = ""


CAMERAS = Scope("all")


class Tally:
    def __init__(self, states: States) -> None:
        self.scopes: dict[Scope, Counter[Standing]] = {}
        self.states: Counter[State] = Counter()
        self.offline: dict[DeviceId, None] = {}
        """In the order in which they fell."""
        self._scopes_of: dict[DeviceId, tuple[Scope, ...]] = {}
        self._devices: Mapping[DeviceId, Device] = states.devices
        shared: dict[tuple[Scope, ...], tuple[Scope, ...]] = {}
        for device in states.devices.values():
            scopes = _scopes(device)
            self._scopes_of[device.id] = shared.setdefault(scopes, scopes)
            state, _ = states.state(device.id)
            self.states[state] += 1
            if state.offline:
                self.offline[device.id] = None
            for scope in scopes:
                self.scopes.setdefault(scope, Counter())[states.standing(device.id)] += 1

    def apply(self, transitions: Iterable[Transition]) -> None:
        """The states have changed like this."""
        for t in transitions:
            self.states[t.before] -= 1
            self.states[t.after] += 1
            before, after = t.standing_before, t.standing
            if before is after:
                continue
            if after is Standing.OFFLINE:
                self.offline[t.device] = None
            elif before is Standing.OFFLINE:
                self.offline.pop(t.device, None)
            for scope in self._scopes_of[t.device]:
                counts = self.scopes[scope]
                counts[before] -= 1
                counts[after] += 1


def _scopes(device: Device) -> tuple[Scope, ...]:
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
