"""The onvif check on simulated cameras over real sockets: what it finds, how it logs in."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.collectors.onvif.collector import OnvifCollector, OnvifSettings
from monitor.model import Reason
from monitor.simulate.camera import Auth
from monitor.simulate.cameras import CameraServer
from monitor.simulate.faults import Fault
from tests.camera_support import ask, cameras, credentials, env, fleet, target, value


def collector(server: CameraServer, tmp_path: Path, password: str = "", **more: object) -> OnvifCollector:
    accounts = credentials(tmp_path / "secret", password) if password else credentials(tmp_path / "secret")
    settings = {"port": server.ports.http, "credentials": accounts, "per_second": 5000, **more}
    return OnvifCollector(OnvifSettings.model_validate(settings), env())


async def test_a_healthy_camera_tells_who_it_is_and_where_its_video_is(tmp_path: Path) -> None:
    async with fleet() as server:
        results = await ask(collector(server, tmp_path), [target(c.address) for c in cameras(server)])
        assert {r.reason for r in results.values()} == {Reason.OK}
        camera = cameras(server)[0]
        result = results[camera.address]
        assert value(result, "onvif.serial_number") == camera.serial
        assert value(result, "onvif.profiles") == 3
        assert str(value(result, "onvif.stream_uri")).startswith(f"rtsp://{camera.address}:")
        assert str(value(result, "onvif.snapshot_uri")).startswith(f"http://{camera.address}:")
        assert value(result, "onvif.stream_uri_foreign") is False
        assert abs(float(value(result, "onvif.clock_drift_s") or 0)) <= 1.5
        assert value(result, "onvif.replaced") is False


async def test_both_log_ins_are_found_out_and_remembered(tmp_path: Path) -> None:
    async with fleet(4) as server:
        check = collector(server, tmp_path)
        targets = [target(c.address) for c in cameras(server)]
        first = await ask(check, targets)
        assert {value(r, "onvif.login") for r in first.values()} == {"wsse", "digest"}
        seen = {c.address: (c.seen.requests, c.seen.logins) for c in cameras(server)}
        assert await ask(check, targets)
        for camera in cameras(server):
            requests, logins = seen[camera.address]
            # Five calls, four of them logged in, none wasted on finding out again.
            assert camera.seen.requests - requests == 5
            assert camera.seen.logins - logins == 4
            assert camera.seen.refused == 0


async def test_a_camera_without_password_needs_none(tmp_path: Path) -> None:
    async with fleet(1) as server:
        camera = cameras(server)[0]
        camera.auth = Auth.NONE
        check = OnvifCollector(OnvifSettings(port=server.ports.http), env())
        assert (await ask(check, [target(camera.address)]))[camera.address].ok


async def test_a_password_that_is_wanted_and_not_configured_is_an_auth_failure(tmp_path: Path) -> None:
    async with fleet(4) as server:
        check = OnvifCollector(OnvifSettings(port=server.ports.http), env())
        results = await ask(check, [target(c.address) for c in cameras(server)])
        assert {r.reason for r in results.values()} == {Reason.AUTH}
        assert all("none is configured" in r.detail for r in results.values())


@pytest.mark.parametrize("skew", [-4000.0, -6.0, 7.0, 90_000.0])
async def test_a_wrong_clock_is_measured_and_does_not_keep_us_out(tmp_path: Path, skew: float) -> None:
    async with fleet(4) as server:
        for camera in cameras(server):
            camera.skew_s = skew
        results = await ask(collector(server, tmp_path), [target(c.address) for c in cameras(server)])
        for result in results.values():
            assert result.ok
            assert abs(float(value(result, "onvif.clock_drift_s") or 0) - skew) <= 1.5


async def test_a_changed_serial_is_a_replacement_and_an_unlisted_one_unauthorised(tmp_path: Path) -> None:
    async with fleet(2) as server:
        camera = cameras(server)[0]
        check = collector(server, tmp_path)
        assert value((await ask(check, [target(camera.address)]))[camera.address], "onvif.replaced") is False
        camera.fault = Fault.REPLACED
        result = (await ask(check, [target(camera.address)]))[camera.address]
        assert result.ok
        assert value(result, "onvif.replaced") is True
        assert value(result, "onvif.unauthorised") is True

        spare = collector(server, tmp_path, spares=["SIMREPLACED01"])
        booked = target(camera.address, serial=camera.serial)
        result = (await ask(spare, [booked]))[camera.address]
        assert value(result, "onvif.replaced") is True
        assert value(result, "onvif.unauthorised") is False


async def test_a_camera_that_closes_after_each_answer_is_well(tmp_path: Path) -> None:
    async with fleet(4) as server:
        for camera in cameras(server):
            camera.fault = Fault.CLOSE_EACH
        results = await ask(collector(server, tmp_path), [target(c.address) for c in cameras(server)])
        assert {r.reason for r in results.values()} == {Reason.OK}


async def test_nothing_listening_is_refused(tmp_path: Path) -> None:
    async with fleet(1) as server:
        check = collector(server, tmp_path)
        address = cameras(server)[0].address
        await server.stop()
        assert (await ask(check, [target(address)]))[address].reason is Reason.REFUSED


async def test_a_reboot_is_seen_by_the_boot_count(tmp_path: Path) -> None:
    async with fleet(1) as server:
        camera = cameras(server)[0]
        check = collector(server, tmp_path, wsd_port=server.ports.wsd)
        await check.start()
        try:
            seen = []
            for boot in (41, 41, 42, 42):
                camera.boot = boot
                result = (await ask(check, [target(camera.address)]))[camera.address]
                seen.append((value(result, "onvif.boot_count"), value(result, "onvif.rebooted")))
        finally:
            await check.stop()
        assert seen == [(41, False), (41, False), (42, True), (42, False)]
