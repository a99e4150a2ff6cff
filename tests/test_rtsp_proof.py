"""The rtsp check on simulated cameras: only frames prove video, and every session is torn down."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from monitor.collectors.rtsp.collector import RtspCollector, RtspSettings
from monitor.model import Reason
from monitor.simulate.cameras import CameraServer
from monitor.simulate.clip import Codec
from monitor.simulate.faults import Fault
from tests.camera_support import ask, cameras, credentials, env, fleet, target, value

REASONS = {
    Fault.STALL: Reason.TIMEOUT,
    Fault.DRIP: Reason.TIMEOUT,
    Fault.ENDLESS_HEAD: Reason.OVERSIZE,
    Fault.GARBAGE: Reason.PROTOCOL,
    Fault.LOGIN_PAGE: Reason.PROTOCOL,
    Fault.REDIRECT: Reason.UNEXPECTED,
    Fault.SERVER_ERROR: Reason.UNEXPECTED,
    Fault.RESET: Reason.PROTOCOL,
    Fault.WRONG_PASSWORD: Reason.AUTH,
    Fault.NO_FRAMES: Reason.NO_VIDEO,
    Fault.NO_KEY_FRAME: Reason.NO_VIDEO,
    Fault.FROZEN: Reason.NO_VIDEO,
    Fault.AUDIO_ONLY: Reason.NO_VIDEO,
    Fault.BUSY: Reason.BUSY,
    Fault.TOO_MANY_USERS: Reason.BUSY,
    Fault.ENDLESS_RTP: Reason.OVERSIZE,
}


def collector(server: CameraServer, tmp_path: Path, **more: object) -> RtspCollector:
    accounts = credentials(tmp_path / "secret")
    settings = {
        "port": server.ports.rtsp,
        "path": "/live",
        "credentials": accounts,
        "per_second": 5000,
        **more,
    }
    return RtspCollector(RtspSettings.model_validate(settings), env())


async def settled(server: CameraServer) -> None:
    """Waits until the simulator has noticed that we are gone."""
    async with asyncio.timeout(60):
        while any(c.seen.sessions for c in cameras(server)):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("codec", list(Codec))
async def test_flowing_video_is_proven_and_measured(tmp_path: Path, codec: Codec) -> None:
    async with fleet(4) as server:
        for camera in cameras(server):
            camera.codec, camera.skew_s = codec, 42.0
        results = await ask(collector(server, tmp_path), [target(c.address) for c in cameras(server)])
        await settled(server)
        for camera in cameras(server):
            result = results[camera.address]
            assert result.ok, result.detail
            assert (value(result, "rtsp.width"), value(result, "rtsp.height")) == (320, 180)
            assert value(result, "rtsp.frame_rate") == pytest.approx(25)
            assert value(result, "rtsp.packet_loss_percent") == 0
            assert value(result, "rtsp.clock_drift_s") == pytest.approx(42, abs=2)
            assert value(result, "rtsp.first_key_frame_ms") is not None
            assert (camera.seen.plays, camera.seen.teardowns, camera.seen.sessions) == (1, 1, 0)


async def test_a_whole_gop_tells_its_length_and_the_bit_rate(tmp_path: Path) -> None:
    async with fleet(1) as server:
        result = (
            await ask(collector(server, tmp_path, whole_gop=True), [target(cameras(server)[0].address)])
        )[cameras(server)[0].address]
        assert value(result, "rtsp.gop_frames") == 25
        # The clip is 20,840 bytes over two seconds.
        assert value(result, "rtsp.bit_rate_bps") == pytest.approx(20_840 * 8 / 2, rel=0.1)


async def test_lost_packets_are_counted(tmp_path: Path) -> None:
    async with fleet(1) as server:
        cameras(server)[0].fault = Fault.PACKET_LOSS
        check = collector(server, tmp_path, whole_gop=True)
        result = (await ask(check, [target(cameras(server)[0].address)]))[cameras(server)[0].address]
        assert result.ok, result.detail
        assert value(result, "rtsp.packet_loss_percent") == pytest.approx(10, abs=4)


async def test_no_fault_passes_for_video_and_each_session_is_ended(tmp_path: Path) -> None:
    async with fleet(len(REASONS) + 10) as server:
        odd = dict(zip(REASONS, cameras(server), strict=False))
        for fault, camera in odd.items():
            camera.fault = fault
        check = collector(server, tmp_path, timeout="4s", max_bytes=1 << 20)
        results = await ask(check, [target(c.address) for c in cameras(server)])
        assert {fault: results[camera.address].reason for fault, camera in odd.items()} == REASONS
        assert all(results[camera.address].detail for camera in odd.values())
        assert all(results[c.address].ok for c in cameras(server) if c.fault is Fault.NONE)
        await settled(server)
        for fault, camera in odd.items():
            assert camera.seen.sessions == 0
            if fault is not Fault.ENDLESS_RTP:  # that one is cut off in the middle
                assert camera.seen.teardowns == camera.seen.plays


async def test_a_camera_is_never_asked_for_two_sessions_at_once(tmp_path: Path) -> None:
    async with fleet(1) as server:
        camera = cameras(server)[0]
        check = collector(server, tmp_path)
        both = await asyncio.gather(*(ask(check, [target(camera.address)]) for _ in range(4)))
        assert all(r[camera.address].ok for r in both)
        assert (camera.seen.plays, camera.seen.peak_sessions) == (4, 1)


async def test_a_check_that_is_cut_short_still_tears_its_session_down(tmp_path: Path) -> None:
    async with fleet(1) as server:
        camera = cameras(server)[0]
        camera.fault = Fault.NO_FRAMES
        running = asyncio.ensure_future(ask(collector(server, tmp_path), [target(camera.address)]))
        async with asyncio.timeout(60):
            while not camera.seen.plays:
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await settled(server)
        assert (camera.seen.teardowns, camera.seen.sessions) == (1, 0)


async def test_a_wrong_password_is_not_tried_on_the_whole_fleet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine: a camera that takes long makes room for another.
    monkeypatch.setattr("monitor.collectors.credentials._PATIENCE_S", 60.0)
    async with fleet(100) as server:
        settings = {
            "port": server.ports.rtsp,
            "credentials": credentials(tmp_path / "secret", "wrong"),
        }
        check = RtspCollector(RtspSettings.model_validate(settings), env())
        for _ in range(2):
            results = await ask(check, [target(c.address) for c in cameras(server)])
            assert {r.reason for r in results.values()} == {Reason.AUTH}
        assert sum(c.seen.refused for c in cameras(server)) == 3
        assert [account.name for account in check.accounts() if account.trouble] == ["fleet"]
