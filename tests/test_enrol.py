"""Enrolment tells what a camera can do, and a hostile one harms only the process made for that."""

from __future__ import annotations

from pathlib import Path

from monitor.clock import SystemClock
from monitor.collectors.credentials import BackOff, Credential
from monitor.enrol import Enrolled, Enroller, Enrolment
from monitor.model import DeviceId, Reason, WallMs
from monitor.secrets import Secret
from monitor.simulate.camera import SimCamera
from monitor.simulate.cameras import CameraServer
from monitor.simulate.faults import Fault
from monitor.storage.ledger.schema import migrate
from monitor.storage.ledger.writer import commit, connect
from tests.camera_support import PASSWORD, USER, cameras, fleet


def account(password: str = PASSWORD) -> Credential:
    return Credential("fleet", USER, Secret(password), SystemClock(), BackOff())


async def enrol(enroller: Enroller, server: CameraServer, camera: SimCamera) -> Enrolment:
    return await enroller.enrol(camera.address, server.ports.http, account())


async def test_cameras_are_enrolled_and_hostile_ones_harm_nobody(tmp_path: Path) -> None:
    faults = [Fault.NONE, Fault.FOREIGN_XADDR, Fault.NONE, Fault.NONE, Fault.WRONG_PASSWORD]
    faults += [Fault.ENDLESS_BODY, Fault.GZIP_BOMB, Fault.EMPTY_FIELDS, Fault.REDIRECT, Fault.STALL]
    enroller = Enroller(memory_mb=384, timeout_s=4)
    async with fleet(len(faults)) as server:
        try:
            for camera, fault in zip(cameras(server), faults, strict=True):
                camera.fault = fault
            well, behind_nat, third, digest_only, *hostile = cameras(server)
            found = await enrol(enroller, server, well)
            assert found.ok, found.detail
            assert (found.serial, len(found.profiles), found.ptz) == (well.serial, 3, True)
            assert found.stream_uri.startswith(f"rtsp://{well.address}:{server.ports.rtsp}/Streaming")

            found = await enrol(enroller, server, behind_nat)
            assert found.ok, found.detail
            assert found.stream_uri.startswith(f"rtsp://{behind_nat.address}:")
            # What the library cannot do, said plainly: the onvif check can.
            assert (await enrol(enroller, server, digest_only)).reason is Reason.AUTH
            for camera in hostile:
                assert not (await enrol(enroller, server, camera)).ok, camera.fault
            assert (await enrol(enroller, server, third)).ok
        finally:
            await enroller.close()
        assert server.fleet.strays == 0


def test_the_ledger_keeps_the_latest_enrolment_of_each_device(tmp_path: Path) -> None:
    db = connect(tmp_path / "ledger.db")
    try:
        migrate(db)
        for at, serial in ((1, "old"), (2, "new")):
            commit(db, [Enrolled(DeviceId("c"), WallMs(at), Enrolment(Reason.OK, serial=serial))])
        assert db.execute("SELECT device, at, serial FROM enrolment").fetchall() == [("c", 2, "new")]
    finally:
        db.close()
