"""The ladder: which rung of "network, service, video" a device stands on.

A camera may answer echoes and send no picture; "off line" is not the same as "wrong password". Liveness
checks are the states' to judge (``states``); the ladder judges all other checks, and what their readings say
of the device: its clock, its password, whether it is the one that it was.

A check that fails is asked again ``confirm`` times, and its failure is the device's fault only if the rungs
below were seen to hold *after* the first failed try: the network, and for video the services too. Else it
fell, and that has its own alert. A fault ends on evidence, never because nothing more is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from monitor.model import Device, DeviceId, Reason, Result, State, WallMs
from monitor.states import States, Track

_NEVER = WallMs(0)
CLOCK_OFF_S = 5.0
"""A drift of this or more is a wrong clock: contract footage must bear the right time."""
_NETWORK = "icmp"
_SERVICES = ("onvif", "tcp", "http", "tls", "snmp")
_VIDEO = ("rtsp",)


class Rung(StrEnum):
    """The worst that is certain, from the ground up."""

    NOT_MEASURED = "not_measured"
    """The failures are our own, or nothing was measured."""
    NO_NETWORK = "no_network"
    NO_SERVICE = "no_service"
    """The network answers, the device's services do not."""
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - the name of a rung
    BUSY = "busy"
    """It lives, and had no session to spare."""
    NO_VIDEO = "no_video"
    WRONG_CLOCK = "wrong_clock"
    SOUND = "sound"


class DeviceFault(StrEnum):
    """What a device's own protocols can show to be wrong with it."""

    NO_SERVICE = "no_service"
    """The network answers, one of its services does not."""
    NO_VIDEO = "no_video"
    """Its services answer, and no video comes."""
    BUSY = "busy"
    """It has no session to spare."""
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - the name of a fault
    """It refuses an account that others take."""
    WRONG_CLOCK = "wrong_clock"
    """Its clock is 5 s or more off."""
    REPLACED = "replaced"
    """Another device answers than the book or the past has."""
    UNAUTHORISED = "unauthorised"
    """That other device is no known spare."""
    REBOOTED = "rebooted"
    """It has started anew since the last look."""


_BY_READING = {
    "onvif.replaced": DeviceFault.REPLACED,
    "onvif.unauthorised": DeviceFault.UNAUTHORISED,
    "onvif.rebooted": DeviceFault.REBOOTED,
}
_OVER = {
    DeviceFault.NO_SERVICE: (Reason.OK, Reason.AUTH, Reason.BUSY),
    DeviceFault.NO_VIDEO: (Reason.OK,),
    DeviceFault.BUSY: (Reason.OK, Reason.AUTH),
}
"""What shows that a fault is over. Who is too busy to show its video has not got it back."""
_REFUSED = ("onvif.password_refused", "rtsp.password_refused")
_DRIFTS = ("onvif.clock_drift_s", "rtsp.clock_drift_s")


@dataclass(frozen=True, slots=True)
class FaultChange:
    """A fault began (``holds``) or was seen to be over."""

    device: DeviceId
    fault: DeviceFault
    holds: bool
    since: WallMs
    detail: str = ""


@dataclass(slots=True)
class Look:
    """The latest result of one check, in short."""

    check: str
    reason: Reason = Reason.OK
    detail: str = ""
    at: WallMs = _NEVER
    since: WallMs = _NEVER
    """The first of the failures in a row."""
    fails: int = 0
    drift_s: float | None = None
    refused: bool | None = None
    """It refuses our password; ``None``: not known."""

    @property
    def ok(self) -> bool:
        return self.reason is Reason.OK


@dataclass(slots=True)
class _Known:
    """What is known of one device. Absent from ``holds``: not known."""

    looks: dict[str, Look] = field(default_factory=dict)
    holds: dict[DeviceFault, tuple[bool, WallMs, str]] = field(default_factory=dict)


@dataclass(slots=True)
class Findings:
    changes: list[FaultChange] = field(default_factory=list)
    rechecks: set[tuple[DeviceId, str]] = field(default_factory=set)


class Ladder:
    def __init__(self, states: States) -> None:
        self._states = states
        self._known: dict[DeviceId, _Known] = {}
        self._pending: set[DeviceId] = set()
        """Devices whose failures wait for a sign of life that is newer than they are."""

    @property
    def waiting(self) -> bool:
        return bool(self._pending)

    def apply(self, results: Iterable[Result]) -> Findings:
        found = Findings()
        for result in results:
            if result.check == _NETWORK or result.reason.ours:
                continue
            track = self._states.tracks.get(result.device)
            if track is None or (result.check in track.device.liveness and not result.readings):
                continue
            known = self._known.get(result.device)
            if known is None:
                known = self._known[result.device] = _Known()
            look = _update(known, result)
            self._from_readings(known, result, look, found)
            if result.check not in track.device.liveness:
                self._ask_again(track, look, found)
                self._judge(track, known, found)
        return found

    def tick(self) -> Findings:
        """Devices may have been seen alive since their checks failed."""
        found = Findings()
        for id_ in list(self._pending):
            track, known = self._states.tracks.get(id_), self._known.get(id_)
            if track is None or known is None or track.state is not State.UP:
                self._pending.discard(id_)
            else:
                self._judge(track, known, found)
        return found

    def reload(self, devices: Mapping[DeviceId, Device]) -> None:
        """Take up the inventory: devices and checks that are gone are forgotten."""
        self._known = {id_: known for id_, known in self._known.items() if id_ in devices}
        for id_, known in self._known.items():
            known.looks = {c: look for c, look in known.looks.items() if c in devices[id_].checks}
        self._pending &= self._known.keys()

    def forget_failures(self) -> None:
        """We were blind: what failed meanwhile says nothing."""
        self._pending.clear()
        for known in self._known.values():
            known.looks = {check: look for check, look in known.looks.items() if look.ok}

    def current(self) -> Iterator[FaultChange]:
        """All faults that hold."""
        for id_, known in self._known.items():
            for fault, (holds, since, detail) in known.holds.items():
                if holds:
                    yield FaultChange(id_, fault, True, since, detail)

    def looks(self, id_: DeviceId) -> list[Look]:
        known = self._known.get(id_)
        return list(known.looks.values()) if known else []

    def rung(self, id_: DeviceId) -> Rung:
        """Where the device stands, by all its checks."""
        track = self._states.tracks[id_]
        live = [look for look in self.looks(id_) if look.check not in track.device.liveness]
        return rung([*_liveness_looks(track), *live], self.drift_s(id_) or 0.0)

    def drift_s(self, id_: DeviceId) -> float | None:
        """Its clock minus ours, as far as it tells."""
        known = self._known.get(id_)
        return _drift(known) if known else None

    # ---------------------------------------------------------------- judging

    def _from_readings(self, known: _Known, result: Result, look: Look, found: Findings) -> None:
        for reading in result.readings:
            fault = _BY_READING.get(reading.metric)
            if fault is not None:
                detail = _serial(result) if fault in (DeviceFault.REPLACED, DeviceFault.UNAUTHORISED) else ""
                _set(known, result.device, fault, bool(reading.value), result.at, detail, found)
        refused = [each.refused for each in known.looks.values() if each.refused is not None]
        if refused:
            fault = DeviceFault.WRONG_PASSWORD
            _set(known, result.device, fault, any(refused), result.at, "", found)
        drift = _drift(known)
        if drift is not None:
            off = abs(drift) >= CLOCK_OFF_S
            _set(known, result.device, DeviceFault.WRONG_CLOCK, off, result.at, f"{drift:+.1f} s", found)

    def _ask_again(self, track: Track, look: Look, found: Findings) -> None:
        # A refused password is not tried again at once: cameras lock accounts.
        if not look.fails or look.reason is Reason.AUTH:
            return
        if look.fails < self._states.settings.confirm:
            found.rechecks.add((track.device.id, look.check))
        if track.last_ok < look.since:
            found.rechecks.update((track.device.id, check) for check in track.device.liveness)
        if look.check in _VIDEO:
            looks = self._known[track.device.id].looks
            found.rechecks.update(
                (track.device.id, check)
                for check in _services(track.device)
                if check not in looks or looks[check].at < look.since
            )

    def _judge(self, track: Track, known: _Known, found: Findings) -> None:
        looks = [look for look in known.looks.values() if look.check not in track.device.liveness]
        services = [look for look in looks if look.check in _SERVICES]
        video = [look for look in looks if look.check in _VIDEO]
        self._pending.discard(track.device.id)
        no_service = self._judge_one(track, known, DeviceFault.NO_SERVICE, services, found)
        if not no_service:
            self._judge_one(track, known, DeviceFault.NO_VIDEO, video, found)
        self._judge_one(track, known, DeviceFault.BUSY, looks, found)

    def _judge_one(
        self, track: Track, known: _Known, fault: DeviceFault, looks: list[Look], found: Findings
    ) -> bool:
        """Whether the fault holds now, for all that is certain."""
        busy = fault is DeviceFault.BUSY
        failed = [look for look in looks if look.fails and (look.reason is Reason.BUSY) is busy]
        failed = [look for look in failed if look.reason is not Reason.AUTH]
        confirmed = [look for look in failed if look.fails >= self._states.settings.confirm]
        if looks and all(look.reason in _OVER[fault] for look in looks):
            _set(known, track.device.id, fault, False, max(look.at for look in looks), "", found)
        if not confirmed:
            return False
        worst = min(confirmed, key=lambda look: look.since)
        if track.state is not State.UP:
            return False
        if track.failing is not None or track.last_ok < worst.since:
            self._pending.add(track.device.id)
            return False
        if fault is DeviceFault.NO_VIDEO and not _served_since(track.device, known, worst.since):
            return False  # a service's next look decides which of the two it is
        detail = worst.reason.value
        _set(known, track.device.id, fault, True, worst.since, detail, found)
        return True


def _update(known: _Known, result: Result) -> Look:
    look = known.looks.get(result.check)
    if look is None:
        look = known.looks[result.check] = Look(result.check)
    if result.ok:
        look.fails = 0
    else:
        if not look.fails:
            look.since = result.at
        look.fails += 1
    look.reason, look.detail, look.at = result.reason, result.detail, result.at
    for reading in result.readings:
        if reading.metric in _DRIFTS:
            look.drift_s = float(reading.value)
        elif reading.metric in _REFUSED:
            look.refused = bool(reading.value)
    return look


def _services(device: Device) -> list[str]:
    """The checks of its services that do not decide about on line."""
    return [check for check in device.checks if check in _SERVICES and check not in device.liveness]


def _served_since(device: Device, known: _Known, since: WallMs) -> bool:
    """All its services have answered since then."""
    looks = [known.looks.get(check) for check in _services(device)]
    return all(
        look is not None and look.at >= since and (look.ok or look.reason in (Reason.AUTH, Reason.BUSY))
        for look in looks
    )


def _set(
    known: _Known,
    device: DeviceId,
    fault: DeviceFault,
    holds: bool,
    at: WallMs,
    detail: str,
    found: Findings,
) -> None:
    before = known.holds.get(fault)
    if before is None or before[0] is not holds:
        known.holds[fault] = (holds, at, detail)
        found.changes.append(FaultChange(device, fault, holds, at, detail))


def _drift(known: _Known) -> float | None:
    """ONVIF tells the clock itself; RTCP only what the stream was stamped with."""
    looks = (known.looks.get("onvif"), known.looks.get("rtsp"))
    return next((look.drift_s for look in looks if look is not None and look.drift_s is not None), None)


def _serial(result: Result) -> str:
    return next((str(r.value) for r in result.readings if r.metric == "onvif.serial_number"), "")


def _liveness_looks(track: Track) -> Iterator[Look]:
    """The liveness checks as the states have them."""
    if track.state is State.UNKNOWN and not track.failing:
        return
    for check in track.device.liveness:
        failing = (track.failing or {}).get(check)
        if failing is None:
            yield Look(check)
        elif failing.fails:
            yield Look(check, failing.reason, failing.detail, fails=failing.fails)


def rung_of(track: Track) -> Rung:
    """Where a device stands by its liveness checks alone."""
    return rung(_liveness_looks(track))


def rung(latest: Iterable[Look], drift_s: float = 0.0) -> Rung:
    """Where a device stands, by the latest look of each of its checks and the drift of its clock."""
    looks = [look for look in latest if not look.reason.ours]
    if not looks:
        return Rung.NOT_MEASURED
    failed = [look for look in looks if not look.ok]
    # Whoever refuses us a password, or is busy, has answered: the network is there.
    answered = any(look.ok or look.reason in (Reason.AUTH, Reason.BUSY, Reason.NO_VIDEO) for look in looks)
    if not answered:
        return Rung.NO_NETWORK
    reasons = {look.reason for look in failed if look.check != _NETWORK}
    if Reason.AUTH in reasons:
        return Rung.WRONG_PASSWORD
    if any(look.check in _SERVICES and look.reason is not Reason.BUSY for look in failed):
        return Rung.NO_SERVICE
    if Reason.BUSY in reasons:
        return Rung.BUSY
    if any(look.check in _VIDEO for look in failed):
        return Rung.NO_VIDEO
    return Rung.WRONG_CLOCK if abs(drift_s) >= CLOCK_OFF_S else Rung.SOUND
