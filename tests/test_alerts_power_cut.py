"""When most of a feeder or a site falls together and no parent explains it: one probable power cut."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from monitor.alerts.facts import offline_of
from monitor.model import Device, DeviceId, Kind, State
from monitor.notifiers.headline import headline
from monitor.notifiers.notice import NoticeKind
from monitor.rules.power_cut import PowerCutSettings
from monitor.simulate.world import World, small_town
from monitor.words import Language, words
from tests.core_support import RULES, kinds, policy_of, route, told, town

CUT = PowerCutSettings.model_validate({"name": "power", "type": "power_cut", "severity": "major"})
OPENED, RESOLVED = NoticeKind.OPENED, NoticeKind.RESOLVED


def powered_town(**settings: object) -> World:
    """Two areas; the cameras of each switch hang on a feeder of their own, the switches have batteries."""
    devices = [
        replace(d, feeder=f"feeder {d.parents[0]}") if d.kind is Kind.CAMERA else d
        for d in small_town(cameras=10)
    ]
    return town(rules=[CUT, *RULES], devices=devices, **settings)


def cams(world: World, switch: str) -> list[DeviceId]:
    return [d.id for d in world.devices.values() if switch in d.parents and d.kind is Kind.CAMERA]


def test_a_feeder_that_goes_dark_is_one_incident_and_one_message():
    world = powered_town()
    world.unplug(*cams(world, "sw0.1"))
    world.advance(120)
    assert told(world) == {("sms", 1): [OPENED], ("wecom", 1): [OPENED]} or set(told(world).values())
    (incident,) = world.pipeline.desk.incidents.values()
    assert incident.cause == "power_cut"
    notice = world.sent[0].notice
    assert (notice.cause, notice.subject, notice.offline) == ("power_cut", "feeder sw0.1", 10)
    assert kinds(world, "sms") == [OPENED]
    world.plug(*cams(world, "sw0.1"))
    world.advance(120)
    assert kinds(world, "sms") == [OPENED, RESOLVED]
    assert not world.pipeline.desk.incidents


def test_a_site_votes_as_a_feeder_does():
    world = town(rules=[CUT, *RULES], cameras=10)
    world.unplug(*(f"cam0.1.{n}" for n in range(10)), "sw0.1")
    world.advance(120)
    # The switch stands at the site as well and explains its cameras: no vote.
    assert [i.cause for i in world.pipeline.desk.incidents.values()] == ["device_down"]
    world = town(rules=[CUT, *RULES], cameras=10)
    world.unplug(*(f"cam0.1.{n}" for n in range(10)))
    world.advance(120)
    assert [i.cause for i in world.pipeline.desk.incidents.values()] == ["power_cut"]
    assert world.sent[0].notice.subject == "site0.1"


def test_one_dead_switch_with_its_cameras_is_no_power_cut():
    world = powered_town()
    world.unplug("sw0.1")
    world.advance(120)
    (incident,) = world.pipeline.desk.incidents.values()
    assert incident.cause == "device_down"
    assert all(t.after is not State.DOWN for s in world.steps for t in s.transitions if "cam" in t.device)


def test_less_than_the_share_is_no_power_cut():
    world = powered_town()
    world.unplug(*cams(world, "sw0.1")[:7])
    world.advance(120)
    assert "power_cut" not in [i.cause for i in world.pipeline.desk.incidents.values()]


def test_devices_that_fell_one_by_one_over_an_hour_are_no_power_cut():
    world = powered_town(routes=[route(group_interval="1h")])
    for camera in cams(world, "sw0.1"):
        world.unplug(camera)
        world.advance(300)
    assert "power_cut" not in [i.cause for i in world.pipeline.desk.incidents.values()]


def test_what_its_batteries_held_up_for_a_while_joins_the_cut():
    world = powered_town(routes=[route(group_interval="1m")])
    *most, last = cams(world, "sw0.1")
    world.unplug(*most)
    world.advance(1800)
    world.unplug(last)
    world.advance(120)
    assert len(world.pipeline.desk.incidents) == 1


def test_a_restart_in_a_power_cut_goes_on_with_the_same_incident():
    world = powered_town()
    world.unplug(*cams(world, "sw0.1"))
    world.advance(120)
    world.crash(down_ms=30_000)
    world.advance(600)
    assert list(world.pipeline.desk.incidents) == [1]
    assert kinds(world, "sms") == [OPENED]
    world.plug(*cams(world, "sw0.1"))
    world.advance(120)
    assert kinds(world, "sms") == [OPENED, RESOLVED]


def test_several_feeders_that_go_dark_together_are_one_cut():
    world = powered_town()
    world.unplug(*cams(world, "sw0.0"), *cams(world, "sw1.1"))
    world.advance(120)
    (incident,) = world.pipeline.desk.incidents.values()
    assert incident.cause == "power_cut"
    notice = world.sent[0].notice
    assert (notice.offline, notice.places) == (20, 2)
    assert "feeder sw0.0及另外 1 处，20 台设备" in headline(words(Language.ZH_CN), notice)
    back, late = cams(world, "sw0.0"), cams(world, "sw1.1")
    world.plug(*back)
    world.advance(30)
    world.by_hand(lambda desk, now: desk.teller.schedule(incident, 0, now))
    assert set(offline_of(incident, world.pipeline.fleet)) == set(late)  # who is back is named no more
    world.plug(*late)
    world.advance(120)
    over = world.sent[-1].notice
    assert headline(words(Language.ZH_CN), over) == "供电已恢复：feeder sw0.0及另外 1 处"


def test_the_end_of_a_cut_bears_its_name_though_a_camera_stayed_behind():
    world = powered_town()
    world.unplug(*cams(world, "sw0.1"))
    world.advance(60)
    world.plug(*cams(world, "sw0.1")[1:])
    world.advance(400)
    world.plug(cams(world, "sw0.1")[0])
    world.advance(400)
    assert kinds(world, "sms")[-1] is RESOLVED
    assert world.sent[-1].notice.cause == "power_cut"


def _city(cameras: int) -> list[Device]:
    """Access switches with their own power, 100 cameras on each, eight feeders in four areas."""
    devices: list[Device] = [Device(DeviceId("core"), "Core", Kind.SWITCH, "127.0.0.1", area="a0")]
    for s in range(cameras // 100):
        area = f"a{s % 4}"
        switch = DeviceId(f"sw{s}")
        devices.append(Device(switch, f"Switch {s}", Kind.SWITCH, "127.0.1.1", f"room{s}", area,
                              parents=(devices[0].id,)))  # fmt: skip
        devices.extend(
            Device(DeviceId(f"cam{s}.{c}"), f"Camera {s}.{c}", Kind.CAMERA, "127.0.2.1", f"site{s}.{c // 10}",
                   area, parents=(switch,), feeder=f"feeder{s % 8}")
            for c in range(100)
        )  # fmt: skip
    return devices


def test_a_power_cut_over_ten_thousand_cameras_is_one_incident_and_one_message_a_channel():
    policy = policy_of(routes=[route(group_wait="10s", group_by=("area",))])
    world = town(rules=[CUT, *RULES], devices=_city(10_000), policy=policy, tick_ms=1000)
    world.unplug(*(d.id for d in world.devices.values() if d.kind is Kind.CAMERA))
    world.advance(60)
    assert len(world.pipeline.desk.incidents) == 1
    assert Counter(entry.channel for entry in world.sent) == {"sms": 1, "wecom": 1}
    notice = world.sent[0].notice
    assert (notice.cause, notice.offline) == ("power_cut", 10_000)
    db = world.db
    assert db.execute("SELECT count(*) FROM incident WHERE resolved IS NULL").fetchone() == (1,)
