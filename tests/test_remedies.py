"""Remedies: within their limits, written down first, once on the wire, and proven by a key frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from monitor.clock import ManualClock, SystemClock
from monitor.collectors.credentials import BackOff, Credential
from monitor.collectors.http1 import WireError
from monitor.collectors.onvif.talk import Endpoint
from monitor.model import Device, DeviceId, Kind, Reason, Target, WallMs
from monitor.remedies.actors import OnvifReboot, shows_key_frame
from monitor.remedies.attempts import Mode, Remedies, RemedySettings
from monitor.remedies.healer import Healer
from monitor.remedies.poe import PoePort
from monitor.remedies.steps import Action, Remedied, Step, broken_off, recent
from monitor.secrets import Secret
from monitor.simulate.camera import SimCamera
from monitor.simulate.cameras import CameraServer
from monitor.simulate.faults import Fault
from monitor.storage.ledger.schema import migrate
from monitor.storage.ledger.writer import commit, connect
from tests.camera_support import PASSWORD, USER, cameras, env, fleet, target
from tests.test_rtsp_proof import collector as rtsp_collector

if TYPE_CHECKING:
    from monitor.core import Core


class Counting:
    """Stands for a wire: counts what would be sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def act(self, target: Target, rule: str) -> bool:
        self.sent.append(target.ip)
        return True

    async def finish(self, target: Target) -> None:
        """Nothing is ever left to do."""


class Books:
    """A journal that remembers, and the remedies that write to it."""

    def __init__(self, mode: Mode = Mode.ON, **more: object) -> None:
        self.steps: list[Remedied] = []
        self.clock = ManualClock()
        self.wire = Counting()
        self.maintenance: set[str] = set()
        self.settings = RemedySettings.model_validate(
            {"mode": mode, "settle": "0s", "patience": "0s", **more}
        )
        self.remedies = self.anew([])

    def anew(self, history: list[Remedied]) -> Remedies:
        async def proof(target: Target) -> bool:
            return True

        return Remedies(
            self.settings,
            {Action.REBOOT: self.wire},
            proof,
            self._maintained,
            self.journal,
            self.clock,
            history,
        )

    def _maintained(self, device: Device) -> bool:
        return device.id in self.maintenance

    async def journal(self, step: Remedied) -> None:
        self.steps.append(step)


async def test_off_does_nothing_and_a_dry_run_only_writes_down() -> None:
    off, dry = Books(Mode.OFF), Books(Mode.DRY_RUN)
    assert await off.remedies.apply(target("10.0.0.1"), Action.REBOOT, "r") is Step.HELD
    assert await dry.remedies.apply(target("10.0.0.1"), Action.REBOOT, "r") is Step.DRY_RUN
    assert (off.wire.sent, dry.wire.sent) == ([], [])
    assert (off.steps, [s.step for s in dry.steps]) == ([], [Step.DRY_RUN])


async def test_each_step_is_written_and_the_request_before_it_is_sent() -> None:
    books = Books()
    assert await books.remedies.apply(target("10.0.0.1"), Action.REBOOT, "no video") is Step.CURED
    assert [s.step for s in books.steps] == [Step.ASKED, Step.ACCEPTED, Step.CURED]

    class NoDisk(Exception):
        pass

    async def full(step: Remedied) -> None:
        raise NoDisk

    books.remedies._journal = full
    with pytest.raises(NoDisk):
        await books.remedies.apply(target("10.0.0.2"), Action.REBOOT, "no video")
    assert books.wire.sent == ["10.0.0.1"]


async def test_limits_hold_per_device_and_in_all_and_over_a_restart() -> None:
    books = Books(per_device_per_day=1, all_per_hour=3)
    assert await books.remedies.apply(target("10.0.0.1"), Action.REBOOT, "r") is Step.CURED
    assert await books.remedies.apply(target("10.0.0.1"), Action.REBOOT, "r") is Step.HELD
    again = books.anew(list(books.steps))
    assert await again.apply(target("10.0.0.1"), Action.REBOOT, "r") is Step.HELD
    for host in (2, 3):
        assert await again.apply(target(f"10.0.0.{host}"), Action.REBOOT, "r") is Step.CURED
    assert await again.apply(target("10.0.0.4"), Action.REBOOT, "r") is Step.HELD
    books.clock.advance(3_600_001)
    assert await again.apply(target("10.0.0.4"), Action.REBOOT, "r") is Step.CURED
    assert await again.apply(target("10.0.0.1"), Action.REBOOT, "r") is Step.HELD
    books.clock.advance(86_400_000)
    assert await again.apply(target("10.0.0.1"), Action.REBOOT, "r") is Step.CURED
    assert books.wire.sent == ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.1"]


async def test_nothing_is_done_inside_maintenance() -> None:
    books = Books()
    books.maintenance.add("10.0.0.1")
    assert await books.remedies.apply(target("10.0.0.1"), Action.REBOOT, "r") is Step.HELD
    assert (books.wire.sent, books.steps[-1].detail) == ([], "in maintenance")


async def test_a_dry_run_keeps_to_the_limits_as_well() -> None:
    books = Books(Mode.DRY_RUN, per_device_per_day=1, all_per_hour=2)
    steps = [await books.remedies.apply(target(f"10.0.0.{n}"), Action.REBOOT, "r") for n in (1, 1, 2, 3)]
    assert steps == [Step.DRY_RUN, Step.HELD, Step.DRY_RUN, Step.HELD]
    # What was only rehearsed does not stand in the way of what is done.
    books.settings = RemedySettings.model_validate({"mode": "on", "settle": "0s", "patience": "0s"})
    assert await books.anew(books.steps).apply(target("10.0.0.1"), Action.REBOOT, "r") is Step.CURED


async def test_what_the_last_run_began_is_brought_to_its_end_and_not_sent_again() -> None:
    books = Books()
    id_ = target("10.0.0.1").device.id

    def last(step: Step) -> list[Remedied]:
        begun = [
            Remedied(id_, books.clock.now().wall, Action.REBOOT, each, "r")
            for each in (Step.ASKED, step, Step.HELD)
        ]
        return broken_off(begun)

    assert [last(step) for step in (Step.CURED, Step.NOT_CURED, Step.REFUSED)] == [[], [], []]
    (asked,), (accepted,) = last(Step.ASKED), last(Step.ACCEPTED)
    assert await books.remedies.resume(asked, target("10.0.0.1")) is Step.CURED
    assert await books.remedies.resume(accepted, target("10.0.0.1")) is Step.CURED
    books.clock.advance(3_600_000)
    assert await books.remedies.resume(asked, target("10.0.0.1")) is Step.NOT_CURED
    assert books.wire.sent == []
    steps = [Step.UNSURE, Step.CURED, Step.CURED, Step.UNSURE, Step.NOT_CURED]
    assert [step.step for step in books.steps] == steps


def test_the_ledger_tells_the_last_day(tmp_path: Path) -> None:
    db = connect(tmp_path / "ledger.db")
    try:
        migrate(db)
        day = 86_400_000
        device = target("10.0.0.1").device.id
        old, new = (
            Remedied(device, WallMs(at), Action.REBOOT, Step.ASKED, "r", "x") for at in (1, day + 500)
        )
        commit(db, [old, new])
        assert recent(db, WallMs(day + 1000)) == [new]
    finally:
        db.close()


def reboot(server: CameraServer, timeout_s: float = 60.0) -> OnvifReboot:
    account = Credential("fleet", USER, Secret(PASSWORD), SystemClock(), BackOff())
    endpoint = Endpoint(server.ports.http, "/onvif/device_service")
    return OnvifReboot(lambda device: account, lambda device: endpoint, env(), timeout_s)


def on_the_wire(camera: SimCamera) -> int:
    return camera.seen.reboots


@pytest.mark.parametrize("fault", [Fault.NONE, Fault.REBOOTING, Fault.CLOSE_EACH])
async def test_exactly_one_reboot_goes_out_whatever_the_connection_does(fault: Fault) -> None:
    async with fleet(4) as server:  # the fourth wants HTTP Digest
        server.fleet.reboot_s = 0.05
        for camera in cameras(server):
            camera.fault = fault
            taken = await reboot(server).act(target(camera.address), "r")
            assert on_the_wire(camera) == 1
            assert taken is (fault is not Fault.REBOOTING)


async def test_a_refused_password_reboots_nothing() -> None:
    async with fleet(1) as server:
        camera = cameras(server)[0]
        camera.fault = Fault.WRONG_PASSWORD
        with pytest.raises(WireError) as refused:
            await reboot(server).act(target(camera.address), "r")
        assert (refused.value.reason, on_the_wire(camera)) == (Reason.AUTH, 0)


async def test_a_cure_is_proven_by_a_key_frame(tmp_path: Path) -> None:
    async with fleet(2) as server:
        server.fleet.reboot_s = 0.2
        cured, dead = cameras(server)
        rtsp = rtsp_collector(server, tmp_path, timeout="1s")
        books = Books()

        async def proof(target: Target) -> bool:
            return await shows_key_frame(rtsp, target, 2.0)

        def remedies(patience: str) -> Remedies:
            return Remedies(
                Books(patience=patience, again="200ms").settings,
                {Action.REBOOT: reboot(server)},
                proof,
                lambda d: False,
                books.journal,
                books.clock,
            )

        cured.fault = Fault.REBOOTING
        assert await remedies("1m").apply(target(cured.address), Action.REBOOT, "no video") is Step.CURED
        dead.fault = Fault.NO_FRAMES
        assert await remedies("1s").apply(target(dead.address), Action.REBOOT, "no video") is Step.NOT_CURED
        steps = [(s.device, s.step) for s in books.steps]
        assert steps == [
            (cured.address, Step.ASKED),
            (cured.address, Step.UNSURE),
            (cured.address, Step.CURED),
            (dead.address, Step.ASKED),
            (dead.address, Step.ACCEPTED),
            (dead.address, Step.NOT_CURED),
        ]
        assert (on_the_wire(cured), on_the_wire(dead)) == (1, 1)


@pytest.mark.parametrize(
    ("tags", "parents", "wanted"),
    [
        ({"poe_port": "1.7"}, ("sw",), PoePort("10.9.0.1", "1.7")),
        ({"poe_port": "7"}, ("sw", "other"), PoePort("10.9.0.1", "7")),
        ({"poe_port": "1.3.6.x"}, ("sw",), None),
        ({"poe_port": "1.7"}, (), None),
        ({"poe_port": "1.7"}, ("gone",), None),
        ({}, ("sw",), None),
    ],
)
def test_a_camera_has_its_power_from_its_first_parent(
    tags: dict[str, str], parents: tuple[str, ...], wanted: PoePort | None
) -> None:
    switch = Device(DeviceId("sw"), "Switch", Kind.SWITCH, "10.9.0.1")
    core = SimpleNamespace(
        clock=None,
        rng=None,
        config=SimpleNamespace(inventory=SimpleNamespace(devices={switch.id: switch})),
        resolver=SimpleNamespace(ip=lambda address: address),
    )
    camera = replace(target("10.9.1.1", **tags).device, parents=tuple(map(DeviceId, parents)))
    assert Healer(cast("Core", core), lambda: True)._port_of(camera) == wanted
