"""What ``camwatch install-service`` puts where. ``plan`` only looks; ``carry_out`` writes.

A unit that is there is brought up to date: changes of one's own belong in a drop-in, which is never touched.
The configuration is the administrator's: examples are put in place only where there is none at all.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from monitor.datafiles import ETC, SYSTEMD

_BIN = "/opt/camwatch/bin/camwatch"
"""The command as the unit files name it."""
_UNITS = ("camwatch.service", "camwatch-backup.service", "camwatch-backup.timer")
"""Reports need none: the daemon makes those of ``[[report]]`` when they are due."""
_BACK_OFF_SINCE = 254
RUNS_HERE = Path("/run/systemd/system")
"""There while this machine is run by systemd: sd_booted(3)."""


class Change(StrEnum):
    NEW = "new"
    UPDATED = "updated"
    SAME = "unchanged"


@dataclass(frozen=True, slots=True)
class File:
    path: Path
    content: bytes
    mode: int
    change: Change


@dataclass(frozen=True, slots=True)
class Installation:
    files: tuple[File, ...]
    commands: tuple[tuple[str, ...], ...]
    """To be run when the files are there; none under another root."""
    configured: bool
    """There is a configuration already, which is left alone."""


def systemd_version() -> int | None:
    """The version of this machine's systemd; ``None`` where there is none."""
    try:
        said = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=False)  # noqa: S607 - found by PATH as the administrator's shell would
    except OSError:
        return None
    found = re.match(r"systemd (\d+)", said.stdout)
    return int(found[1]) if found else None


def plan(root: Path, command: Path, version: int | None) -> Installation:
    """``root``: "/" or the tree of a package being built. ``command``: the ``camwatch`` to be run.
    ``version``: of the systemd that will run it."""
    system = root / "etc/systemd/system"
    wanted = [(system / name, _unit(SYSTEMD / name, command), 0o644) for name in _UNITS]
    if version is not None and version >= _BACK_OFF_SINCE:
        wanted.append(
            (system / "camwatch.service.d/back-off.conf", (SYSTEMD / "back-off.conf").read_bytes(), 0o644)
        )
    for kind in ("sysusers", "tmpfiles"):
        source = SYSTEMD / f"camwatch.{kind}.conf"
        wanted.append((root / f"etc/{kind}.d/camwatch.conf", source.read_bytes(), 0o644))
    etc = root / "etc/camwatch"
    configured = (etc / "camwatch.toml").exists()
    if not configured:
        examples = sorted(p for p in ETC.rglob("*") if p.is_file() and "grafana" not in p.parts)
        wanted += [(etc / p.relative_to(ETC), p.read_bytes(), 0o640) for p in examples]
    commands: tuple[tuple[str, ...], ...] = ()
    if root == Path("/"):
        commands = (
            ("systemd-sysusers", "/etc/sysusers.d/camwatch.conf"),
            ("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/camwatch.conf"),
        )
        if RUNS_HERE.exists():  # else an image is being built: there is nobody to be told
            commands += (("systemctl", "daemon-reload"),)
    files = tuple(File(path, content, mode, _change(path, content)) for path, content, mode in wanted)
    return Installation(files, commands, configured)


def carry_out(installation: Installation) -> None:
    """Write what differs, then run the commands. ``OSError`` or ``CalledProcessError`` when one fails."""
    for file in installation.files:
        if file.change is Change.SAME:
            continue
        file.path.parent.mkdir(parents=True, exist_ok=True)
        part = file.path.with_name(f".{file.path.name}.part")
        part.write_bytes(file.content)
        part.chmod(file.mode)
        part.replace(file.path)
    for command in installation.commands:
        subprocess.run(command, check=True)  # noqa: S603 - the three commands above


def _unit(source: Path, command: Path) -> bytes:
    return source.read_text("utf-8").replace(_BIN, str(command)).encode()


def _change(path: Path, content: bytes) -> Change:
    if not path.exists():
        return Change.NEW
    return Change.SAME if path.read_bytes() == content else Change.UPDATED
