"""A folder of faults: each bad file has its exact messages beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.check import check

FOLDER = Path(__file__).parent / "bad_config"
FILES = sorted(FOLDER.glob("*.toml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_bad_file_is_told_all_its_faults_in_these_words(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(FOLDER)
    monkeypatch.delenv("CAMWATCH_TEST_KEY", raising=False)
    told = "".join(f"{problem}\n" for problem in check(Path(file.name)))
    assert told == file.with_suffix(".txt").read_text("utf-8")


def test_no_bad_file_is_accepted() -> None:
    """A text of no errors would hold the test above without a fault being found."""
    assert FILES
    for file in FILES:
        lines = file.with_suffix(".txt").read_text("utf-8").splitlines()
        assert any(": warning: " not in line for line in lines), file.name


def test_no_message_repeats_what_may_be_a_secret() -> None:
    assert "a-real-key" not in (FOLDER / "secrets.txt").read_text("utf-8")
