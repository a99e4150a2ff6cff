"""``camwatch simulate``: a user gets the cameras and faults asked for, on the loopback and nowhere else."""

from __future__ import annotations

import asyncio
import random
import select
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from monitor.cli.simulate import simulate
from monitor.simulate.camera import Auth, make_fleet
from monitor.simulate.clip import Codec, clip
from monitor.simulate.faults import Fault
from tests.camera_support import PASSWORD, USER, cameras, fleet


def test_cameras_are_made_on_the_loopback_only() -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.0/8"):
        make_fleet("10.0.0.1", 5, "u", "p", random.Random(1))
    with pytest.raises(ValueError, match=r"127\.0\.0\.0/8"):
        make_fleet("127.255.255.250", 100, "u", "p", random.Random(1))
    made = list(make_fleet("127.20.0.250", 40, "u", "p", random.Random(1), skewed=3).cameras.values())
    assert len({camera.serial for camera in made}) == 40
    assert {camera.auth for camera in made} == {Auth.WSSE, Auth.DIGEST}
    assert {camera.codec for camera in made} == set(Codec)
    assert sum(camera.skew_s != 0 for camera in made) == 3


def test_wrong_options_are_named() -> None:
    for arguments in (["--fault", "melt"], ["--count", "2", "--fault", "stall:3"], ["--first", "8.8.8.8"]):
        done = CliRunner().invoke(simulate, arguments)
        assert done.exit_code == 2, done.output


def test_the_command_serves_breaks_and_heals_cameras() -> None:
    command = [sys.executable, "-c", "from monitor.cli.simulate import simulate; simulate()"]
    ports = ["--http-port", "0", "--rtsp-port", "0", "--wsd-port", "0"]
    process = subprocess.Popen(
        [*command, *ports, "--first", "127.32.0.1", "--count", "5", "--fault", "login-page:2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        lines = [process.stdout.readline().split() for _ in range(3)]
        assert lines[:2] == [["127.32.0.5", "login-page"], ["127.32.0.4", "login-page"]]
        assert lines[2][:2] == ["5", "cameras:"]
        process.stdin.write("127.32.0.1 melt\n")
        process.stdin.flush()
        assert select.select([process.stderr], [], [], 60)[0]
        assert "not understood" in process.stderr.readline()
        process.kill()


def test_the_clip_begins_with_a_key_frame_and_repeats_it() -> None:
    for codec in Codec:
        made = clip(codec)
        assert [n for n, frame in enumerate(made.frames) if frame.key] == [0, 25]
        assert len(made.frames) == 50


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs the Debian package ffmpeg")
async def test_another_client_plays_the_stream() -> None:
    async with fleet(5) as server:
        for camera in (cameras(server)[0], cameras(server)[4]):
            url = f"rtsp://{USER}:{PASSWORD}@{camera.address}:{server.ports.rtsp}/live"
            wanted = [
                "-read_intervals",
                "%+#3",
                "-select_streams",
                "v:0",
                "-show_entries",
                "stream=codec_name,width",
            ]
            command = [
                "ffprobe",
                "-v",
                "error",
                "-probesize",
                "20000",
                "-rtsp_transport",
                "tcp",
                *wanted,
                url,
            ]
            done = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            told, _ = await done.communicate()
            name = {Codec.H264: b"h264", Codec.H265: b"hevc"}[camera.codec]
            assert b"codec_name=" + name in told and b"width=320" in told


async def test_a_deaf_camera_comes_back() -> None:
    async with fleet(1) as server:
        camera = cameras(server)[0]
        camera.deaf_until = asyncio.get_running_loop().time() + 3600
        reader, writer = await asyncio.open_connection(camera.address, server.ports.http)
        assert await reader.read() == b""
        writer.close()
        camera.deaf_until = asyncio.get_running_loop().time() + 0.05
        await asyncio.sleep(0.1)
        reader, writer = await asyncio.open_connection(camera.address, server.ports.http)
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: 23\r\n\r\n<GetSystemDateAndTime/>")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
        assert camera.fault is Fault.NONE
