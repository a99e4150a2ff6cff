"""Suppression gates sending, never measuring and never resolving, and uses up no budget."""

from __future__ import annotations

from monitor.alerts.desk import Desk
from monitor.alerts.suppress import Silence
from monitor.model import DeviceId, Instant, State, WallMs
from monitor.notifiers.notice import NoticeKind
from monitor.select import Selector
from monitor.simulate.world import World
from tests.core_support import RULES, kinds, policy_of, route, told, town, wall

OPENED, CHANGED, REPEATED, RESOLVED = (
    NoticeKind.OPENED, NoticeKind.CHANGED, NoticeKind.REPEATED, NoticeKind.RESOLVED,
)  # fmt: skip


def silenced(world: World, seconds: int, **match: object) -> None:
    def act(desk: Desk, now: Instant) -> None:
        ends = WallMs(now.wall + seconds * 1000)
        desk.silence(Silence(desk.next_silence(), Selector(match), "王工", "施工", now.wall, ends), now)

    world.by_hand(act)


def stories(world: World) -> list[tuple[str, str]]:
    return world.db.execute("SELECT kind, text FROM incident_event ORDER BY rowid").fetchall()


# -------------------------------------------------------------------- silences


def test_a_silenced_incident_is_told_once_the_silence_ends_if_it_is_still_open():
    world = town(cameras=50)
    silenced(world, 600, cause="device_down")
    world.unplug("cam0.1.3")
    world.advance(500)
    assert world.sent == []
    assert world.pipeline.states.state(DeviceId("cam0.1.3"))[0] is State.DOWN  # measured all the same
    world.advance(120)
    assert told(world) == {("sms", 1): [OPENED], ("wecom", 1): [OPENED]}


def test_what_is_over_before_the_silence_ends_is_told_to_nobody():
    world = town(cameras=50)
    silenced(world, 600, cause="device_down")
    world.unplug("cam0.1.3")
    world.advance(300)
    world.plug("cam0.1.3")
    world.advance(600)
    assert world.sent == []
    assert world.db.execute("SELECT count(*) FROM incident WHERE resolved IS NOT NULL").fetchone() == (1,)


def test_an_end_is_never_held_back():
    world = town(cameras=50)
    world.unplug("cam0.1.3")
    world.advance(60)
    silenced(world, 3600)
    world.plug("cam0.1.3")
    world.advance(60)
    assert kinds(world, "sms") == [OPENED, RESOLVED]


def test_a_silence_survives_a_crash_and_numbers_are_not_given_twice():
    world = town(cameras=50)
    silenced(world, 600, cause="device_down")
    world.unplug("cam0.1.3")
    world.advance(60)
    world.crash()
    world.advance(60)
    assert world.sent == []
    assert world.pipeline.desk.next_silence() == 2
    world.advance(600)
    assert kinds(world, "sms") == [OPENED]


def test_a_silence_holds_back_only_what_it_matches():
    world = town(cameras=50)
    silenced(world, 600, area="area1")
    world.unplug("cam0.1.3", "cam1.1.3")
    world.advance(60)
    assert kinds(world, "sms") == [OPENED]
    assert world.sent[0].notice.subject == "Camera 0.1.3"


def test_a_silence_that_is_ended_early_lets_go_at_once():
    world = town(cameras=50)
    silenced(world, 3600, cause="device_down")
    world.unplug("cam0.1.3")
    world.advance(60)

    def end(desk: Desk, now: Instant) -> None:
        from dataclasses import replace

        desk.silence(replace(desk.teller.gate.silences[1], ends=now.wall), now)

    world.by_hand(end)
    world.advance(5)
    assert kinds(world, "sms") == [OPENED]


def test_what_was_held_back_and_why_is_in_the_incident_s_story():
    world = town(cameras=50)
    silenced(world, 60, cause="device_down")
    world.unplug("cam0.1.3")
    world.advance(120)
    assert ("held back", "silence 1 by 王工: 施工") in stories(world)
    assert ("no longer held back", "") in stories(world)


# -------------------------------------------------------------------- inhibition


def inhibited_town(**inhibit: object) -> World:
    routes = [route(group_by=("rule", "area"))]
    return town(policy=policy_of(routes=routes, inhibits=[inhibit]), rules=RULES, cameras=50)


def test_a_graver_alert_keeps_the_lesser_of_its_area_back_and_it_is_told_when_that_is_over():
    world = inhibited_town(source={"severity": "critical"}, target={"severity": "warning"}, equal=["area"])
    world.unplug("cam0.0.0")  # a key site: its own alert joins the incident of its camera
    world.unplug("cam0.1.3", "cam1.1.3")
    world.advance(60)
    subjects = {entry.notice.subject for entry in world.sent}
    assert "Camera 1.1.3" in subjects
    world.plug("cam0.0.0")
    world.advance(120)
    assert all(kind in (OPENED, RESOLVED, CHANGED) for kind in kinds(world, "sms"))
    world.plug("cam0.1.3", "cam1.1.3")
    world.advance(120)
    for found in told(world).values():
        assert found[-1] is RESOLVED


def test_alerts_that_could_inhibit_each_other_do_not():
    world = inhibited_town(source={"cause": "device_down"}, target={"cause": "device_down"}, equal=["area"])
    world.unplug("cam0.1.3")
    world.advance(400)
    world.unplug("cam0.1.4")
    world.advance(60)
    assert kinds(world, "sms") == [OPENED, OPENED]


def test_inhibition_needs_the_equal_labels():
    policy = policy_of(
        routes=[route(group_by=("id",))],
        inhibits=[{"source": {"id": "cam0.1.1"}, "target": {"id": "~cam..1.[23]"}, "equal": ["area"]}],
    )
    world = town(policy=policy)
    world.unplug("cam0.1.1", "cam0.1.2", "cam1.1.3")
    world.advance(60)
    assert {e.notice.subject for e in world.sent} == {"Camera 0.1.1", "Camera 1.1.3"}
    world.plug("cam0.1.1")
    world.advance(60)
    assert {e.notice.subject for e in world.sent if e.notice.kind is OPENED} == {
        "Camera 0.1.1", "Camera 1.1.3", "Camera 0.1.2",
    }  # fmt: skip


# -------------------------------------------------------------------- maintenance


def test_planned_work_is_measured_and_flagged_and_wakes_nobody():
    begin = wall("2026-11-24 22:00")
    policy = policy_of(
        maintenance=[
            {"name": "更换交换机", "select": {"site": "site0.1"}, "announced": "2026-11-19",
             "begin": "2026-11-24T22:00:00", "end": "2026-11-24T23:00:00"}
        ]
    )  # fmt: skip
    world = town(policy=policy, wall=begin, tick_ms=1000, skip_calm=True)
    world.unplug("sw0.1", "cam1.1.3")
    world.advance(600)
    assert [e.notice.subject for e in world.sent if e.channel == "sms"] == ["Camera 1.1.3"]
    assert world.pipeline.states.state(DeviceId("sw0.1"))[0] is State.DOWN
    assert ("held back", "maintenance: 更换交换机") in stories(world)
    world.advance(3600)
    assert kinds(world, "sms") == [OPENED, OPENED]  # still down once the work is over


def test_work_that_was_not_announced_in_time_says_so():
    policy = policy_of(
        maintenance=[
            {"name": "抢修", "begin": "2026-11-24T22:00:00", "end": "2026-11-24T23:00:00",
             "announced": "2026-11-23"}
        ]
    )  # fmt: skip
    world = town(policy=policy, wall=wall("2026-11-24 22:00"))
    world.unplug("cam0.1.3")
    world.advance(60)
    assert ("held back", "maintenance: 抢修 (not announced in time)") in stories(world)
    assert world.sent == []


def test_a_breach_that_the_work_alone_makes_is_held_back_and_another_is_not():
    window = {"name": "w", "select": {"site": "site0.1"}, "begin": "2026-11-24T22:00:00",
              "end": "2026-11-24T23:00:00"}  # fmt: skip
    world = town(
        policy=policy_of(maintenance=[window]), rules=RULES[1:2], cameras=50, wall=wall("2026-11-24 22:00")
    )
    world.unplug("sw0.1")
    world.advance(120)
    assert world.sent == []  # half of the area is away, all of it by the work
    world.unplug(*(f"cam0.0.{n}" for n in range(5)))
    world.advance(120)
    assert kinds(world, "sms") == [OPENED]  # 45 of 50 of the rest


def test_a_power_cut_of_devices_under_work_is_the_work():
    from monitor.rules.power_cut import PowerCutSettings

    cut = PowerCutSettings.model_validate({"name": "power", "type": "power_cut"})
    window = {"name": "w", "select": {"site": "site0.1"}, "begin": "2026-11-24T22:00:00",
              "end": "2026-11-24T23:00:00"}  # fmt: skip
    world = town(
        policy=policy_of(maintenance=[window]), rules=[cut], cameras=10, wall=wall("2026-11-24 22:00")
    )
    world.unplug(*(f"cam0.1.{n}" for n in range(10)))
    world.advance(120)
    assert [i.cause for i in world.pipeline.desk.incidents.values()] == ["power_cut"]
    assert world.sent == []
