"""Signs as they come: results and transitions in, scores and calls out. Pure but for its own memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from monitor.model import Device, DeviceId, Result, State, WallMs
from monitor.rules.baseline.snapshot import Snapshot
from monitor.rules.series import key_of, text_of
from monitor.signs.calls import Call, Calls
from monitor.signs.kinds import READ_FROM, Sign
from monitor.signs.means import COUNTED, EVERY_S, WIDTH, Means, Remembered
from monitor.signs.score import Scored
from monitor.states import Track, Transition

_LAYOUT = "signs-1"
_FAST = "icmp"
"""The check that comes by the thousand a second, and brings no events."""
TOGETHER = 5
"""So many that fall at one site in one step fell of one cause, and that was not in any of them."""


@dataclass(slots=True)
class SignWatch:
    means: Means
    calls: Calls
    found: list[Scored] = field(default_factory=list)
    """As of the last ``judge``: devices with any sign, the likeliest to fail first."""
    due: dict[DeviceId, int] = field(default_factory=dict)
    """When the fast check of each device is worth a look again."""

    @staticmethod
    def of(calls: Calls) -> SignWatch:
        return SignWatch(Means(), calls)

    def on_results(self, results: Iterable[Result]) -> None:
        for result in results:
            if result.check == _FAST:
                if result.at < self.due.get(result.device, 0):
                    continue
                self.due[result.device] = result.at + int(EVERY_S * 1000)
            for metric, value, tags in result.readings:
                sign = READ_FROM.get(metric)
                if sign is None or isinstance(value, str):
                    continue
                if sign in COUNTED:
                    if value:
                        self.means.count((result.device, ()), sign, result.at)
                elif sign is not Sign.LOSS or value < 100:  # 100 % is the device down: told by its state
                    self.means.feed((result.device, tags), sign, float(value), result.at)

    def on_transitions(
        self,
        transitions: Iterable[Transition],
        devices: Mapping[DeviceId, Device],
        planned: Callable[[Device], bool],
    ) -> None:
        """Own faults are counted; not those of planned work, nor a whole site's."""
        fallen = [
            (device, t.at)
            for t in transitions
            if t.before is State.UP and t.after is State.DOWN and (device := devices.get(t.device))
        ]
        at_site = Counter(device.site for device, _ in fallen if device.site)
        for device, at in fallen:
            if at_site[device.site] < TOGETHER and not planned(device):
                self.means.count((device.id, ()), Sign.FLAPS, at)

    def judge(
        self,
        found: list[Scored],
        tracks: Mapping[DeviceId, Track],
        offline: Iterable[DeviceId],
        now: WallMs,
    ) -> list[Call]:
        """Settle the calls by the scores as of now; those that are to be booked."""
        self.means.keep_only(tracks)
        self.calls.keep_only(tracks)
        self.due = {device: due for device, due in self.due.items() if device in tracks}
        self.found = [one for one in found if one.device in tracks]
        down = {
            id_: track.since
            for id_ in offline
            if (track := tracks.get(id_)) is not None and track.state is State.DOWN
        }
        return self.calls.judge(self.found, down, now)

    # ---------------------------------------------------------------- kept over restarts

    def adopt(self, snapshot: Snapshot) -> bool:
        """``False`` when it is of another layout."""
        if snapshot.layout != _LAYOUT or snapshot.wide.shape[0] != 1 or snapshot.slim.shape[0] != WIDTH:
            return False
        keys = [key_of(text) for text in snapshot.keys]
        rows = np.ascontiguousarray(snapshot.slim.T)
        self.means.adopt({key: rows[n] for n, key in enumerate(keys) if rows[n].any()})
        self.calls.failing = {
            key[0]: WallMs(int(since)) for key, since in zip(keys, snapshot.wide[0], strict=True) if since
        }
        return True


def snapshot(remembered: Remembered, failing: Mapping[DeviceId, WallMs]) -> Snapshot:
    """Long faults already judged go along, so that a restart does not judge them again."""
    keys = remembered.keys
    known = {device for device, _ in keys}
    lost = [device for device in failing if device not in known]
    names = [text_of(key) for key in keys]
    table = np.zeros((len(keys) + len(lost), WIDTH), np.float32)
    table[: len(keys)] = remembered.table
    judged = np.array([[float(failing.get(d, 0)) for d in [k[0] for k in keys] + lost]])
    return Snapshot(_LAYOUT, [*names, *lost], judged, table.T)
