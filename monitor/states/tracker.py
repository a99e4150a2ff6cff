"""Results → device states: confirmation, parents, our own uplink, flapping.

A device is judged off line only on evidence. Its liveness checks must have failed ``confirm`` times in a
row, and everything between us and it must have been *seen alive after its first failed probe*: our own
uplink, and one of its parents. If all its parents are off line it is ``unreachable`` instead, whichever of
them was found first; if our uplink is lost it is ``unknown``. A verdict that still waits for its parents
after ``settle`` is given without them.

The tracker is pure: results and the time go in, changes come out. What it wants measured at once is
returned as ``rechecks``; the daemon hands those to the schedule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

from monitor.model import Device, DeviceId, Instant, MonoMs, Reason, Result, Standing, State, WallMs
from monitor.states.excluded import InForce
from monitor.states.track import (
    ALL_UP,
    MASK,
    Changes,
    Failing,
    Flap,
    StateSettings,
    Track,
    Transition,
    flap_percent,
)
from monitor.uplink import Uplink


class States:
    """The states of all devices."""

    def __init__(self, devices: Mapping[DeviceId, Device], settings: StateSettings, uplink: Uplink) -> None:
        self.settings = settings
        self.uplink = uplink
        self.tracks: dict[DeviceId, Track] = {}
        self._children: dict[DeviceId, list[Track]] = {}
        self._waiting: dict[DeviceId, Track] = {}
        self._unmeasured: dict[DeviceId, MonoMs] = {}
        self.blind = False
        self.exclusions = InForce()
        self._fresh_since = WallMs(0)
        self.reload(devices)

    def reload(self, devices: Mapping[DeviceId, Device]) -> None:
        """Take up the inventory: devices keep what is known of them by id."""
        self._devices = devices
        old, self.tracks, self._children = self.tracks, {}, {}
        for device in devices.values():
            track = old.get(device.id) or Track(device)
            track.device = device
            if track.failing:
                track.failing = {c: f for c, f in track.failing.items() if c in device.liveness} or None
            track.excluded = self.exclusions.cover(device)
            self.tracks[device.id] = track
        for track in self.tracks.values():
            for parent in track.device.parents:
                self._children.setdefault(parent, []).append(track)
        self._waiting = {key: self.tracks[key] for key in self._waiting if key in self.tracks}
        self._unmeasured = {key: t for key, t in self._unmeasured.items() if key in self.tracks}

    def standing(self, device: DeviceId) -> Standing:
        return self.tracks[device].standing

    @property
    def devices(self) -> Mapping[DeviceId, Device]:
        return self._devices

    def children(self, device: DeviceId) -> list[DeviceId]:
        return [track.device.id for track in self._children.get(device, ())]

    def state(self, device: DeviceId) -> tuple[State, WallMs]:
        track = self.tracks[device]
        return track.state, track.since

    def start(self, now: Instant) -> None:
        """Everything is unknown and expected to be measured within ``start_grace``."""
        until = MonoMs(now.mono + int(self.settings.start_grace * 1000))
        for track in self.tracks.values():
            if track.state is State.UNKNOWN and track.pending and track.device.id not in self._unmeasured:
                if not track.since:
                    track.since = now.wall
                self._unmeasured[track.device.id] = until

    @property
    def undecided(self) -> bool:
        """Verdicts wait, or devices are expected to be measured: time alone may change states."""
        return bool(self._waiting or self._unmeasured)

    # ---------------------------------------------------------------- results

    def apply(self, results: Iterable[Result], now: Instant) -> Changes:
        changes = Changes()
        for result in results:
            track = self.tracks.get(result.device)
            if track is None or result.check not in track.device.liveness or result.at < self._fresh_since:
                continue
            if result.reason is Reason.OK:
                if result.at > track.last_ok:
                    track.last_ok = result.at
                if track.failing is None and track.state is State.UP:
                    if track.history:
                        self._remember(track, now, changes)
                    continue
                self._good(track, result, now, changes)
            else:
                self._bad(track, result, now, changes)
            self._remember(track, now, changes)
        return changes

    def _good(self, track: Track, result: Result, now: Instant, changes: Changes) -> None:
        if track.failing is not None:
            failing = track.failing.get(result.check)
            if failing is None:
                return
            failing.goods += 1
            if failing.goods == 1:
                failing.first_good = result.at
            needed = self.settings.recover if track.state.offline else 1
            if failing.goods < needed:
                changes.rechecks.add((track.device.id, result.check))
                return
            del track.failing[result.check]
            if track.failing:
                return
            track.failing = None
            self._forget(track)
            if track.state is not State.UP:
                self._move(track, State.UP, failing.first_good or result.at, Reason.OK, "", now, changes)
        else:
            self._move(track, State.UP, result.at, Reason.OK, "", now, changes)

    def _bad(self, track: Track, result: Result, now: Instant, changes: Changes) -> None:
        if track.failing is None:
            track.failing = {}
        failing = track.failing.get(result.check)
        if failing is None:
            failing = track.failing[result.check] = Failing(result.at)
        failing.goods = 0
        if result.reason.ours:
            failing.ours += 1
            if not failing.fails:
                failing.reason, failing.detail = result.reason, result.detail
            if failing.ours >= self.settings.confirm and failing.fails < self.settings.confirm:
                if track.state is not State.UNKNOWN or track.pending:
                    self._move(
                        track, State.UNKNOWN, failing.since, result.reason, result.detail, now, changes
                    )
                return
        else:
            if failing.ours and not failing.fails:
                failing.since = result.at
            failing.fails += 1
            failing.reason, failing.detail = result.reason, result.detail
        if failing.fails < self.settings.confirm:
            changes.rechecks.add((track.device.id, result.check))
        else:
            self._judge(track, now, changes)

    # ---------------------------------------------------------------- verdicts

    def _judge(self, track: Track, now: Instant, changes: Changes) -> None:
        """A liveness check is confirmed to fail: is it the device, its way, or us?"""
        if track.failing is None or track.state is State.DOWN:
            self._forget(track)
            return
        confirmed = [f for f in track.failing.values() if f.fails >= self.settings.confirm]
        if not confirmed:
            self._forget(track)
            return
        if self.blind:
            return
        worst = min(confirmed, key=lambda f: f.since)
        since = max(worst.since, track.since, self.uplink.sure_since)
        device = track.device
        if not self.uplink.sighted_since(worst.since):
            self._wait(track, now)
            return
        parents = [self.tracks[parent] for parent in device.parents if parent in self.tracks]
        if not parents or any(parent.alive_since(worst.since) for parent in parents):
            if track.state is State.UNREACHABLE and not self._booted(track, parents, now):
                self._wait(track, now)
                return
            at = now.wall if track.state is State.UNREACHABLE else since
            self._move(track, State.DOWN, at, worst.reason, worst.detail, now, changes)
            self._forget(track)
        elif all(parent.state.offline for parent in parents):
            track.grace_until = None
            if track.state is not State.UNREACHABLE:
                self._move(
                    track,
                    State.UNREACHABLE,
                    since,
                    worst.reason,
                    worst.detail,
                    now,
                    changes,
                    parents[0].device.id,
                )
            self._forget(track)
        elif self._wait(track, now) >= self.settings.settle * 1000:
            self._move(track, State.DOWN, since, worst.reason, worst.detail, now, changes)
            self._forget(track)
        else:
            for parent in parents:
                changes.rechecks.update((parent.device.id, check) for check in parent.device.liveness)

    def _booted(self, track: Track, parents: Sequence[Track], now: Instant) -> bool:
        """The child has had its time to boot, counted from when its parent was up again."""
        if track.grace_until is None and (not parents or any(p.state is State.UP for p in parents)):
            track.grace_until = MonoMs(now.mono + int(self.settings.boot_grace * 1000))
        return track.grace_until is not None and now.mono >= track.grace_until

    def _wait(self, track: Track, now: Instant) -> int:
        """Hold the verdict back; milliseconds that it has waited."""
        if track.waiting_since is None:
            track.waiting_since = now.mono
            self._waiting[track.device.id] = track
        return now.mono - track.waiting_since

    def _forget(self, track: Track) -> None:
        if track.waiting_since is not None:
            track.waiting_since = None
            self._waiting.pop(track.device.id, None)

    def _move(self, track: Track, after: State, at: WallMs, reason: Reason, detail: str, now: Instant,
              changes: Changes, parent: DeviceId | None = None, pending: bool = False) -> None:  # fmt: skip
        before, track.state = track.state, after
        was_pending = track.pending
        at = max(at, track.since)
        track.since, track.reason, track.detail, track.pending = at, reason, detail, pending
        track.grace_until = None
        if not pending:
            self._unmeasured.pop(track.device.id, None)
        changes.transitions.append(
            Transition(
                track.device.id,
                before,
                after,
                at,
                reason,
                detail,
                parent,
                pending,
                was_pending,
                track.excluded,
                track.excluded,
            )
        )
        children = self._children.get(track.device.id)
        if not children:
            return
        if after is State.UP and before.offline:
            for child in children:
                changes.rechecks.update((child.device.id, check) for check in child.device.liveness)
        elif after.offline:
            self._parent_fell(track, children, now, changes)

    def _parent_fell(self, parent: Track, children: list[Track], now: Instant, changes: Changes) -> None:
        """Children that wait for this verdict get theirs; those already judged ``down`` in the same moment
        were its victims. The others are probed at once."""
        window = int(self.settings.settle * 1000)
        for child in children:
            if child.waiting_since is not None:
                self._judge(child, now, changes)
            elif child.state is State.DOWN and child.since >= parent.since - window:
                others = [self.tracks[p] for p in child.device.parents if p in self.tracks]
                if all(other.state.offline for other in others):
                    self._move(child, State.UNREACHABLE, now.wall, child.reason, child.detail, now, changes,
                               parent.device.id)  # fmt: skip
            elif not child.state.offline:
                changes.rechecks.update((child.device.id, check) for check in child.device.liveness)

    # ---------------------------------------------------------------- time and our own sight

    def tick(self, now: Instant) -> Changes:
        """Time has passed: verdicts that waited, devices that were never measured, exclusions."""
        changes = Changes()
        if self.exclusions.due(now.wall):
            changes.transitions += self.exclude(now.wall)
        if self._waiting and not self.blind:
            for track in list(self._waiting.values()):
                if track.waiting_since is not None:
                    self._judge(track, now, changes)
        if self._unmeasured:
            for device in self._overdue(now):
                del self._unmeasured[device]
                track = self.tracks[device]
                track.pending = False
                unknown = State.UNKNOWN
                changes.transitions.append(
                    Transition(
                        device,
                        unknown,
                        unknown,
                        track.since,
                        track.reason,
                        was_pending=True,
                        excluded=track.excluded,
                        was_excluded=track.excluded,
                    )
                )
        return changes

    def _overdue(self, now: Instant) -> list[DeviceId]:
        """They were put down in the order of their time: looking on ends at the first that has some left."""
        waiting = self._unmeasured.items()
        return [key for key, _ in takewhile(lambda item: item[1] <= now.mono, waiting)]

    def lose_sight(self, since: WallMs, now: Instant) -> Changes:
        """Our own uplink is lost since then: nothing is known of any device any more."""
        changes = Changes()
        self.blind = True
        self._unmeasured.clear()
        for track in self.tracks.values():
            track.failing = None
            self._forget(track)
            self._move_unknown(track, since, Reason.OWN_LOSS, changes)
        return changes

    def regain_sight(self, now: Instant) -> None:
        """The uplink is back: every device is unknown until it is measured again."""
        self.blind = False
        for track in self.tracks.values():
            track.failing = None
        self.start(now)

    def forget_all(self, since: WallMs, reason: Reason, now: Instant) -> Changes:
        """A stretch of time was not measured (we stood still, the clock was set forward): begin anew."""
        changes = Changes()
        self._fresh_since = now.wall  # probes under way then would speak of the time before
        for track in self.tracks.values():
            track.failing = None
            self._forget(track)
            self._move_unknown(track, since, reason, changes)
        if not self.blind:
            self.start(now)
        return changes

    def _move_unknown(self, track: Track, since: WallMs, reason: Reason, changes: Changes) -> None:
        if track.state is State.UNKNOWN and track.pending:
            return
        before, was_pending, at = track.state, track.pending, max(since, track.since)
        track.state, track.since, track.reason, track.detail = State.UNKNOWN, at, reason, ""
        track.pending = True
        changes.transitions.append(
            Transition(
                track.device.id,
                before,
                State.UNKNOWN,
                at,
                reason,
                pending=True,
                was_pending=was_pending,
                excluded=track.excluded,
                was_excluded=track.excluded,
            )
        )

    # ---------------------------------------------------------------- exclusions

    def exclude(self, now: WallMs) -> list[Transition]:
        """Exclusions have begun or ended: who stands under one now."""
        self.exclusions.look(now)
        found = []
        for track in self.tracks.values():
            was, track.excluded = track.excluded, self.exclusions.cover(track.device)
            if was is not track.excluded:
                found.append(
                    Transition(
                        track.device.id, track.state, track.state, now, track.reason, track.detail,
                        pending=track.pending, was_pending=track.pending,
                        excluded=track.excluded, was_excluded=was,
                    )
                )  # fmt: skip
        return found

    # ---------------------------------------------------------------- flapping

    def _remember(self, track: Track, now: Instant, changes: Changes) -> None:
        """Book the state after this check in the flapping window."""
        history = track.history = ((track.history << 1) | track.state.offline) & MASK
        if not track.flapping and history in (ALL_UP, MASK):
            return
        percent = flap_percent(history)
        if not track.flapping and percent >= self.settings.flap_start_percent:
            track.flapping = True
        elif track.flapping and percent < self.settings.flap_stop_percent:
            track.flapping = False
        else:
            return
        changes.flaps.append(Flap(track.device.id, track.flapping, now.wall))
