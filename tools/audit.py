"""What Camwatch stands on is what was pinned, and no known hole is in it.

    python -m tools.audit

Always, without any network: each requirement is pinned to one version with its hashes, both locks agree, and
what is installed here is what they say. Then the advisories: by pip-audit, where that is installed and reaches
its service. Where it does not, that is said, package by package if need be, and is no failure: an audit that
did not take place must neither stop a build on a machine without a way out nor pass for a clean bill of health.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK, DEV_LOCK, WANTED = "requirements.lock", "requirements-dev.lock", "requirements.in"
_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Pin:
    name: str
    version: str
    hashes: int


def canonical(name: str) -> str:
    """As PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> dict[str, Pin]:
    """The requirements of a lock file, by canonical name."""
    found = {}
    for entry in re.sub(r"\\\n\s*", " ", lock).splitlines():
        pin = _PIN.match(entry.strip())
        if pin is not None:
            name = canonical(pin["name"])
            found[name] = Pin(name, pin["version"], entry.count("--hash=sha256:"))
    return found


def faults(lock: str, dev_lock: str, wanted: str, installed: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the locks, and with this environment by them. ``installed``: version by name."""
    run, dev = pins(lock), pins(dev_lock)
    for name in map(canonical, re.findall(rf"^{_NAME.pattern}", wanted, re.M)):
        if name not in run:
            yield f"{name} is wanted, but {LOCK} does not pin it"
    for name, pin in sorted({**dev, **run}.items()):
        if not pin.hashes:
            yield f"{name} is pinned without a hash"
        if name in run and (name not in dev or dev[name].version != pin.version):
            yield f"{name} is {pin.version} in {LOCK} and something else in {DEV_LOCK}"
        here = installed.get(name)
        if here is not None and here != pin.version:
            yield f"{name} {here} is installed, {pin.version} is pinned"


@dataclass(frozen=True, slots=True)
class Advisories:
    holes: tuple[str, ...] = ()
    looked_up: int = 0
    skipped: int = 0
    why: str = ""
    """Why nothing was looked up at all."""


def read_report(text: str) -> Advisories:
    """pip-audit's JSON. It ends well, and says so, also when it could look up none of them."""
    entries = json.loads(text)["dependencies"]
    holes = tuple(
        f"{entry['name']} {entry['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or '-'}"
        for entry in entries
        for hole in entry.get("vulns", ())
    )
    skipped = sum("skip_reason" in entry for entry in entries)
    return Advisories(holes, len(entries) - skipped, skipped)


def look_up(lock: Path) -> Advisories:
    """Ask the advisories' service about every pinned package."""
    if importlib.util.find_spec("pip_audit") is None:
        return Advisories(why="pip-audit is not installed here")
    command = [sys.executable, "-m", "pip_audit", "--format=json", "--progress-spinner=off", "--disable-pip"]
    try:
        done = subprocess.run(
            [*command, "--timeout=10", f"--requirement={lock}"],
            capture_output=True, text=True, timeout=_PATIENCE_S, check=False,
        )  # fmt: skip
        return read_report(done.stdout)
    except subprocess.TimeoutExpired:
        return Advisories(why=f"pip-audit did not end within {_PATIENCE_S} s")
    except (ValueError, KeyError, TypeError):
        last = done.stderr.strip().splitlines()[-1:] or ["it says nothing"]
        return Advisories(why=f"pip-audit failed: {last[0][:200]}")


def report(advisories: Advisories) -> str:
    """One line for a person."""
    if advisories.why:
        return f"advisories: SKIPPED, {advisories.why}"
    if not advisories.looked_up:
        return "advisories: SKIPPED, the service could not be reached or knows none of the packages"
    left = f"; {advisories.skipped} could NOT be looked up" if advisories.skipped else ""
    return f"advisories: {advisories.looked_up} packages looked up, {len(advisories.holes)} known holes{left}"


def main() -> int:
    installed = {canonical(d.metadata["Name"]): d.version for d in metadata.distributions()}
    texts = [(ROOT / name).read_text("utf-8") for name in (LOCK, DEV_LOCK, WANTED)]
    found = list(faults(*texts, installed))
    print(f"dependencies: {len(pins(texts[1]))} pinned, {len(found)} faults")
    advisories = look_up(ROOT / DEV_LOCK)
    print(report(advisories))
    for fault in (*found, *advisories.holes):
        print(f"  {fault}")
    return 1 if found or advisories.holes else 0


if __name__ == "__main__":
    sys.exit(main())
