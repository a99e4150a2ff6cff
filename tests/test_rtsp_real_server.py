"""Against a real server: GStreamer's RTSP server with Digest, and real H.264 and H.265 made by ffmpeg."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitor.collectors.rtsp.collector import RtspCollector, RtspSettings
from monitor.model import Reason
from tests.camera_support import ask, credentials, env, target, value

PYTHON = "/usr/bin/python3"
PACKAGES = "python3-gi, gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-good, gstreamer1.0-plugins-bad"
GOP = 12


@dataclass(frozen=True, slots=True)
class RealServer:
    port: int
    password: str


def _has_gstreamer() -> bool:
    probe = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    tried = subprocess.run([PYTHON, "-c", probe], capture_output=True) if Path(PYTHON).exists() else None
    return tried is not None and tried.returncode == 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs the Debian package ffmpeg")
    if not _has_gstreamer():
        pytest.skip(f"needs the Debian packages {PACKAGES}")
    folder = tmp_path_factory.mktemp("streams")
    files = []
    for codec, size, options in (
        ("264", "640x360", ["-preset", "ultrafast", "-bf", "0", "-g", str(GOP)]),
        (
            "265",
            "640x360",
            ["-preset", "ultrafast", "-x265-params", f"bframes=0:keyint={GOP}:log-level=none"],
        ),
        ("264", "1920x1080", ["-preset", "ultrafast", "-bf", "0", "-g", str(GOP), "-b:v", "6M"]),
    ):
        path = folder / f"{len(files)}.h{codec}.mp4"
        source = f"testsrc2=size={size}:rate=25"
        made = ["-frames:v", "60", "-pix_fmt", "yuv420p", "-c:v", f"libx{codec}", *options, str(path)]
        subprocess.run(["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", source, *made], check=True)
        files.append(str(path))
    script = str(Path(__file__).parent / "gst_rtsp_server.py")
    process = subprocess.Popen(
        [PYTHON, script, "admin", "gate-7-east", *files],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        yield RealServer(int(process.stdout.readline()), "gate-7-east")
        process.kill()


def collector(server: RealServer, tmp_path: Path, password: str = "", **more: object) -> RtspCollector:
    accounts = credentials(tmp_path / "secret", password or server.password)
    settings = {"port": server.port, "credentials": accounts, **more}
    return RtspCollector(RtspSettings.model_validate(settings), env())


@pytest.mark.parametrize(("path", "size"), [("/0", (640, 360)), ("/1", (640, 360)), ("/2", (1920, 1080))])
async def test_real_video_is_proven(
    server: RealServer, tmp_path: Path, path: str, size: tuple[int, int]
) -> None:
    check = collector(server, tmp_path, path=path, whole_gop=True)
    result = (await ask(check, [target("127.0.0.1")]))["127.0.0.1"]
    assert result.ok, result.detail
    assert (value(result, "rtsp.width"), value(result, "rtsp.height")) == size
    assert value(result, "rtsp.frame_rate") == pytest.approx(25, rel=0.05)
    assert value(result, "rtsp.gop_frames") == GOP
    assert value(result, "rtsp.packet_loss_percent") == 0
    assert value(result, "rtsp.bit_rate_bps") is not None


async def test_a_real_server_refuses_a_wrong_password_once(server: RealServer, tmp_path: Path) -> None:
    check = collector(server, tmp_path, password="wrong", path="/0")
    result = (await ask(check, [target("127.0.0.1")]))["127.0.0.1"]
    assert result.reason is Reason.AUTH


async def test_a_path_that_is_not_there_is_no_video(server: RealServer, tmp_path: Path) -> None:
    result = (await ask(collector(server, tmp_path, path="/none"), [target("127.0.0.1")]))["127.0.0.1"]
    assert result.reason is Reason.UNEXPECTED
