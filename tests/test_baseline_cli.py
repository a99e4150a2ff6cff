"""``camwatch baseline``: history tried out, and what was learned shown."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.cli.baseline import baseline
from monitor.model import DeviceId, WallMs
from monitor.rules.baseline.calendar import Holidays, LocalCalendar
from monitor.rules.baseline.learner import Learner
from monitor.rules.baseline.snapshot import save
from tests.baseline_support import PER_DAY, STEP, daily, timed


@pytest.fixture
def history(tmp_path: Path) -> Path:
    values = daily(9, random.Random(1))
    for i in range(8 * PER_DAY, 8 * PER_DAY + 20):
        values[i] += 70
    lines = [f"{datetime.fromtimestamp(t, UTC).isoformat()},{v:.3f}" for t, v in timed(values)]
    path = tmp_path / "history.csv"
    path.write_text("time,value\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_replay_says_how_many_alerts_there_would_have_been_and_when(history: Path) -> None:
    found = CliRunner().invoke(baseline, ["replay", str(history), "--timezone", "UTC", "--holidays", "none"])
    assert found.exit_code == 0, found.output
    *alerts, total = found.output.splitlines()
    assert total == f"{9 * PER_DAY} samples, {len(alerts)} alerts"
    assert any(line.startswith("2026-01-13 00:") for line in alerts)


def test_replay_names_the_line_that_it_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "broken.csv"
    path.write_text("time,value\n2026-01-01T00:00,1\nyesterday,2\n", encoding="utf-8")
    found = CliRunner().invoke(baseline, ["replay", str(path)])
    assert found.exit_code == 1
    assert f"{path}:3: not a time and a value" in found.output


def test_show_prints_the_band_by_hour_and_draws_it(tmp_path: Path) -> None:
    learner = Learner(LocalCalendar(UTC, Holidays.NONE), STEP)
    key = (DeviceId("c1"), (("ifIndex", "3"),))
    for t, v in timed(daily(3, random.Random(2))):
        learner.add(key, v, WallMs(t * 1000))
        list(learner.judge(learner.ready(WallMs((t + STEP) * 1000)), frozenset()))
    state, png = tmp_path / "odd.state", tmp_path / "band.png"
    save(state, learner.snapshot())
    arguments = ["show", str(state), "c1", "--hour", "6", "--png", str(png), "--timezone", "UTC"]
    found = CliRunner().invoke(baseline, arguments)
    assert found.exit_code == 0, found.output
    assert "c1 ifIndex=3: bar 1.00" in found.output
    assert "06:00 working day" in found.output
    assert png.read_bytes().startswith(b"\x89PNG")


def test_show_of_a_device_without_baselines_says_so(tmp_path: Path) -> None:
    state = tmp_path / "odd.state"
    save(state, Learner(LocalCalendar(UTC), STEP).snapshot())
    found = CliRunner().invoke(baseline, ["show", str(state), "c9"])
    assert found.exit_code == 1
    assert 'nothing learned about "c9"' in found.output
