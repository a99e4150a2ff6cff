"""A repair is verified by a person, or by checks that have held since; by neither before its time."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.alerts.desk import Desk
from monitor.books.period import Period
from monitor.books.service import read_services
from monitor.books.verify import BY_CHECK, proven
from monitor.cli import main
from monitor.model import IncidentId, Instant
from monitor.simulate.world import World
from monitor.storage.ledger import commit
from monitor.storage.ledger.records import IncidentEvent
from tests.core_support import town
from tests.reports_support import JUNE
from tests.reports_support import town as books

HOLD = 1800


def found(world: World) -> list[IncidentId]:
    return proven(world.db, HOLD, world.clock.now().wall // 1000)


def broken_and_repaired() -> World:
    world = town(cameras=50)
    world.unplug("cam0.1.3")
    world.advance(60)
    world.plug("cam0.1.3")
    world.advance(60)
    return world


def test_what_has_held_for_the_time_of_proof_is_verified_and_only_once() -> None:
    world = broken_and_repaired()
    world.advance(HOLD - 120)
    assert found(world) == []
    world.advance(120)
    assert found(world) == [1]
    commit(world.db, [IncidentEvent(IncidentId(1), world.clock.now().wall, "verified", BY_CHECK, "")])
    assert found(world) == []
    now = world.clock.now().wall // 1000
    (service,) = read_services(world.db, Period(0, now + 1, JUNE.zone), ())
    assert (service.verified, service.verified_by) == (now, BY_CHECK)


def test_what_fell_again_is_not_verified_and_what_was_not_measured_proves_nothing() -> None:
    again = broken_and_repaired()
    again.advance(600)
    again.unplug("cam0.1.3")
    again.advance(60)
    again.plug("cam0.1.3")
    again.advance(HOLD + 600)  # it was restless: its end was waited for
    assert found(again) == [2]
    blind = broken_and_repaired()
    blind.advance(600)
    blind.uplink_up = False
    blind.advance(120)
    blind.uplink_up = True
    blind.advance(HOLD - 300)
    assert found(blind) == []
    blind.advance(360)
    assert 1 in found(blind)
    started = broken_and_repaired()
    started.crash(5000)
    started.advance(HOLD - 60)
    assert found(started) == []
    started.advance(120)
    assert found(started) == [1]


def test_what_a_person_calls_over_while_the_rate_is_low_is_not_proven() -> None:
    world = town(cameras=50)

    def resolve(desk: Desk, now: Instant) -> None:
        for id_ in list(desk.incidents):
            desk.resolve(id_, "Li", "", now)

    world.unplug(*(f"cam0.1.{n}" for n in range(10)))
    world.advance(60)
    world.by_hand(resolve)
    world.advance(HOLD + 60)
    assert found(world) == []


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    db = books(tmp_path / "state" / "ledger.db")
    db.execute("UPDATE incident SET resolved = NULL WHERE id = 1")
    db.close()
    path = tmp_path / "camwatch.toml"
    path.write_text(f'[daemon]\nstate_dir = "{tmp_path}/state"\nrun_dir = "{tmp_path}"\n')
    return path


def test_a_person_verifies_a_repaired_incident_once(config: Path) -> None:
    def verify(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["verify", "-c", str(config), *arguments])
        return result.exit_code, result.output

    assert verify("#2", "called back, 王所", "--by", "李工") == (0, "#2 verified by 李工\n")
    assert verify("2", "--by", "赵") == (1, "Error: #2 has been verified by 李工\n")
    assert verify("1") == (1, "Error: #1 is not repaired yet: there is nothing to verify\n")
    assert verify("99") == (1, "Error: there is no incident #99\n")
    assert verify("3", "--by", " ")[1] == "Error: --by is empty: somebody must answer for it\n"
    assert "not an incident's number" in verify("two")[1]
