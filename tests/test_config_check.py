"""`camwatch check`, and the examples we ship."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.check import check as check_all
from monitor.cli.check import check
from monitor.config import load
from monitor.reference import reference
from tests.config_support import DEVICE, written

ROOT = Path(__file__).parents[1]


def test_a_sound_configuration_is_summed_up_with_status_0(tmp_path: Path) -> None:
    path = written(tmp_path, DEVICE)
    result = CliRunner().invoke(check, ["-c", str(path)])
    assert result.exit_code == 0
    assert result.output == (
        f"{path}: 1 device (1 camera), 0 areas, 0 sites (0 key), 0 rules, 0 routes, 0 channels; "
        "0 errors, 0 warnings\n"
    )


def test_faults_are_one_a_line_errors_first_with_status_1(tmp_path: Path) -> None:
    path = written(tmp_path, DEVICE + '[receiver.duty]\nchannels = ["mail"]\n[daemon]\nlangage = "en"\n')
    result = CliRunner().invoke(check, ["-c", str(path)])
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f'{path}: daemon.langage: unknown key; did you mean "language"?',
        f'{path}: receiver.duty.channels[1]: no channel is called "mail"; define [channel.mail]',
        f'{path}: receiver.duty: warning: no route leads to the receiver "duty"',
        f"{path}: 2 errors, 1 warning",
    ]


def test_warnings_alone_leave_status_0(tmp_path: Path) -> None:
    path = written(tmp_path, DEVICE + "include = []\n".join(["", ""]) + '[[site]]\nname = "S"\n')
    path.write_text('include = ["rules.d/*.toml"]\n' + DEVICE)
    result = CliRunner().invoke(check, ["-c", str(path)])
    assert result.exit_code == 0
    assert "0 errors, 1 warning" in result.output


def test_the_example_configuration_is_sound_without_a_warning() -> None:
    assert check_all(ROOT / "etc" / "camwatch.toml") == []
    config = load(ROOT / "etc" / "camwatch.toml")
    assert {rule.name for rule in config.rules} >= {
        "camera-online-rate",
        "camera-online-rate-by-area",
        "key-site-online-rate",
    }


def test_the_example_channels_work_once_they_are_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "etc", tmp_path / "etc")
    examples = sorted((tmp_path / "etc" / "channels.d").glob("*.example"))
    assert examples
    for example in examples:
        example.rename(example.with_suffix(""))
    main = tmp_path / "etc" / "camwatch.toml"
    names = ["mail", *(example.name.split(".")[0] for example in examples)]
    text = main.read_text("utf-8").replace('channels = ["mail"]', f"channels = {names}".replace("'", '"'))
    main.write_text(text, "utf-8")
    for variable in ("WECOM_KEY", "WEBHOOK_TOKEN", "SMS_PASSWORD"):
        monkeypatch.setenv(variable, "sesame")
    assert check_all(main) == []
    assert set(load(main).channels) == set(names)


def test_the_example_levels_rosters_and_planned_work_are_sound_once_they_are_renamed(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "etc", tmp_path / "etc")
    for example in (tmp_path / "etc" / "alerting.d").glob("*.example"):
        example.rename(example.with_suffix(""))
    levels = tmp_path / "etc" / "levels.d"
    (levels / "contract-a.toml").unlink()
    (levels / "contract-b.toml.example").rename(levels / "contract-b.toml")
    main = tmp_path / "etc" / "camwatch.toml"
    text = main.read_text("utf-8")
    main.write_text(re.sub(r"(\[receiver.duty\]\n)[^\n]*", r'\1roster = "duty"', text), "utf-8")
    assert check_all(main) == []
    config = load(main)
    assert [level.name for level in config.policy.levels] == ["1", "2", "3", "4"]
    assert set(config.policy.rosters) == {"duty"}
    assert len(config.policy.maintenance) == 2


def test_the_reference_tells_what_the_code_does() -> None:
    """Write it anew with: python -m monitor.reference > docs/configuration.md"""
    assert (ROOT / "docs" / "configuration.md").read_text("utf-8") == reference()
