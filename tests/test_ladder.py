"""The ladder tells apart what "off line" mixes up, and blames a device only on evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.clock import ManualClock
from monitor.fleet import Fleet
from monitor.ladder import DeviceFault, FaultChange, Ladder, Look, Rung, rung
from monitor.model import Device, DeviceId, Kind, Reading, Reason, Result, State
from monitor.states import States, StateSettings
from monitor.uplink import Uplink, UplinkSettings


def look(check: str, reason: Reason = Reason.OK) -> Look:
    return Look(check, reason, fails=int(reason is not Reason.OK))


ICMP, ONVIF, RTSP = look("icmp"), look("onvif"), look("rtsp")
SILENT = [look(check, Reason.TIMEOUT) for check in ("icmp", "onvif", "rtsp")]


@pytest.mark.parametrize(
    ("latest", "drift", "wanted"),
    [
        ([], 0, Rung.NOT_MEASURED),
        ([look("icmp", Reason.OWN_LOSS)], 0, Rung.NOT_MEASURED),
        (SILENT, 0, Rung.NO_NETWORK),
        ([look("onvif", Reason.TIMEOUT)], 0, Rung.NO_NETWORK),
        ([ICMP, *SILENT[1:]], 0, Rung.NO_SERVICE),
        ([ICMP, look("onvif", Reason.REFUSED), RTSP], 0, Rung.NO_SERVICE),
        ([look("icmp", Reason.TIMEOUT), ONVIF, RTSP], 0, Rung.SOUND),
        ([ICMP, ONVIF, look("rtsp", Reason.NO_VIDEO)], 0, Rung.NO_VIDEO),
        ([ICMP, ONVIF, look("rtsp", Reason.TIMEOUT)], 0, Rung.NO_VIDEO),
        ([ICMP, ONVIF, look("rtsp", Reason.BUSY)], 0, Rung.BUSY),
        ([ICMP, look("onvif", Reason.AUTH), look("rtsp", Reason.AUTH)], 0, Rung.WRONG_PASSWORD),
        ([ICMP, ONVIF, RTSP], -5.0, Rung.WRONG_CLOCK),
        ([ICMP, ONVIF, RTSP], 4.9, Rung.SOUND),
        ([ICMP], 0, Rung.SOUND),
    ],
)
def test_the_rung_is_the_worst_that_is_certain(latest: list[Look], drift: float, wanted: Rung) -> None:
    assert rung(latest, drift) is wanted


CAMERA = Device(
    DeviceId("c"), "Gate", Kind.CAMERA, "10.0.0.1", checks=("icmp", "onvif", "rtsp"), liveness=("icmp",)
)


class Street:
    """One camera, its states and its ladder, under a clock of our own."""

    def __init__(self, confirm: int = 3) -> None:
        self.clock = ManualClock()
        uplink = Uplink(UplinkSettings(), has_references=False)
        self.states = States({CAMERA.id: CAMERA}, StateSettings(confirm=confirm), uplink)
        self.ladder = Ladder(self.states)
        self.said: list[tuple[DeviceFault, bool]] = []
        self.rechecks: set[str] = set()
        self.see("icmp")
        self.said.clear()

    def see(self, check: str, reason: Reason = Reason.OK, *readings: Reading) -> None:
        now = self.clock.advance(1000)
        results = [Result(CAMERA.id, check, now.wall, reason, readings)]
        self.states.uplink.observe_devices(results, now)
        self.states.apply(results, now)
        found = self.ladder.apply(results)
        self.rechecks = {check for _, check in found.rechecks}
        self._note(found.changes)
        self._note(self.ladder.tick().changes)

    def _note(self, changes: list[FaultChange]) -> None:
        self.said += [(change.fault, change.holds) for change in changes if change.holds or self.said]


NO_VIDEO, NO_SERVICE = (DeviceFault.NO_VIDEO, True), (DeviceFault.NO_SERVICE, True)


def test_no_video_is_certain_after_three_failures_and_a_later_sign_of_life() -> None:
    street = Street()
    street.see("onvif")
    street.see("rtsp", Reason.NO_VIDEO)
    assert street.rechecks == {"rtsp", "icmp", "onvif"}
    street.see("rtsp", Reason.NO_VIDEO)
    street.see("rtsp", Reason.NO_VIDEO)
    assert street.said == []  # nothing has been heard of it since
    street.see("icmp")
    assert street.said == []  # its services may have failed too
    street.see("onvif")
    assert street.said == [NO_VIDEO]
    street.see("rtsp", Reason.NO_VIDEO)
    assert street.said == [NO_VIDEO]
    assert street.ladder.rung(CAMERA.id) is Rung.NO_VIDEO
    street.see("rtsp")
    assert street.said == [NO_VIDEO, (DeviceFault.NO_VIDEO, False)]


def test_a_camera_that_fell_is_not_said_to_have_no_video() -> None:
    street = Street()
    for _ in range(3):
        street.see("rtsp", Reason.TIMEOUT)
        street.see("icmp", Reason.TIMEOUT)
    street.see("onvif", Reason.TIMEOUT)
    assert street.said == []
    assert not street.ladder.waiting
    assert street.ladder.rung(CAMERA.id) is Rung.NO_NETWORK


@pytest.mark.parametrize("order", [("onvif", "rtsp"), ("rtsp", "onvif")])
def test_no_service_is_told_and_not_that_there_is_no_video_either(order: tuple[str, str]) -> None:
    street = Street()
    street.see("onvif")
    for _ in range(3):
        for check in order:
            street.see(check, Reason.TIMEOUT)
        street.see("icmp")
    assert street.said == [NO_SERVICE]


def test_a_fault_does_not_end_because_the_camera_falls() -> None:
    street = Street(confirm=1)
    street.see("rtsp", Reason.NO_VIDEO)
    street.see("onvif")
    street.see("icmp")
    street.see("icmp", Reason.TIMEOUT)
    street.see("rtsp", Reason.UNREACHABLE)
    street.see("icmp")
    street.see("icmp")
    assert [said for said in street.said if said[0] is DeviceFault.NO_VIDEO] == [NO_VIDEO]


@pytest.mark.parametrize("reason", [Reason.BUSY, Reason.AUTH, Reason.TIMEOUT])
def test_who_is_too_busy_to_show_its_video_has_not_got_it_back(reason: Reason) -> None:
    street = Street(confirm=1)
    street.see("rtsp", Reason.NO_VIDEO)
    street.see("onvif")
    street.see("icmp")
    street.see("rtsp", reason)
    street.see("icmp")
    assert [said for said in street.said if said[0] is DeviceFault.NO_VIDEO] == [NO_VIDEO]
    street.see("rtsp")
    assert (DeviceFault.NO_VIDEO, False) in street.said


def test_a_failure_of_our_own_says_nothing() -> None:
    street = Street(confirm=1)
    street.see("rtsp", Reason.OWN_LOSS)
    street.see("rtsp", Reason.SEND_FAILED)
    assert (street.said, street.ladder.looks(CAMERA.id)) == ([], [])


def test_what_failed_while_we_were_blind_is_forgotten() -> None:
    street = Street()
    street.see("rtsp", Reason.TIMEOUT)
    street.see("rtsp", Reason.TIMEOUT)
    street.ladder.forget_failures()
    street.see("rtsp", Reason.TIMEOUT)
    street.see("icmp")
    assert street.said == []


@pytest.mark.parametrize(("drift", "wrong"), [(5.0, True), (-5.0, True), (4.9, False), (-86_400.0, True)])
def test_the_clock_is_wrong_from_five_seconds_on_to_either_side(drift: float, wrong: bool) -> None:
    street = Street()
    street.see("onvif", Reason.OK, Reading("onvif.clock_drift_s", drift))
    assert ((DeviceFault.WRONG_CLOCK, True) in street.said) is wrong


def test_a_refused_password_is_not_tried_again_at_once() -> None:
    street = Street()
    street.see("rtsp", Reason.AUTH)
    assert street.rechecks == set()
    assert street.said == []  # the account may be wrong everywhere: then that is told, once
    street.see("rtsp", Reason.AUTH, Reading("rtsp.password_refused", True))
    assert street.said == [(DeviceFault.WRONG_PASSWORD, True)]
    street.see("onvif", Reason.OK, Reading("onvif.password_refused", False))
    assert street.said == [(DeviceFault.WRONG_PASSWORD, True), *street.said[1:]]
    assert (DeviceFault.WRONG_PASSWORD, False) not in street.said
    street.see("rtsp", Reason.OK, Reading("rtsp.password_refused", False))
    assert street.said[-2:].count((DeviceFault.WRONG_PASSWORD, False)) == 1


def test_devices_and_checks_that_are_gone_are_forgotten() -> None:
    street = Street(confirm=1)
    street.see("rtsp", Reason.NO_VIDEO)
    street.see("onvif")
    street.see("icmp")
    assert [change.fault for change in street.ladder.current()] == [DeviceFault.NO_VIDEO]
    street.ladder.reload({})
    assert list(street.ladder.current()) == []
    assert street.ladder.looks(DeviceId("c")) == []


@pytest.mark.parametrize(
    ("failing", "reason", "told"),
    [
        ("icmp", Reason.TIMEOUT, "timeout"),
        ("rtsp", Reason.TIMEOUT, "no_video"),
        ("rtsp", Reason.NO_VIDEO, "no_video"),
        ("rtsp", Reason.AUTH, "wrong_password"),
        ("rtsp", Reason.BUSY, "busy"),
        ("onvif", Reason.REFUSED, "no_service"),
    ],
)
def test_the_reason_of_a_camera_that_counts_as_off_line_tells_what_is_missing(
    failing: str, reason: Reason, told: str
) -> None:
    strict = replace(CAMERA, liveness=("icmp", "onvif", "rtsp"))
    clock, uplink = ManualClock(), Uplink(UplinkSettings(), has_references=False)
    states = States({strict.id: strict}, StateSettings(confirm=1), uplink)
    other = Result(DeviceId("other"), "icmp", clock.now().wall, Reason.OK)
    for check in strict.liveness:
        now = clock.advance(1000)
        result = Result(strict.id, check, now.wall, reason if check == failing else Reason.OK)
        uplink.observe_devices([result, replace(other, at=now.wall)], now)
        states.apply([result], now)
    now = clock.advance(20_000)
    uplink.observe_devices([replace(other, at=now.wall)], now)
    states.tick(now)
    state, _, words = Fleet(states).condition(strict.id)
    assert (state, words) == (State.DOWN, told)
