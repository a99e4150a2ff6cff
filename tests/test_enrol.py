"""Enrolment tells what a camera can do, and a hostile one harms only the process made for that."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.cli.enrol import enrol as enrol_command
from monitor.clock import SystemClock
from monitor.collectors.credentials import BackOff, Credential
from monitor.model import DeviceId, Reason, WallMs
from monitor.secrets import Secret
from monitor.simulate.camera import SimCamera
from monitor.simulate.cameras import CameraServer
from monitor.simulate.faults import Fault
from monitor.storage.ledger.schema import migrate
from monitor.storage.ledger.writer import commit, connect
from monitor.survey.enrol import Enrolled, Enroller, Enrolment
from tests.camera_support import PASSWORD, USER, cameras, fleet


def account(password: str = PASSWORD) -> Credential:
    return Credential("fleet", USER, Secret(password), SystemClock(), BackOff())


async def enrol(enroller: Enroller, server: CameraServer, camera: SimCamera) -> Enrolment:
    return await enroller.enrol(camera.address, server.ports.http, account())


async def test_cameras_are_enrolled_and_nobody_is_lured_elsewhere() -> None:
    faults = [
        Fault.NONE,
        Fault.FOREIGN_XADDR,
        Fault.EMPTY_FIELDS,
        Fault.NONE,
        Fault.REDIRECT,
        Fault.WRONG_RESPONSE,
    ]
    enroller = Enroller()
    async with fleet(len(faults)) as server:
        for camera, fault in zip(cameras(server), faults, strict=True):
            camera.fault = fault
        well, behind_nat, empty, digest_only, redirecting, wrong = cameras(server)
        try:
            found = await enrol(enroller, server, well)
            assert found.ok, found.detail
            assert (found.serial, len(found.profiles), found.ptz) == (well.serial, 3, True)
            assert found.stream_uri.startswith(f"rtsp://{well.address}:{server.ports.rtsp}/Streaming")
            found = await enrol(enroller, server, behind_nat)
            assert found.ok, found.detail
            assert found.stream_uri.startswith(f"rtsp://{behind_nat.address}:")
            # What the library cannot do, said plainly: the onvif check can.
            assert (await enrol(enroller, server, digest_only)).reason is Reason.AUTH
            for camera in (empty, redirecting, wrong):
                assert not (await enrol(enroller, server, camera)).ok, camera.fault
        finally:
            await enroller.close()
        assert server.fleet.strays == 0


@pytest.mark.long
async def test_a_hostile_camera_harms_only_the_process_made_for_it() -> None:
    hostile = [Fault.STALL, Fault.DRIP, Fault.ENDLESS_BODY, Fault.ENDLESS_HEAD, Fault.GZIP_BOMB]
    hostile += [Fault.ENTITY_BOMB, Fault.DEEP_XML, Fault.MANY_ELEMENTS, Fault.GARBAGE, Fault.RESET]
    enroller = Enroller(timeout_s=6)
    async with fleet(1) as server:
        camera = cameras(server)[0]
        try:
            for fault in hostile:
                camera.fault = fault
                assert not (await enrol(enroller, server, camera)).ok, fault
                camera.fault = Fault.NONE
                assert (await enrol(enroller, server, camera)).ok, fault
        finally:
            await enroller.close()


def test_the_ledger_keeps_the_latest_enrolment_of_each_device(tmp_path: Path) -> None:
    db = connect(tmp_path / "ledger.db")
    try:
        migrate(db)
        for at, serial in ((1, "old"), (2, "new")):
            commit(db, [Enrolled(DeviceId("c"), WallMs(at), Enrolment(Reason.OK, serial=serial))])
        assert db.execute("SELECT device, at, serial FROM enrolment").fetchall() == [("c", 2, "new")]
    finally:
        db.close()


async def test_the_command_writes_to_the_ledger_and_says_what_failed(tmp_path: Path) -> None:
    async with fleet(4) as server:
        well, _, _, digest_only = cameras(server)
        (tmp_path / "secret").write_text(PASSWORD)
        (tmp_path / "fleet.csv").write_text(
            "id,name,kind,address,checks\n"
            f"a,Gate,camera,{well.address},icmp;onvif\nb,Yard,camera,{digest_only.address},icmp;onvif\n"
        )
        (tmp_path / "camwatch.toml").write_text(
            f'inventory = ["fleet.csv"]\n[daemon]\nstate_dir = "{tmp_path}/new"\n'
            f"[checks.onvif]\nport = {server.ports.http}\n"
            f'credentials = [{{ name = "all", user = "{USER}", password = {{ file = "secret" }} }}]\n'
        )
        arguments = ["-c", str(tmp_path / "camwatch.toml")]
        done = await asyncio.to_thread(CliRunner().invoke, enrol_command, arguments)
    assert done.exit_code == 1, done.output
    assert "1 of 2 enrolled" in done.output
    assert PASSWORD not in done.output
    db = connect(tmp_path / "new" / "ledger.db", read_only=True)
    try:
        assert db.execute("SELECT device, serial FROM enrolment").fetchall() == [("a", well.serial)]
    finally:
        db.close()
