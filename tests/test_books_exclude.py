"""Exclusions by command: entered, changed, audited; what makes no sense is refused in clear words."""

from __future__ import annotations

import json
import shlex
import sqlite3
import threading
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from monitor.books import exclude as books
from monitor.books.exclude import Draft
from monitor.books.exclusion import Cause, Reach
from monitor.books.period import Period, parse_moment
from monitor.books.read import read_records
from monitor.books.records import Span
from monitor.books.tally import Tally, tally
from monitor.books.timeline import segments_of
from monitor.cli import main
from monitor.storage.ledger import connect
from monitor.storage.ledger.schema import STEPS
from tests.books_oracle import Change, Facts, Member
from tests.books_support import empty_ledger, write
from tests.reports_support import town

ZONE = ZoneInfo("Asia/Shanghai")
NOON = parse_moment("2026-07-01 12:00", ZONE)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A ledger with one camera that is down from noon on."""
    state = tmp_path / "state"
    state.mkdir()
    db = empty_ledger(state / "ledger.db")
    facts = Facts(
        runs=[((NOON - 7200) * 1000, (NOON + 7200) * 1000)],
        members=[Member("cam-1", (NOON - 7200) * 1000, None, "车站", "城东", True, "f1")],
        changes=[Change("cam-1", (NOON - 7200) * 1000, "up"), Change("cam-1", NOON * 1000, "down")],
    )
    write(db, facts)
    db.close()
    path = tmp_path / "camwatch.toml"
    path.write_text(f'[daemon]\nstate_dir = "{state}"\nrun_dir = "{tmp_path}"\n')
    return path


def exclude(config: Path, command: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["exclude", command, "-c", str(config), *arguments])


def add(config: Path, **changes: str) -> Result:
    options = {"area": "城东", "from": "2026-07-01 12:00", "to": "2026-07-01 12:30", "cause": "power_cut",
               "by": "李工"} | {name.replace("_", "-"): value for name, value in changes.items()}  # fmt: skip
    return exclude(config, "add", *(part for name, value in options.items() for part in (f"--{name}", value)))


def rate(config: Path) -> Tally:
    db = connect(config.parent / "state" / "ledger.db", read_only=True)
    found = tally(segments_of(read_records(db, Period(NOON - 3600, NOON + 3600, ZONE))))
    db.close()
    return found


def test_an_exclusion_added_afterwards_no_longer_counts_and_both_rates_are_known(config: Path) -> None:
    assert rate(config).rate() == (3600, 7200)
    assert add(config).exit_code == 0
    assert rate(config).rate() == (3600, 5400)
    assert rate(config).gross() == (3600, 7200)


def test_overlapping_exclusions_count_once(config: Path) -> None:
    add(config)
    add(config, to="2026-07-01 12:40", cause="construction")
    assert rate(config).excluded == 2400


def test_every_change_is_audited_with_who_when_before_and_after(config: Path) -> None:
    add(config, note="停电通知 42 号")
    assert exclude(config, "edit", "1", "--to", "2026-07-01 12:10", "--by", "王主任").exit_code == 0
    assert exclude(config, "remove", "1", "--by", "赵").exit_code == 0
    assert rate(config).excluded == 0
    changes = json.loads(exclude(config, "list", "--history", "--json").output)
    assert [(c["author"], c["action"]) for c in changes] == [
        ("李工", "added"), ("王主任", "edited"), ("赵", "removed"),
    ]  # fmt: skip
    assert json.loads(changes[1]["before"])["span"] == [NOON, NOON + 1800]
    assert json.loads(changes[1]["after"])["span"] == [NOON, NOON + 600]
    assert json.loads(changes[1]["after"])["note"] == "停电通知 42 号"
    assert changes[2]["after"] == ""
    told = exclude(config, "list", "--history").output.splitlines()
    assert told[1].endswith("王主任 edited exclusion 1; to: 2026-07-01 12:30:00 → 2026-07-01 12:10:00")
    assert (
        "from: 2026-07-01 12:00:00; to: 2026-07-01 12:10:00; cause: power_cut; note: 停电通知 42 号"
        in told[2]
    )


def test_in_a_list_no_time_is_cut_short_however_narrow_the_terminal(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    add(config, note="很长的说明" * 20)
    listed = exclude(config, "list").output
    assert "2026-07-01 12:00:00" in listed and "2026-07-01 12:30:00" in listed and "…" not in listed


def test_third_party_damage_counts_once_the_customer_has_confirmed(config: Path) -> None:
    found = add(config, cause="third_party")
    assert "once the customer has confirmed" in found.output
    assert rate(config).excluded == 0
    exclude(config, "edit", "1", "--confirmed-by", "甲方 张科长")
    assert rate(config).excluded == 1800


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"to": "2026-07-01 11:00"}, "it ends before it begins"),
        ({"to": "2026-07-01 12:00"}, "it ends before it begins"),
        ({"to": "2027-08-01"}, "longer than a year"),
        ({"from": "2100-01-01", "to": "2100-01-02"}, "more than a year ahead"),
        ({"from": "2100-01-01", "to": "2100-01-02", "cause": "weather"}, "cannot be known in advance"),
        ({"area": "城动"}, 'no area "城动" has ever been in the inventory; did you mean 城东?'),
        ({"site": "车站"}, "name one scope only"),
        ({"from": "2026-02-30 12:00"}, "not a time"),
        ({"from": "yesterday"}, "not a time"),
        ({"by": " "}, "somebody must answer for it"),
        ({"note": "a\nb"}, "one line"),
        ({"cause": "laziness"}, "'laziness' is not one of"),
    ],
)
def test_bad_input_is_refused_with_clear_words(config: Path, changes: dict[str, str], words: str) -> None:
    found = add(config, **changes)
    assert found.exit_code != 0
    assert words in " ".join(found.output.split())
    assert rate(config).excluded == 0
    assert exclude(config, "list").output == "no exclusions\n"


def test_an_unknown_or_removed_number_is_refused(config: Path) -> None:
    assert "there is no exclusion 7" in exclude(config, "edit", "7", "--note", "x").output
    add(config)
    exclude(config, "remove", "1")
    assert "has been removed" in exclude(config, "remove", "1").output


def test_nothing_changed_is_said_and_not_audited(config: Path) -> None:
    add(config)
    assert "nothing changed" in exclude(config, "edit", "1", "--cause", "power_cut").output
    assert len(json.loads(exclude(config, "list", "--history", "--json").output)) == 1


def test_without_a_ledger_the_command_says_so(tmp_path: Path) -> None:
    path = tmp_path / "camwatch.toml"
    path.write_text(f'[daemon]\nstate_dir = "{tmp_path}/none"\n')
    assert "there is no ledger yet" in exclude(path, "list").output


def test_a_ledger_of_an_older_camwatch_is_brought_up_to_date(config: Path) -> None:
    path = config.parent / "state" / "ledger.db"
    path.unlink()
    older = next(n for n, step in enumerate(STEPS) if "CREATE TABLE exclusion" in step)
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript("".join(STEPS[:older]) + f"PRAGMA user_version={older};")
    db.close()
    assert exclude(config, "list").output == "no exclusions\n"


def test_it_waits_for_the_daemon_that_is_writing(config: Path) -> None:
    """The daemon holds the write lock; the exclusion is entered as soon as it lets go."""
    path = config.parent / "state" / "ledger.db"
    daemon = connect(path)
    daemon.execute("BEGIN IMMEDIATE")
    done: list[int] = []

    def enter() -> None:
        db = connect(path)
        draft = Draft(Reach.ALL, "", Span(NOON, NOON + 60), Cause.POWER_CUT)
        done.append(books.add(db, draft, "Li", NOON + 100))
        db.close()

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join(0.2)
    assert not done
    daemon.execute("COMMIT")
    thread.join()
    daemon.close()
    assert done == [1]


def test_power_cuts_and_announcements_are_suggested_until_they_are_entered(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    town(state / "ledger.db").close()
    config = tmp_path / "camwatch.toml"
    config.write_text(f'[daemon]\nstate_dir = "{state}"\n')
    notices = tmp_path / "notices.csv"
    notices.write_text(
        "\ufeffreach,name,from,to,cause,note\n"
        "area,城东,2026-06-20 08:00,2026-06-20 12:00,power_cut,停电通知 7 号\n"
    )
    june = ("--from", "2026-06-01", "--to", "2026-07-01", "--announcements", str(notices))
    lines = exclude(config, "suggest", *june).stdout.splitlines()
    assert len(lines) == 2
    assert "--feeder f1" in lines[0] and "'9 of 10 devices fell together'" in lines[0]
    assert "停电通知 7 号" in lines[1]
    for line in lines:
        command = shlex.split(line)
        assert command[:3] == ["camwatch", "exclude", "add"]
        assert exclude(config, *command[2:]).exit_code == 0
    assert exclude(config, "suggest", *june).stdout == "nothing to suggest\n"


def test_planned_work_announced_in_time_is_suggested_by_the_scopes_it_covers(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    town(state / "ledger.db").close()
    config = tmp_path / "camwatch.toml"
    cameras = "".join(
        f'[[device]]\nid = "cam-{n}"\nname = "c"\naddress = "10.0.1.{n}"\nsite = "站点{n % 4}"\n'
        f'area = "{"城东" if n < 6 else "城西"}"\n'
        for n in range(10)
    )
    config.write_text(
        f"""
        [daemon]
        state_dir = "{state}"
        [[maintenance]]
        name = "fibre"
        select = {{ area = "城东" }}
        begin = 2026-06-20T22:00:00
        end = 2026-06-21T02:00:00
        announced = 2026-06-15
        [[maintenance]]
        name = "poles"
        select = {{ id = ["cam-7", "cam-2"] }}
        weekdays = ["wed"]
        at = 02:00:00
        length = "2h"
        announced = 2026-06-12
        [[maintenance]]
        name = "nobody was told"
        begin = 2026-06-22T22:00:00
        end = 2026-06-22T23:00:00
        {cameras}"""
    )
    june = ("--from", "2026-06-14", "--to", "2026-07-01")
    lines = [line for line in exclude(config, "suggest", *june).stdout.splitlines() if "maintenance" in line]
    assert [shlex.split(line)[3:9] for line in lines][:2] == [
        ["--area", "城东", "--from", "2026-06-20 22:00:00", "--to", "2026-06-21 02:00:00"],
        ["--device", "cam-2", "--from", "2026-06-17 02:00:00", "--to", "2026-06-17 04:00:00"],
    ]
    assert len(lines) == 1 + 2 * 2, "two Wednesdays, two cameras"
    assert "announced 2026-06-15" in lines[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("reach,name\n", "the headings from, to, cause, note are missing"),
        ("reach,name,from,to,cause,note\nplanet,x,2026-06-20,2026-06-21,weather,\n", ":2: 'planet' is not"),
        ("reach,name,from,to,cause,note\narea,x,2026-06-21,2026-06-20,power_cut,\n", ":2: it ends before"),
        ("reach,name,from,to,cause,note\narea,x,soon,2026-06-20,power_cut,\n", ':2: not a time: "soon"'),
    ],
)
def test_a_wrong_line_of_the_announcements_is_named(config: Path, text: str, words: str) -> None:
    (config.parent / "notices.csv").write_text(text)
    found = exclude(config, "suggest", "--announcements", str(config.parent / "notices.csv"))
    assert found.exit_code == 1
    assert words in " ".join(found.output.split())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_announcements_are_read_as_excel_saves_them(config: Path, encoding: str) -> None:
    notices = config.parent / "notices.csv"
    text = "reach,name,from,to,cause,note\narea,城东,2026-06-20 08:00,2026-06-20 09:00,power_cut,供电局公告\n"
    notices.write_bytes(text.encode(encoding))
    span = ("--from", "2026-06-01", "--to", "2026-07-01")
    found = exclude(config, "suggest", *span, "--announcements", str(notices))
    assert "--note '供电局公告'" in found.output and "--area '城东'" in found.output
    notices.write_bytes(b"reach,\xff\xff")
    assert "neither UTF-8 nor GB18030" in exclude(config, "suggest", "--announcements", str(notices)).output
