"""What messages, groups and the status say about devices: names, conditions, who hangs on whom."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.ladder import Rung, rung_of
from monitor.model import Device, DeviceId, State, WallMs
from monitor.states import States

_TELLING = (Rung.NO_SERVICE, Rung.WRONG_PASSWORD, Rung.BUSY, Rung.NO_VIDEO)


class Fleet:
    """A view on the states; holds nothing of its own."""

    def __init__(self, states: States) -> None:
        self._states = states

    def device(self, id_: DeviceId) -> Device | None:
        return self._states.devices.get(id_)

    def condition(self, id_: DeviceId) -> tuple[State, WallMs, str]:
        track = self._states.tracks.get(id_)
        if track is None:
            return State.UNKNOWN, WallMs(0), ""
        # "No answer" says little where the network answers and the camera does not.
        stands = rung_of(track) if track.state is State.DOWN else Rung.NO_NETWORK
        told = stands.value if stands in _TELLING else track.reason.value
        return track.state, track.since, told

    def behind(self, id_: DeviceId) -> list[DeviceId]:
        """The devices that are unreachable because this one is off line."""
        return [
            child for child in self._descendants(id_) if self._states.tracks[child].state is State.UNREACHABLE
        ]

    def size_behind(self, id_: DeviceId) -> int:
        return sum(1 for _ in self._descendants(id_))

    def root(self, id_: DeviceId) -> DeviceId | None:
        """For an unreachable device: the device on the way to it that is down itself."""
        seen: set[DeviceId] = set()
        at = id_
        while at not in seen:
            seen.add(at)
            track = self._states.tracks.get(at)
            if track is None:
                return None
            if track.state is not State.UNREACHABLE:
                return at if track.state is State.DOWN else None
            offline = [
                p
                for p in track.device.parents
                if p in self._states.tracks and self._states.tracks[p].state.offline
            ]
            if not offline:
                return None
            at = offline[0]
        return None

    def _descendants(self, id_: DeviceId) -> Iterator[DeviceId]:
        seen = {id_}
        todo = [id_]
        while todo:
            for child in self._states.children(todo.pop()):
                if child not in seen:
                    seen.add(child)
                    todo.append(child)
                    yield child
