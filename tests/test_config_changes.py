"""What a reload says it has changed: every section by its name, no value, nothing where nothing changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config import load
from monitor.config.changes import Changes, changes

BASE = """\
[daemon]
state_dir = "state"
[sink]
type = "null"
[states]
confirm = 3
[contract]
online_rate = 96
[remedies]
mode = "off"
[[rule]]
name = "down"
type = "threshold"
state = "down"
[channel.mail]
url = "mailto://u:{key}@127.0.0.1"
secrets = { key = { env = "CAMWATCH_TEST_KEY" } }
[receiver.duty]
channels = ["mail"]
[[level]]
name = "一级"
respond = "30m"
repair = "12h"
[[maintenance]]
name = "升级"
begin = 2026-12-01T22:00:00
end = 2026-12-01T23:00:00
[[report]]
name = "月报"
every = "month"
[[key_event]]
name = "保障"
begin = 2026-12-01T08:00:00
end = 2026-12-05T20:00:00
[[route]]
receiver = "duty"
[[device]]
id = "a"
name = "东门"
address = "127.0.0.5"
"""


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMWATCH_TEST_KEY", "s3cret")


def between(folder: Path, before: str, after: str) -> Changes:
    path = folder / "camwatch.toml"
    path.write_text(before, "utf-8")
    old = load(path)
    path.write_text(after, "utf-8")
    return changes(old, load(path))


def test_where_nothing_changed_nothing_is_said(tmp_path: Path) -> None:
    assert between(tmp_path, BASE, BASE) == Changes(0, 0, 0, (), ())


@pytest.mark.parametrize(
    ("was", "now", "line"),
    [
        ("confirm = 3", "confirm = 4", "~ states"),
        ("online_rate = 96", "online_rate = 97", "~ contract"),
        ('mode = "off"', 'mode = "dry_run"', "~ remedies"),
        ('state = "down"', 'state = "unreachable"', "~ rule down"),
        ("u:{key}", "v:{key}", "~ channel mail"),
        ('repair = "12h"', 'repair = "24h"', "~ level 一级"),
        ("2026-12-01T23", "2026-12-01T22:30:00 #", "~ maintenance 升级"),
        ('every = "month"', 'every = "week"', "~ report 月报"),
        ("2026-12-05T20", "2026-12-06T20", "~ key_event 保障"),
        ('receiver = "duty"', 'receiver = "duty"\ngroup_wait = "1s"', "~ route"),
        ('"127.0.0.5"', '"127.0.0.6"', "~ device a 东门: address"),
        ("[sink]", "[kind.camera]\nchecks = ['icmp', 'tcp']\n[sink]", "~ device a 东门: checks"),
        ("[sink]", "[checks.icmp]\ninterval = '7s'\n[sink]", "~ checks icmp"),
        ("[[route]]", "[receiver.boss]\nchannels = ['mail']\n[[route]]", "+ receiver boss"),
    ],
)
def test_each_section_is_named_and_no_value_is_shown(tmp_path: Path, was: str, now: str, line: str) -> None:
    found = between(tmp_path, BASE, BASE.replace(was, now, 1))
    assert line in found.lines
    assert not any("s3cret" in said or "127.0.0.6" in said for said in found.lines)
    back = between(tmp_path, BASE.replace(was, now, 1), BASE)
    assert (line.replace("+", "-") if line[0] == "+" else line) in back.lines


def test_thousands_of_devices_are_counted_and_some_are_named(tmp_path: Path) -> None:
    many = "".join(f'[[device]]\nid = "n{n}"\nname = "N"\naddress = "127.1.0.{n}"\n' for n in range(1, 201))
    found = between(tmp_path, BASE, BASE + many)
    assert (found.added, len(found.lines)) == (200, 51)
    assert found.lines[-1] == "  … and 150 more like the last"


def test_what_only_a_restart_takes_up_is_said(tmp_path: Path) -> None:
    found = between(tmp_path, BASE, BASE.replace("[daemon]", '[daemon]\nlanguage = "en"'))
    assert found.restart_for == ("daemon.language",) and found.lines == ("~ daemon.language",)
