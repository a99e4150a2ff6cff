"""``camwatch baseline``: history tried out, and what was learned shown."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from monitor.cli.baseline import baseline
from monitor.control.baselines import BaselineCommands
from monitor.control.server import ControlServer
from monitor.jobs.learned import Learned
from monitor.model import DeviceId, Instant, MonoMs, WallMs
from monitor.rules.baseline.rule import BaselineRule
from monitor.rules.baseline.settings import BaselineSettings
from tests.baseline_support import PER_DAY, START, STEP, daily, timed
from tests.core_support import town

CAMERA = DeviceId("cam0.0.1")
METRIC = "ping.average_response_ms"


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


def test_replay_alerts_no_more_than_the_rule_would(history: Path) -> None:
    """One wild sample in an ordinary day."""
    lines = history.read_text("utf-8").splitlines()[: 8 * PER_DAY + 1]
    lines[7 * PER_DAY] = lines[7 * PER_DAY].split(",")[0] + ",5000"
    history.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = CliRunner().invoke(baseline, ["replay", str(history), "--timezone", "UTC", "--holidays", "none"])
    assert found.output == f"{8 * PER_DAY} samples, 0 alerts\n"


def test_replay_names_the_line_that_it_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "broken.csv"
    path.write_text("time,value\n2026-01-01T00:00,1\nyesterday,2\n", encoding="utf-8")
    found = CliRunner().invoke(baseline, ["replay", str(path)])
    assert found.exit_code == 1
    assert f"{path}:3: not a time and a value" in found.output


@contextlib.asynccontextmanager
async def daemon_that_has_learned(tmp_path: Path) -> AsyncIterator[list[str]]:
    """The control socket of a town where one camera's round trip was learned; the options to find it."""
    world, rule = (
        town(),
        BaselineRule(
            BaselineSettings.model_validate(
                {"name": "odd", "type": "baseline", "metric": METRIC, "timezone": "UTC", "holidays": "none"}
            )
        ),
    )
    list(rule.reload(world.pipeline.states))
    key = (CAMERA, ())
    for t, v in timed(daily(3, random.Random(2))):
        rule.learner.add(key, v, WallMs(t * 1000))
        list(rule.learner.judge(rule.learner.ready(WallMs((t + STEP) * 1000)), frozenset()))
    now = Instant(WallMs((START + STEP * 3 * PER_DAY) * 1000), MonoMs(0))
    rule.alerts.add(key, now.wall, 99.0, 40.0, 60.0)
    world.pipeline.book.rules["odd"] = rule
    core: Any = SimpleNamespace(
        pipeline=world.pipeline,
        clock=SimpleNamespace(now=lambda: now),
        config=SimpleNamespace(daemon=SimpleNamespace(state_dir=tmp_path)),
    )
    config = tmp_path / "camwatch.toml"
    config.write_text(f'[daemon]\nrun_dir = "{tmp_path / "run"}"\ntimezone = "UTC"\n', encoding="utf-8")
    server = ControlServer(
        tmp_path / "run" / "control.sock", BaselineCommands(core, Learned(core, now.wall)).handlers()
    )
    await server.start()
    yield ["-c", str(config)]
    await server.stop()


async def ask(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, baseline, list(arguments))


async def test_show_asks_the_daemon_for_band_budget_and_alerts_and_draws_them(tmp_path: Path) -> None:
    png = tmp_path / "band.png"
    async with daemon_that_has_learned(tmp_path) as config:
        found = await ask("show", CAMERA, METRIC, "--hour", "6", "--png", str(png), *config)
    assert found.exit_code == 0, found.output
    heading, usual, bar, alert, hour = found.output.splitlines()
    assert METRIC in heading and "rule odd" in heading
    assert "ms … " in usual and "known for 2 days" in usual
    assert bar.strip() == "bar 1.00, 1 alerts in seven days"
    assert "99 ms  (40 ms … 60 ms)" in alert
    assert hour.strip().startswith("06:00  working day")
    assert png.read_bytes().startswith(b"\x89PNG")


async def test_relearn_begins_anew_what_the_daemon_has_learned(tmp_path: Path) -> None:
    async with daemon_that_has_learned(tmp_path) as config:
        found = await ask("relearn", CAMERA, METRIC, *config)
        assert (found.exit_code, found.output) == (0, "1 series are learned anew\n")
        assert "nothing learned yet" in (await ask("show", CAMERA, METRIC, *config)).output


@pytest.mark.parametrize("command", ["show", "relearn"])
async def test_what_is_not_there_is_named(tmp_path: Path, command: str) -> None:
    async with daemon_that_has_learned(tmp_path) as config:
        metric = await ask(command, CAMERA, "ping.nonsense", *config)
        device = await ask(command, "nobody", METRIC, *config)
    assert metric.exit_code == device.exit_code == 1
    assert f'no baseline rule watches "ping.nonsense"; watched: {METRIC}' in metric.output
    assert 'no device has the id, name or address "nobody"' in device.output
