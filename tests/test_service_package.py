"""The wheel and the sdist hold all that a bare machine needs."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from monitor import __version__
from tests.daemon_support import ROOT

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with wheel and sdist, built from a clean copy as git has it."""
    folder = tmp_path_factory.mktemp("dist")
    source = tmp_path_factory.mktemp("source")
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(source)], input=archive, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(folder), str(source)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder


def test_both_hold_everything(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        sources = {name.partition("/")[2] for name in sdist.getnames()}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for path in tracked.splitlines():
        top = path.split("/")[0]
        if path.startswith("monitor/data/"):
            continue
        if top == "monitor":
            assert path in names and path in sources, path
        elif top in ("etc", "systemd") or (top == "docs" and path.endswith(".md")):
            assert f"monitor/data/{path}" in names, path
            assert f"monitor/data/{path}" in sources, path


def test_installed_into_a_bare_environment_it_works(built: Path, tmp_path: Path) -> None:
    """The libraries come from here; Camwatch itself only from the wheel, seen from an empty home."""
    place = tmp_path / "opt"
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    wheel = next(built.glob("*.whl"))
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel], check=True)
    site = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()
    )  # fmt: skip
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    home = tmp_path / "home"
    home.mkdir()

    def camwatch(*arguments: str) -> str:
        done = subprocess.run(
            [place / "bin" / "camwatch", *arguments], cwd=home, capture_output=True, text=True,
            env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert camwatch("--version") == f"camwatch, version {__version__}\n"
    assert "camwatch install-service" in camwatch("help", "install")
    camwatch("install-service", "--apply", "--root", str(tmp_path / "root"))
    unit = (tmp_path / "root/etc/systemd/system/camwatch.service").read_text()
    assert f"ExecStart={place}/bin/camwatch run" in unit
    assert str(site) in subprocess.run(
        [python, "-c", "import monitor; print(monitor.__file__)"], cwd=home, capture_output=True, text=True
    ).stdout  # fmt: skip
    shell = subprocess.run(
        [place / "bin" / "camwatch"], cwd=home, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "_CAMWATCH_COMPLETE": "bash_source"},
    )  # fmt: skip
    assert "complete" in shell.stdout
