"""The documents that people act by name everything there is."""

from __future__ import annotations

import re

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
