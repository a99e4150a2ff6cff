"""A real systemd as the first process of namespaces of its own, over a copy of this machine's files that is
thrown away: what the units do, they do for real, and nothing of it stays.

Needs root, overlayfs and control groups; ``why_not`` says what is missing. The machine's own service manager,
network and files are not touched: mounts, processes, network, host name and control groups are private.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SYSTEMD = Path("/lib/systemd/systemd")
_CGROUP = Path("/sys/fs/cgroup")
_HIERARCHIES = [
    p for p in (_CGROUP / "systemd", _CGROUP / "unified", _CGROUP) if (p / "cgroup.procs").exists()
]

_ENTER = r"""
set -e
for tree in $CGROUPS; do echo $$ > $tree/cgroup.procs; done
exec unshare --mount --pid --fork --cgroup --uts --ipc --net --mount-proc --kill-child=KILL bash -ec "$INSIDE"
"""

_INSIDE = r"""
mount --make-rprivate /
mount -t tmpfs tmpfs "$BASE"
mkdir "$BASE/up" "$BASE/work" "$BASE/new"
mount -t overlay overlay -o lowerdir=/,upperdir="$BASE/up",workdir="$BASE/work" "$BASE/new"
cd "$BASE/new"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs sys/fs/cgroup
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  umount sys/fs/cgroup; mount -t cgroup2 cgroup2 sys/fs/cgroup
else
  mkdir sys/fs/cgroup/unified sys/fs/cgroup/systemd
  mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
  mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
fi
mkdir -p opt/python opt/src "opt/camwatch/bin" "opt/camwatch/$SITE" old
mount --bind "$PYTHON" opt/python
mount --bind "$VENV/$SITE" "opt/camwatch/$SITE"
mount --bind "$SOURCE" opt/src
echo 'home = /opt/python/bin' > opt/camwatch/pyvenv.cfg
ln -s "/opt/python/bin/$EXECUTABLE" opt/camwatch/bin/python
rm -f etc/systemd/system/*.wants/* run/systemd/system/*
mkdir -p run/systemd/system
printf '[Unit]\nDefaultDependencies=no\nAllowIsolate=yes\n' > run/systemd/system/trial.target
printf '%s\n' '#!/opt/camwatch/bin/python' 'import sys' 'sys.path.insert(0, "/opt/src")' \
  'from monitor.cli import main' 'main()' > opt/camwatch/bin/camwatch
chmod 755 opt/camwatch/bin/camwatch
ip link set lo up
pivot_root . old
umount -l /old
cd /
# A Python built with a shared library looks for it where the service's user may not look.
echo /opt/python/lib > /etc/ld.so.conf.d/00-trial.conf
ldconfig
mount --make-rshared /
export container=trial
exec /lib/systemd/systemd --system --unit=trial.target --log-target=null --show-status=no
"""


def why_not() -> str:
    """What stands against booting here; empty when nothing does."""
    if os.geteuid() != 0:
        return "only root may boot a systemd in namespaces"
    if not SYSTEMD.exists():
        return "no systemd (Debian package systemd)"
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        return "no unshare, nsenter (Debian package util-linux)"
    if not _HIERARCHIES or not os.access(_HIERARCHIES[0], os.W_OK):
        return "no writable control groups"
    return ""


@dataclass(slots=True)
class Machine:
    pid: int
    """Of its first process, as we see it."""

    def run(self, *command: str, check: bool = True) -> str:
        """A command inside, as root; its output."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", *command],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def write(self, path: str, text: str) -> None:
        """A file inside."""
        place = Path(f"/proc/{self.pid}/root{path}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        said = self.run("systemctl", "show", unit, "--property", ",".join(properties))
        return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)

    def until(self, unit: str, name: str, wanted: str, patience_s: float = 90.0) -> str:
        """The property once it holds ``wanted``."""
        end = time.monotonic() + patience_s
        value = ""
        while time.monotonic() < end:
            value = self.show(unit, name).get(name, "")
            if wanted in value:
                return value
            time.sleep(0.2)
        status = self.run("systemctl", "status", unit, check=False)
        raise AssertionError(f"{unit}: {name} stays {value}, not {wanted}\n{status}")


@contextlib.contextmanager
def booted(base: Path) -> Iterator[Machine]:
    """``base``: an empty folder. ``AssertionError`` when it does not come up."""
    groups = [tree / f"camwatch-trial-{os.getpid()}" for tree in _HIERARCHIES]
    for group in groups:
        group.mkdir()
    environment = {
        **os.environ, "CGROUPS": " ".join(map(str, groups)), "INSIDE": _INSIDE, "BASE": str(base),
        "PYTHON": sys.base_prefix, "VENV": sys.prefix, "SOURCE": str(ROOT),
        "EXECUTABLE": Path(sys.executable).resolve().name,
        "SITE": str(Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)),
    }  # fmt: skip
    process = subprocess.Popen(
        ["bash", "-c", _ENTER], env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield Machine(_first(process))
    finally:
        process.kill()
        process.communicate()
        for group in groups:
            _remove(group)


def _first(process: subprocess.Popen[str]) -> int:
    """Wait until systemd answers; the pid of it."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"no boot: {process.communicate()[0]}")
        below = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if below:
            machine = Machine(int(below[0]))
            if "running" in machine.run("systemctl", "is-system-running", check=False):
                return machine.pid
        time.sleep(0.1)
    raise AssertionError("systemd did not come up")


def _remove(group: Path) -> None:
    """The killed processes leave their groups a moment later."""
    end = time.monotonic() + 60
    while group.exists() and time.monotonic() < end:
        for folder, _, _ in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        time.sleep(0.05)
