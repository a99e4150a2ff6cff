"""The unit files: sound, tight, put in place as promised, and true under a real systemd."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.cli import main
from monitor.datafiles import SYSTEMD
from monitor.service.install import Change, carry_out, plan
from tests.service_boot import booted, why_not

needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd-analyze (Debian package systemd)"
)
TMPFILES = SYSTEMD / "camwatch.tmpfiles.conf"
SERVICES = ("camwatch.service", "camwatch-backup.service")

CONFIG = """\
[daemon]
uplink = { references = ["127.0.0.1"] }
[checks.icmp]
interval = "1s"
[channel.hook]
url = "json://127.0.0.1:9/?+X={key}"
secrets = { key = { credential = "hook-key" } }
[receiver.duty]
channels = ["hook"]
[[route]]
receiver = "duty"
[[rule]]
name = "down"
type = "threshold"
state = "down"
[[device]]
id = "a"
name = "a"
address = "127.0.0.5"
"""
DROP_IN = """\
[Service]
LoadCredential=hook-key:/etc/camwatch/secrets/hook-key
StandardOutput=append:/run/camwatch.log
StandardError=append:/run/camwatch.log
WatchdogSec=4
TimeoutAbortSec=1
RestartSec=1
"""


def installed(root: Path) -> list[Path]:
    """The units in a tree of their own; the command they run exists."""
    command = root / "camwatch"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    carry_out(plan(root, command, 252))
    return sorted((root / "etc/systemd/system").glob("camwatch*.*e*"))


@needs_analyze
def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    units = installed(tmp_path)
    assert [unit.name for unit in units] == [
        "camwatch-backup.service",
        "camwatch-backup.timer",
        "camwatch.service",
    ]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, units)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_analyze
@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_is_exposed_to_no_more_than_1_5(unit: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(SYSTEMD / unit)], capture_output=True, text=True
    )
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert found is not None and float(found[1]) <= 1.5, done.stdout


def test_the_daemon_gets_one_capability_and_is_not_restarted_over_a_refused_configuration() -> None:
    text = (SYSTEMD / "camwatch.service").read_text()
    assert "AmbientCapabilities=CAP_NET_RAW\nCapabilityBoundingSet=CAP_NET_RAW\n" in text
    assert "RestartPreventExitStatus=78" in text


def test_nothing_is_written_unless_asked(tmp_path: Path) -> None:
    shown = CliRunner().invoke(main, ["install-service", "--root", str(tmp_path)])
    assert shown.exit_code == 0 and "Nothing was changed" in shown.output
    assert list(tmp_path.iterdir()) == []


def test_a_second_time_changes_nothing_and_the_configuration_stays(tmp_path: Path) -> None:
    arguments = ["install-service", "--apply", "--root", str(tmp_path), "--command", "/opt/x/camwatch"]
    first = CliRunner().invoke(main, arguments)
    assert first.exit_code == 0, first.output
    unit = tmp_path / "etc/systemd/system/camwatch.service"
    assert "ExecStart=/opt/x/camwatch run" in unit.read_text()
    mine = tmp_path / "etc/camwatch/camwatch.toml"
    mine.write_text("# mine\n")
    (tmp_path / "etc/camwatch/rules.d/contract.toml").unlink()
    unit.write_text("old")
    again = CliRunner().invoke(main, arguments)
    assert "1 files written" in again.output
    assert mine.read_text() == "# mine\n" and "ExecStart" in unit.read_text()
    assert not (tmp_path / "etc/camwatch/rules.d/contract.toml").exists()


def test_the_wait_between_restarts_grows_where_systemd_can_do_it(tmp_path: Path) -> None:
    def back_off(version: int) -> bool:
        return any(f.path.name == "back-off.conf" for f in plan(tmp_path, Path("/x"), version).files)

    assert not back_off(252) and back_off(254)


def test_the_example_configuration_is_put_in_place_whole_and_readable_by_its_group(tmp_path: Path) -> None:
    files = plan(tmp_path, Path("/x"), None).files
    etc = {f.path.relative_to(tmp_path / "etc/camwatch").as_posix(): f for f in files if f.mode == 0o640}
    assert {"camwatch.toml", "rules.d/contract.toml", "inventory/cameras.csv"} <= etc.keys()
    assert all(file.change is Change.NEW for file in etc.values())


def test_every_folder_of_the_configuration_gets_its_owner_and_mode(tmp_path: Path) -> None:
    ruled = set(re.findall(r"^d /etc/camwatch/(\S+)\s+0750 root camwatch$", TMPFILES.read_text(), re.M))
    files = plan(tmp_path, Path("/x"), None).files
    etc = [f.path.relative_to(tmp_path / "etc/camwatch") for f in files if f.mode == 0o640]
    assert {path.parent.as_posix() for path in etc} - {"."} <= ruled


def test_without_a_running_systemd_nobody_is_told_to_reload(monkeypatch: pytest.MonkeyPatch) -> None:
    def commands(there: bool) -> list[str]:
        monkeypatch.setattr("monitor.service.install.RUNS_HERE", Path("/" if there else "/nowhere"))
        return [command[0] for command in plan(Path("/"), Path("/x"), 252).commands]

    assert commands(there=False) == ["systemd-sysusers", "systemd-tmpfiles"]
    assert commands(there=True)[-1] == "systemctl"


@pytest.mark.long
@pytest.mark.skipif(bool(why_not()), reason=why_not())
def test_under_a_real_systemd_it_runs_hardened_reloads_backs_up_and_is_revived(tmp_path: Path) -> None:
    """install-service --apply, then everything that the unit files promise, by systemd itself."""
    with booted(tmp_path) as machine:
        machine.run("/opt/camwatch/bin/camwatch", "install-service", "--apply")
        machine.write("/etc/camwatch/camwatch.toml", CONFIG)
        machine.write("/etc/camwatch/secrets/hook-key", "secret\n")
        machine.write("/etc/systemd/system/camwatch.service.d/trial.conf", DROP_IN)
        machine.run("systemctl", "daemon-reload")
        machine.run("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/camwatch.conf")
        machine.run("systemctl", "start", "camwatch")

        machine.until("camwatch", "StatusText", "100.00 % on line (1 of 1)")
        pid = machine.show("camwatch", "MainPID")["MainPID"]
        status = machine.run("cat", f"/proc/{pid}/status")
        assert re.search(r"^Cap(Eff|Prm|Bnd|Amb):\s0{12}2000$", status, re.M), status  # CAP_NET_RAW: bit 13
        assert re.search(r"^Seccomp:\s2$", status, re.M) and re.search(r"^NoNewPrivs:\s1$", status, re.M)
        assert re.search(r"^Uid:\s(?!0\s)", status, re.M)
        assert machine.run("stat", "-c", "%a %U", "/var/lib/camwatch", "/run/camwatch/control.sock") == (
            "700 camwatch\n600 camwatch\n"
        )
        assert machine.run("stat", "-c", "%a", "/var/lib/camwatch/ledger.db") == "600\n"

        machine.run("systemctl", "reload", "camwatch")
        machine.write("/etc/camwatch/camwatch.toml", CONFIG + "wrong = 1\n")
        assert "failed" in machine.run("systemctl", "reload", "camwatch", check=False).lower()
        assert machine.show("camwatch", "ActiveState")["ActiveState"] == "active"
        machine.write("/etc/camwatch/camwatch.toml", CONFIG)

        machine.run("systemctl", "start", "camwatch-backup")
        assert "camwatch-" in machine.run("ls", "/var/backups/camwatch")

        machine.run("kill", "-STOP", pid)
        machine.until("camwatch", "NRestarts", "1")
        machine.until("camwatch", "StatusText", "100.00 %")
        assert machine.show("camwatch", "MainPID")["MainPID"] != pid

        began = time.monotonic()
        machine.run("systemctl", "stop", "camwatch")
        assert time.monotonic() - began < 20 and machine.show("camwatch", "Result")["Result"] == "success"
        assert "courier" not in machine.run("ps", "-eo", "args")

        # A new machine: the backup alone, then made a service; the books go on under the service's own user.
        machine.run("rm", "-r", "/etc/camwatch", "/var/lib/camwatch")
        (saved,) = machine.run("ls", "/var/backups/camwatch").split()
        machine.run("/opt/camwatch/bin/camwatch", "restore", f"/var/backups/camwatch/{saved}")
        machine.run("/opt/camwatch/bin/camwatch", "install-service", "--apply")
        machine.write("/etc/camwatch/secrets/hook-key", "secret\n")
        machine.run("systemctl", "start", "camwatch")
        machine.until("camwatch", "StatusText", "100.00 % on line (1 of 1)")
        owners = machine.run(
            "stat", "-c", "%a %U %G", "/etc/camwatch/camwatch.toml", "/var/lib/camwatch/ledger.db"
        )
        assert owners == "640 root camwatch\n600 camwatch camwatch\n"
        machine.run("systemctl", "stop", "camwatch")

        machine.write("/etc/camwatch/camwatch.toml", "wrong = 1\n")
        machine.run("systemctl", "start", "camwatch", check=False)
        refused = machine.show("camwatch", "ExecMainStatus", "ActiveState", "NRestarts")
        assert refused == {"ExecMainStatus": "78", "ActiveState": "failed", "NRestarts": "0"}
