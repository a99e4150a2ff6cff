"""Exclusions at work: what stops the clocks, in the books as live, and what live rates leave out."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.books.exclusion import Cause, Exclusion, Place, Reach, group_places, places_of
from monitor.books.pause import FOREVER, Trouble, pauses
from monitor.books.read import read_exclusions
from monitor.books.records import Span
from monitor.model import WallMs
from monitor.notifiers.notice import NoticeKind
from monitor.points import rate_points
from monitor.simulate.world import World
from monitor.tally import CAMERAS, Scope
from tests.core_support import kinds, town

DEVICES = [("a", "s1", "east", "f1"), ("b", "s1", "east", "f2"), ("c", "s2", "west", "f2")]
NAMES: list[Place] = [(Reach.ALL, ""), (Reach.AREA, "east"), (Reach.SITE, "s1"), (Reach.FEEDER, "f2"),
                      (Reach.DEVICE, "a")]  # fmt: skip


def exclusion(since: int, until: int, place: Place, cause: Cause = Cause.WEATHER, by: str = "") -> Exclusion:
    return Exclusion(1, *place, Span(since, until), cause, "Li", "", by)


def of_device(since: int, until: int, device: tuple[str, str, str, str]) -> Trouble:
    return Trouble(Span(since, until), frozenset(places_of(*device)), of_device=True)


spans = st.tuples(st.integers(0, 30), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))
troubles = st.one_of(
    st.builds(lambda span, device: of_device(*span, device), spans, st.sampled_from(DEVICES)),
    st.builds(
        lambda span, key: Trouble(Span(*span), group_places(key), of_device=False),
        spans, st.sampled_from([(("area", "east"),), (("site", "s1"),), (("vendor", "x"),), ()]),
    ),
)  # fmt: skip
exclusions = st.builds(
    lambda span, place, cause, by: exclusion(*span, place, cause, by),
    spans, st.sampled_from(NAMES), st.sampled_from(list(Cause)), st.sampled_from(["", "Wang"]),
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(troubles, max_size=5), st.lists(exclusions, max_size=5))
def test_a_second_is_paused_when_all_that_is_to_be_repaired_then_is_excused(
    wrong: list[Trouble], excused: list[Exclusion]
) -> None:
    expected = set()
    for second in range(50):
        there = [t for t in wrong if t.span.since <= second < t.span.until]
        there = [t for t in there if t.of_device] or there
        if there and all(
            any(
                e.span.since <= second < e.span.until
                and (e.cause is not Cause.THIRD_PARTY or e.confirmed_by)
                and (e.reach, e.name) in t.places
                for e in excused
            )
            for t in there
        ):
            expected.add(second)
    found = pauses(wrong, excused)
    assert {second for p in found for second in range(p.since, p.until)} == expected
    assert all(before.until < after.since for before, after in pairwise(found))


def test_one_device_in_the_dry_keeps_the_clocks_running() -> None:
    storm = exclusion(10, 20, (Reach.AREA, "east"))
    assert pauses([of_device(0, FOREVER, d) for d in DEVICES[:2]], [storm]) == [(10, 20, Cause.WEATHER)]
    assert pauses([of_device(0, FOREVER, d) for d in DEVICES], [storm]) == []
    assert pauses([of_device(0, FOREVER, DEVICES[0]), of_device(0, 15, DEVICES[2])], [storm]) == [
        (15, 20, Cause.WEATHER)
    ]


def exclude(world: World, reach: str, name: str, seconds: int) -> None:
    """As ``camwatch exclude add`` would, with the daemon's next look at the ledger."""
    now = world.clock.now()
    world.db.execute(
        "INSERT INTO exclusion (reach, name, since, until, cause, author, note, confirmed_by)"
        " VALUES (?,?,?,?,'power_cut','Li','','')",
        (reach, name, now.wall // 1000 * 1000, now.wall // 1000 * 1000 + seconds * 1000),
    )
    world.pipeline.on_exclusions(read_exclusions(world.db), now)


def rate_alerts(world: World) -> list[NoticeKind]:
    return [e.notice.kind for e in world.sent if e.channel == "sms" and e.notice.rates]


def test_an_area_without_power_is_no_breach_while_the_exclusion_lasts_and_is_one_afterwards() -> None:
    world = town(cameras=50)
    exclude(world, "site", "site0.1", 600)
    world.advance(1)
    world.unplug(*(f"cam0.1.{n}" for n in range(50)))
    world.advance(120)
    count = world.pipeline.tally.scopes[Scope("area", "area0")]
    assert (count.online, count.counted, count.unmeasured, count.excluded) == (50, 50, 0, 50)
    assert rate_alerts(world) == []
    world.advance(600)  # still off line, and now it counts
    assert world.pipeline.tally.scopes[Scope("area", "area0")].offline == 50
    assert world.pipeline.desk.firing().get("area-rate")


def test_an_exclusion_entered_during_the_breach_ends_it_and_whoever_was_told_hears_so() -> None:
    world = town(cameras=50, rules=None)
    world.unplug(*(f"cam0.1.{n}" for n in range(10)))
    world.advance(60)
    assert world.pipeline.desk.firing().get("area-rate")
    exclude(world, "site", "site0.1", 3600)
    world.advance(1)
    assert "area-rate" not in world.pipeline.desk.firing()
    world.plug(*(f"cam0.1.{n}" for n in range(10)))
    world.advance(60)
    assert kinds(world, "sms")[-1] is NoticeKind.RESOLVED
    assert not world.pipeline.desk.incidents


def test_rates_are_in_step_with_the_states_over_exclusions_reload_and_restart() -> None:
    world = town()
    exclude(world, "area", "area1", 300)
    world.unplug("cam1.0.1", "cam0.0.1")
    world.advance(60)

    def cameras() -> tuple[int, int, int, int]:
        count = world.pipeline.tally.scopes[CAMERAS]
        return count.online, count.offline, count.unmeasured, count.excluded

    assert cameras() == (9, 1, 0, 10)
    world.reload()
    assert cameras() == (9, 1, 0, 10)
    world.crash(1000)
    assert cameras()[3] == 10  # from the first moment on: the ledger knows
    world.advance(60)
    assert cameras() == (9, 1, 0, 10)
    world.advance(300)
    assert cameras() == (18, 2, 0, 0)
    (point,) = (p for p in rate_points(world.pipeline, WallMs(0)) if p.tags == (("scope", "all"),))
    assert dict(point.fields)["excluded"] == 0


def test_calm_time_is_not_skipped_over_the_end_of_an_exclusion() -> None:
    world = town(cameras=50, skip_calm=True)
    exclude(world, "site", "site0.1", 86_400)
    world.unplug(*(f"cam0.1.{n}" for n in range(10)))
    world.advance(86_400 - 60)
    assert rate_alerts(world) == []
    world.advance(120)
    assert world.pipeline.desk.firing().get("area-rate")
