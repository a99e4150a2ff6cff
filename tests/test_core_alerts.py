"""One cause, one message, and nobody forgotten: what the incident desk promises."""

from __future__ import annotations

from monitor.model import Severity
from monitor.notifiers.notice import NoticeKind
from tests.core_support import RULES, route, told, town

OPENED, CHANGED, REPEATED, RESOLVED = (
    NoticeKind.OPENED, NoticeKind.CHANGED, NoticeKind.REPEATED, NoticeKind.RESOLVED,
)  # fmt: skip


def test_one_camera_is_one_message_and_its_end_another():
    world = town(cameras=50)
    world.unplug("cam0.1.3")
    world.advance(60)
    assert told(world) == {("sms", 1): [OPENED], ("wecom", 1): [OPENED]}
    notice = world.sent[0].notice
    assert (notice.subject, notice.offline, notice.cause) == ("Camera 0.1.3", 1, "device_down")
    world.plug("cam0.1.3")
    world.advance(60)
    assert told(world) == {("sms", 1): [OPENED, RESOLVED], ("wecom", 1): [OPENED, RESOLVED]}


def test_a_dead_switch_with_its_cameras_and_the_breach_they_make_is_one_message():
    world = town(cameras=50)
    world.unplug("sw0.0")
    world.advance(120)
    assert told(world) == {("sms", 1): [OPENED], ("wecom", 1): [OPENED]}
    notice = world.sent[0].notice
    assert notice.subject == "Switch 0.0"
    assert notice.offline == 51  # the switch and what hangs on it
    assert notice.severity is Severity.CRITICAL  # a key site is behind it
    assert {rate.scope for rate in notice.rates} == {"area0", "key0"}
    world.plug("sw0.0")
    world.advance(120)
    assert told(world)["sms", 1] == [OPENED, RESOLVED]
    assert not world.pipeline.desk.incidents


def test_five_percent_of_an_area_is_a_breach_with_its_cameras_in_one_incident():
    world = town(cameras=50)
    world.unplug(*(f"cam0.1.{n}" for n in range(5)))
    world.advance(60)
    assert told(world)["sms", 1] == [OPENED]
    notice = world.sent[0].notice
    assert notice.rates[0].online == 95
    assert notice.rates[0].counted == 100
    assert len(world.pipeline.desk.incidents) == 1


def test_exactly_96_percent_is_no_breach():
    world = town(cameras=50, rules=RULES[1:2])
    world.unplug(*(f"cam0.1.{n}" for n in range(4)))
    world.advance(60)
    assert world.sent == []


def test_what_is_over_before_anybody_was_told_is_told_to_nobody():
    world = town(routes=[route(group_wait="60s")])
    world.unplug("cam0.1.3")
    world.advance(20)
    assert len(world.pipeline.desk.incidents) == 1
    world.plug("cam0.1.3")
    world.advance(120)
    assert world.sent == []


def test_an_open_incident_is_repeated_until_somebody_has_it():
    world = town(routes=[route(repeat_interval="10m")])
    world.unplug("cam0.1.3")
    world.advance(25 * 60)
    assert told(world)["sms", 1] == [OPENED, REPEATED, REPEATED]
    (incident,) = world.pipeline.desk.incidents
    world.by_hand(lambda desk, now: desk.acknowledge(incident, "on-call", now))
    world.advance(60 * 60)
    assert told(world)["sms", 1] == [OPENED, REPEATED, REPEATED]


def test_a_growing_incident_is_told_again_after_the_group_interval():
    world = town(cameras=50, routes=[route(group_interval="2m")])
    world.unplug("cam0.1.3")
    world.advance(60)
    world.unplug("cam0.1.4")
    world.advance(150)
    assert told(world)["sms", 1] == [OPENED, CHANGED]


def test_blindness_is_one_alert_and_no_other():
    world = town()
    world.uplink_up = False
    world.advance(600)
    world.uplink_up = True
    world.advance(120)
    assert told(world) == {("sms", 1): [OPENED, RESOLVED], ("wecom", 1): [OPENED, RESOLVED]}
    assert world.sent[0].notice.cause == "blind"


def test_a_restart_takes_up_open_incidents_and_ends_them():
    world = town()
    world.unplug("cam0.1.3")
    world.advance(60)
    world.crash(down_ms=120_000)
    world.advance(60)
    assert told(world)["sms", 1] == [OPENED]
    world.plug("cam0.1.3")
    world.advance(60)
    assert told(world)["sms", 1] == [OPENED, RESOLVED]


def test_what_recovered_while_we_were_down_is_told_when_we_see_it():
    world = town()
    world.unplug("cam0.1.3")
    world.advance(60)
    world.plug("cam0.1.3")
    world.crash(down_ms=600_000)
    world.advance(60)
    assert told(world)["sms", 1] == [OPENED, RESOLVED]


def test_a_device_removed_from_the_inventory_ends_its_alerts():
    world = town()
    world.unplug("cam0.1.3")
    world.advance(60)
    world.reload([d for d in world.devices.values() if d.id != "cam0.1.3"])
    world.advance(30)
    assert told(world)["sms", 1] == [OPENED, RESOLVED]


def test_a_message_waits_for_a_broken_channel_and_the_other_channel_does_not():
    world = town()
    world.broken_channels = {"sms"}
    world.unplug("cam0.1.3")
    world.advance(60)
    assert told(world) == {("wecom", 1): [OPENED]}
    world.crash()
    world.plug("cam0.1.3")
    world.advance(60)
    world.broken_channels = set()
    world.advance(10)
    assert told(world)["sms", 1] == [OPENED, RESOLVED]


def test_receivers_are_told_by_severity():
    routes = [
        route(match={"severity": "critical"}, receiver="boss", **{"continue": True}),
        route(),
    ]
    world = town(routes=routes)
    world.unplug("cam0.0.0")  # at the key site
    world.advance(60)
    channels = {entry.channel for entry in world.sent}
    assert "boss-sms" in channels
    assert "sms" in channels
