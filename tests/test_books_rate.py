"""``camwatch rate``: any scope, any span, both ways; the figures of the reports and of a naive count."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from monitor.books.period import Length, parse_period, period_of
from monitor.books.settings import Terms
from monitor.books.tally import tallies
from monitor.cli import main
from monitor.reports.figures import read_figures
from tests.reports_support import AFTER, JUNE, ZONE, town


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    town(tmp_path / "state" / "ledger.db").close()
    path = tmp_path / "camwatch.toml"
    path.write_text(f'[daemon]\nstate_dir = "{tmp_path}/state"\nrun_dir = "{tmp_path}"\n')
    return path


def rate(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["rate", "-c", str(config), *arguments])


def plain(config: Path, *arguments: str) -> list[dict[str, Any]]:
    found = rate(config, "--json", *arguments)
    assert found.exit_code == 0, found.output
    answer: list[dict[str, Any]] = json.loads(found.output)
    return answer


def test_the_rates_by_area_are_those_of_the_statement(config: Path) -> None:
    db = town()
    figures = read_figures(db, JUNE, Terms(), AFTER)
    db.close()
    expected = tallies(figures.cameras, lambda s: s.area)
    found = {one["name"]: one for one in plain(config, "--of", "2026-06", "--by", "area")}
    assert found.keys() == expected.keys()
    for area, tally in expected.items():
        assert found[area]["rate"] == tally.rate().percent()
        assert found[area]["rate_without_exclusions"] == tally.gross().percent()
        assert (found[area]["online"], found[area]["excluded_offline"]) == (
            tally.online, tally.excluded_offline,
        )  # fmt: skip
    (everything,) = plain(config, "--of", "2026-06")
    assert everything["below_s"] == sum(
        span.until - span.since for span in figures.moments.below(figures.contract.line_bp)
    )
    assert everything["sampled"] == figures.moments.sampled(figures.samples).percent()


def test_one_camera_over_one_hour_of_its_fault(config: Path) -> None:
    """cam-0 is down from 06-02 00:00 for two hours."""
    (one,) = plain(config, "--from", "2026-06-02 01:30", "--to", "2026-06-02 02:30", "-s", "device=cam-0")
    assert (one["online"], one["offline"], one["rate"]) == (1800, 1800, "50.00%")
    assert (one["breaches"], one["below_s"], one["worst"]["online"], one["devices"]) == (1, 1800, 0, 1)
    (switch,) = plain(config, "--of", "2026-06-02", "-s", "kind=switch")
    assert switch["rate"] == "100.00%"


def test_key_sites_are_held_against_their_own_line(config: Path) -> None:
    (keys,) = plain(config, "--of", "2026-06", "-s", "key_site=true")
    assert keys["breaches"] == 1 and keys["worst"]["online"] < keys["worst"]["counted"]
    text = rate(config, "--of", "2026-06-11", "--by", "site").output
    assert "站点0" in text and "100.00%" in text


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("2026-06-17", Length.DAY),
        ("2026-W25", Length.WEEK),
        ("2026-06", Length.MONTH),
        ("2026q2", Length.QUARTER),
    ],
)
def test_a_period_is_named_as_people_name_it(text: str, length: Length) -> None:
    found = parse_period(text, ZONE)
    assert found == period_of(length, found.first_day, ZONE)
    assert found.since <= JUNE.since + 16 * 86_400 < found.until


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--of", "2026-W60"), 'there is no week "2026-W60"'),
        (("--of", "June"), "not a day"),
        (("--of", "2199-01"), "is in the future"),
        (("--from", "2026-06-01"), "give --from and --to together"),
        (("-s", "street=x"), 'no label "street"'),
        (("--of", "2026-06", "-s", "site=火星"), "no such device in service in that time"),
        (("--of", "2020-01",), "no such device in service in that time"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_clear_words(
    config: Path, arguments: tuple[str, ...], words: str
) -> None:
    found = rate(config, *arguments)
    assert found.exit_code != 0
    assert words in " ".join(found.output.split())
