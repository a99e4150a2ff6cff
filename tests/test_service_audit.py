"""The audit of what we stand on finds what it is for, and never passes off a look that did not take place."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon_support import ROOT
from tools.audit import Advisories, faults, look_up, pins, read_report, report

LOCK = "aa==1.0 \\\n    --hash=sha256:11 \\\n    --hash=sha256:22\n    # via x\nb.b[e]==2.0 --hash=sha256:3\n"


def test_what_is_pinned_is_read() -> None:
    found = pins(LOCK)
    assert {name: (pin.version, pin.hashes) for name, pin in found.items()} == {
        "aa": ("1.0", 2),
        "b-b": ("2.0", 1),
    }


@pytest.mark.parametrize(
    ("lock", "dev", "wanted", "installed", "told"),
    [
        (LOCK, LOCK, "aa\n", {"aa": "1.0"}, []),
        (LOCK, LOCK, "aa\nCC>=1\n", {}, ["cc is wanted"]),
        ("aa==1.0\n", LOCK, "", {}, ["aa is pinned without a hash"]),
        (LOCK, LOCK.replace("2.0", "2.1"), "", {}, ["b-b is 2.0"]),
        (LOCK, LOCK, "", {"b-b": "1.9"}, ["b-b 1.9 is installed, 2.0 is pinned"]),
    ],
)
def test_each_fault_of_the_locks_is_told(
    lock: str, dev: str, wanted: str, installed: dict[str, str], told: list[str]
) -> None:
    found = list(faults(lock, dev, wanted, installed))
    assert len(found) == len(told) and all(want in got for want, got in zip(told, found, strict=True)), found


HOLE = {"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": [], "description": "x"}


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([{"name": "aa", "version": "1.0", "vulns": []}], "1 packages looked up, 0 known holes"),
        ([{"name": "aa", "version": "1.0", "vulns": [HOLE]}], "1 packages looked up, 1 known holes"),
        # As pip-audit 2.10 answers, with status 0, where its service is out of reach.
        ([{"name": "aa", "skip_reason": "Dependency not found …"}], "SKIPPED"),
        (
            [{"name": "aa", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "…"}],
            "1 could NOT be looked up",
        ),
    ],
)
def test_an_audit_that_looked_nothing_up_does_not_say_that_all_is_well(
    entries: list[dict[str, object]], told: str
) -> None:
    found = read_report(json.dumps({"dependencies": entries, "fixes": []}))
    assert told in report(found)
    assert bool(found.holes) == ("1 known" in told)


@pytest.mark.parametrize("code", ["raise SystemExit('no way out')", "print('<html>')", None])
def test_without_a_service_it_says_so_and_does_not_fail(
    code: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if code is not None:
        (tmp_path / "pip_audit").mkdir()
        (tmp_path / "pip_audit" / "__init__.py").touch()
        (tmp_path / "pip_audit" / "__main__.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(ROOT)] if code else [])
    found = look_up(tmp_path / "lock")
    assert isinstance(found, Advisories) and found.why and "SKIPPED" in report(found)


def test_the_locks_of_this_tree_hold_and_name_no_index() -> None:
    """Where packages come from is the machine's affair (pip's configuration), not the tree's."""
    done = subprocess.run(
        [sys.executable, "-c", "import tools.audit as a; a.look_up = lambda _: a.Advisories(why='a test'); "
         "raise SystemExit(a.main())"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 faults" in done.stdout and "SKIPPED" in done.stdout
    for name in ("requirements.lock", "requirements-dev.lock", "requirements.in", "requirements-dev.in"):
        text = (ROOT / name).read_text()
        assert "://" not in text.replace("#    ", "") and "--index-url" not in text.partition("#\n")[0]
