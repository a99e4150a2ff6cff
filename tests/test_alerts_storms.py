"""Storms: very much at once is one digest a channel; nothing is lost, all is in the ledger."""

from __future__ import annotations

from collections import Counter

from monitor.notifiers.notice import NoticeKind
from monitor.simulate.world import World
from tests.core_support import RULES, kinds, policy_of, route, town

OPENED, DIGEST, RESOLVED, ESCALATED = (
    NoticeKind.OPENED, NoticeKind.DIGEST, NoticeKind.RESOLVED, NoticeKind.ESCALATED,
)  # fmt: skip
MANY = [f"cam{a}.{s}.{n}" for a in range(2) for s in range(2) for n in range(10)]


def stormy(**settings: object) -> World:
    """Every camera is a case of its own; more than ten in a minute are a storm."""
    routes = settings.pop("routes", [route(group_by=("id",), group_wait="10s")])
    policy = policy_of(routes=routes, storm={"incidents_per_minute": 10}, **settings)
    return town(policy=policy, rules=RULES[:1], cameras=10, skip_calm=True)


def rows(world: World, sql: str) -> int:
    (found,) = world.db.execute(sql).fetchone()
    return int(found)


def test_a_storm_is_one_digest_a_channel_with_counts_areas_and_the_worst():
    world = stormy()
    world.unplug(*MANY)
    world.advance(60)
    assert kinds(world, "sms") == kinds(world, "wecom") == [DIGEST]
    notice = world.sent[0].notice
    assert (notice.incidents, notice.offline, set(notice.areas)) == (40, 40, {"area0", "area1"})
    assert notice.subject.startswith("Camera")
    assert rows(world, "SELECT count(*) FROM incident WHERE resolved IS NULL") == 40


def test_the_end_of_a_storm_is_told_by_digest_too():
    world = stormy()
    world.unplug(*MANY)
    world.advance(60)
    world.plug(*MANY)
    world.advance(180)
    assert set(kinds(world, "sms")) == {DIGEST}
    assert sum(e.notice.ended for e in world.sent if e.channel == "sms") == 40
    assert not world.pipeline.desk.incidents
    assert rows(world, "SELECT count(*) FROM incident WHERE resolved IS NULL") == 0


def test_a_resolution_told_by_a_later_digest_is_booked_when_it_was():
    world = stormy()
    world.unplug(*MANY)
    world.advance(60)
    world.plug(*MANY)
    world.advance(180)
    late = rows(world, "SELECT max(i.resolved - (SELECT max(until) FROM alert WHERE incident = i.id))"
                       " FROM incident i")  # fmt: skip
    assert late == 0


def test_a_crash_before_the_digest_leaves_nobody_untold():
    world = stormy()
    world.unplug(*MANY)
    world.advance(18)  # they are open, and wait for the digest
    assert world.pipeline.desk.incidents and world.sent == []
    world.crash()
    world.advance(90)
    assert kinds(world, "sms")
    heard = sum(e.notice.incidents or 1 for e in world.sent if e.channel == "sms")
    assert heard == 40
    assert len(kinds(world, "sms")) <= 2


def test_a_crash_between_a_digest_and_the_end_still_ends_it_by_digest():
    world = stormy()
    world.unplug(*MANY)
    world.advance(60)
    world.crash()
    world.plug(*MANY)
    world.advance(180)
    assert set(kinds(world, "sms")) == {DIGEST}
    assert sum(e.notice.ended for e in world.sent if e.channel == "sms") == 40
    assert not world.pipeline.desk.incidents


def test_who_was_told_by_itself_before_the_storm_hears_its_end_by_itself():
    world = stormy()
    world.unplug("cam0.0.0")
    world.advance(60)
    world.unplug(*MANY)
    world.advance(60)
    assert kinds(world, "sms") == [OPENED, DIGEST]
    world.plug(*MANY)
    world.advance(180)
    found = Counter(kinds(world, "sms"))
    assert found[RESOLVED] == 1
    assert found[OPENED] == 1


def test_escalations_and_repetitions_of_a_storm_are_digests_too():
    level = {"name": "any", "respond": "1h", "repair": "2h",
             "steps": [{"after": "50%", "receivers": ["boss"]}]}  # fmt: skip
    routes = [route(group_by=("id",), group_wait="10s", repeat_interval="30m")]
    world = stormy(levels=[level], routes=routes)
    world.unplug(*MANY)
    world.advance(65 * 60)
    assert set(kinds(world, "boss-sms")) == {DIGEST}
    assert len(kinds(world, "boss-sms")) <= 2
    assert set(kinds(world, "sms")) == {DIGEST}
    assert len(kinds(world, "sms")) <= 4  # the storm itself and two repetitions


def test_what_came_back_before_the_digest_is_told_to_nobody():
    world = stormy(routes=[route(group_by=("id",), group_wait="60s")])
    world.unplug(*MANY)
    world.advance(30)
    world.plug(*MANY)
    world.advance(120)
    assert world.sent == []


def test_an_incident_that_falls_again_while_its_end_waits_for_a_digest_stays_open():
    world = stormy(routes=[route(group_by=("area",), group_wait="0s", group_interval="1h")])
    routes = [route(group_by=("site",), group_wait="10s")]
    world = stormy(routes=routes)
    world.unplug(*MANY)
    world.advance(60)
    world.plug("cam0.0.1")
    world.advance(6)
    world.unplug("cam0.0.1")
    world.advance(120)
    open_ = [a.device for i in world.pipeline.desk.incidents.values() for a in i.open_alerts()]
    assert sorted(open_) == sorted(MANY)


def test_a_quiet_network_knows_no_storm():
    world = stormy()
    for camera in MANY[:15]:
        world.unplug(camera)
        world.advance(20)
    assert set(kinds(world, "sms")) == {OPENED}
