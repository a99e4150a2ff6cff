"""The documents that people act by name everything there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.cli import COMMANDS, main
from monitor.datafiles import DOCS
from monitor.pipeline import OWN_TROUBLES


@pytest.mark.parametrize("book", ["runbook.md", "runbook.zh-CN.md"])
def test_each_alert_of_our_own_is_in_the_runbook_and_no_other(book: str) -> None:
    rows = re.findall(r"^\| `(\w+)`", (DOCS / book).read_text("utf-8"), re.M)
    assert sorted(rows) == sorted(OWN_TROUBLES)


def test_every_topic_is_shown_and_a_wrong_one_is_corrected() -> None:
    listed = CliRunner().invoke(main, ["help"])
    assert {"install", "runbook.zh-CN", "configuration"} <= {
        line.split()[0] for line in listed.output.splitlines()
    }
    assert "camwatch install-service" in CliRunner().invoke(main, ["help", "install"]).output
    wrong = CliRunner().invoke(main, ["help", "instal"])
    assert wrong.exit_code == 1 and 'did you mean "install"?' in wrong.output


def test_help_knows_commands_too_and_topics_are_completed() -> None:
    said = CliRunner().invoke(main, ["help", "exclude"], prog_name="camwatch")
    assert said.exit_code == 0 and said.output.startswith("Usage: camwatch exclude ")
    words = {"_CAMWATCH_COMPLETE": "bash_complete", "COMP_WORDS": "camwatch help ru", "COMP_CWORD": "2"}
    offered = CliRunner().invoke(main, prog_name="camwatch", env=words, complete_var="_CAMWATCH_COMPLETE")
    assert offered.output.split() == ["plain,runbook", "plain,runbook.zh-CN"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_can_be_called_and_explains_itself(name: str) -> None:
    done = CliRunner().invoke(main, [name, "--help"])
    assert done.exit_code == 0 and len(done.output.splitlines()) > 3


ROOT = Path(__file__).parents[1]


def commands_of(page: Path) -> list[str]:
    """The commands of its shell blocks, without what is said beside them."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    lines = [re.sub(r"\s+#\s.*", "", line).strip() for block in blocks for line in block.splitlines()]
    return [line.replace("新版本", "NEW") for line in lines if line]


@pytest.mark.parametrize("page", ["README", "docs/install", "docs/runbook"])
def test_both_languages_have_the_same_commands_settings_and_names(page: str) -> None:
    english, chinese = ROOT / f"{page}.md", ROOT / f"{page}.zh-CN.md"
    assert commands_of(english) == commands_of(chinese)
    named = [
        {name for name in re.findall(r"`([^`\n]+)`", text.read_text("utf-8")) if name.isascii()}
        for text in (english, chinese)
    ]
    told = [
        {name for name in names if re.match(r"(sudo |camwatch |systemctl |\[|/|make )", name)}
        for names in named
    ]
    assert told[0] ^ told[1] <= {
        "camwatch help install",
        "camwatch help install.zh-CN",
        "camwatch test-notify RECEIVER",
    }


@pytest.mark.parametrize(
    "page", [*sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("README*.md"))], ids=lambda p: p.name
)
def test_every_command_that_a_page_names_is_there(page: Path) -> None:
    inside = re.findall(r"`([^`\n]*)`", page.read_text("utf-8")) + commands_of(page)
    named = {
        word for text in inside for word in re.findall(r"(?:^|[ /])camwatch ([a-z][a-z-]+)(?= |$|`)", text)
    }
    assert named <= COMMANDS.keys(), page
