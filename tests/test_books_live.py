"""The live rate and the books are one: what is counted at a moment is what the statement will count."""

from __future__ import annotations

from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.books.moments import moments
from monitor.books.period import Period
from monitor.books.read import read_exclusions, read_records
from monitor.books.records import Stretch
from monitor.books.tally import mask_of
from monitor.books.timeline import segments_of
from monitor.model import Kind
from monitor.simulate.world import World
from monitor.storage.ledger import commit
from monitor.storage.ledger.records import RunAlive
from monitor.tally import CAMERAS, Count, Scope
from tests.core_support import town
from tests.reports_support import ZONE

CAMERA_IDS = [f"cam{a}.{s}.{c}" for a in range(2) for s in range(2) for c in range(2)]
PLACES = [("all", ""), ("area", "area0"), ("site", "site0.1"), ("site", "key0"), ("device", "cam1.0.1")]

steps = st.one_of(
    st.tuples(st.just("turn"), st.sampled_from([*CAMERA_IDS, "sw0.0", "core1"]), st.integers(5, 60)),
    st.tuples(st.just("exclude"), st.sampled_from(PLACES), st.integers(1, 90)),
    st.tuples(st.just("remove"), st.none(), st.integers(1, 40)),
    st.tuples(st.just("uplink"), st.none(), st.integers(5, 40)),
    st.tuples(st.just("crash"), st.none(), st.integers(5, 40)),
)


@settings(max_examples=25)
@given(st.lists(steps, min_size=1, max_size=8))
def test_the_live_count_is_the_momentary_rate_of_the_books(script: list[tuple[str, object, int]]) -> None:
    world = town(cameras=2)
    since = world.clock.now().wall // 1000 - 10
    for action, what, wait in script:
        act(world, action, what, wait)
        world.pipeline.on_exclusions(read_exclusions(world.db), world.clock.now())
        world.advance(wait)
        compare(world, since)
    world.db.close()


def act(world: World, action: str, what: object, wait: int) -> None:
    now = world.clock.now().wall // 1000
    match action, what:
        case "turn", str(id_):
            (world.plug if id_ in world.unplugged else world.unplug)(id_)
        case "exclude", (str(reach), str(name)):
            world.db.execute(
                "INSERT INTO exclusion (reach, name, since, until, cause, author, note, confirmed_by)"
                " VALUES (?,?,?,?,'weather','Li','','')",
                (reach, name, (now + wait // 3) * 1000, (now + 2 * wait) * 1000),
            )
        case "remove", _:
            world.db.execute("UPDATE exclusion SET removed = 1 WHERE id % 2 = 1")
        case "uplink", _:
            world.uplink_up = not world.uplink_up
        case "crash", _:
            world.crash(3000)


def compare(world: World, since: int) -> None:
    second = world.clock.now().wall // 1000
    (run,) = world.db.execute("SELECT max(id) FROM run").fetchone()
    commit(world.db, [RunAlive(run, world.clock.now().plus(1000).wall)])
    records = read_records(world.db, Period(since, second + 1, ZONE))
    everything = segments_of(records)
    for scope in (CAMERAS, Scope("area", "area0"), Scope("area", "area1")):
        found = moments(everything.where(mask_of(everything, partial(stands_in, scope)))).rate_at(second)
        live = world.pipeline.tally.scopes.get(scope, Count())
        assert (live.online, live.counted) == found, scope


def stands_in(scope: Scope, stretch: Stretch) -> bool:
    return stretch.kind is Kind.CAMERA and (not scope.name or stretch.area == scope.name)
