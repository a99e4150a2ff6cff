"""Rates that are too low by the same devices are one case; the shipped rules name what fell."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.alerts.policy import Policy
from monitor.config import load
from monitor.notifiers.notice import NoticeKind
from monitor.notifiers.render import render
from monitor.notifiers.schemes import Form
from monitor.rules.base import RuleSettings
from monitor.rules.online_rate import OnlineRateSettings
from monitor.simulate.world import World
from monitor.words import Language
from tests.core_support import RULES, kinds, policy_of, route, town

ROOT = Path(__file__).parents[1]
OPENED, RESOLVED = NoticeKind.OPENED, NoticeKind.RESOLVED
AREAS, KEYS = RULES[1:]


def whole(**more: object) -> RuleSettings:
    return OnlineRateSettings.model_validate(
        {"name": "network", "type": "online_rate", "select": {"kind": "camera"}, "below": 96,
         "severity": "major", **more}
    )  # fmt: skip


def incidents(world: World) -> int:
    ((count,),) = world.db.execute("SELECT count(*) FROM incident").fetchall()
    return int(count)


@pytest.mark.parametrize("network_first", [True, False])
def test_an_area_and_the_whole_network_too_low_by_the_same_devices_are_one_message(network_first: bool):
    rules = [whole(), AREAS] if network_first else [AREAS, whole(**{"for": "1m"})]
    world = town(rules=rules, routes=[route(group_by=["area"], group_interval="10m")])
    world.unplug("cam0.1.0", "cam0.1.1", "cam0.1.2")
    world.advance(120)
    assert incidents(world) == 1
    assert kinds(world, "sms") == [OPENED]
    (incident,) = world.pipeline.desk.incidents.values()
    assert incident.subject == "area0"
    assert {a.fingerprint.rule for a in incident.open_alerts()} == {"area-rate", "network"}
    world.plug("cam0.1.0", "cam0.1.1", "cam0.1.2")
    world.advance(60)
    end = world.sent[-1].notice
    words = render(end, Language.ZH_CN, Form.PHONE, ZoneInfo("Asia/Shanghai"))
    assert kinds(world, "sms") == [OPENED, RESOLVED]
    assert words.title == "【恢复】area0 在线率已恢复至 100.0% #1"
    assert "area0：在线率 100.0%（10/10）" in words.body and "全网：在线率 100.0%（20/20）" in words.body


def test_areas_too_low_by_devices_of_their_own_are_cases_of_their_own():
    world = town(rules=[AREAS, whole()], routes=[route(group_by=["area"])])
    world.unplug("cam0.1.0", "cam1.1.0")
    world.advance(60)
    found = {i.subject: len(i.open_alerts()) for i in world.pipeline.desk.incidents.values()}
    assert sorted(found) == ["area0", "area1"]
    assert sorted(found.values()) == [1, 2]  # the network's stands with the one that tipped the scales


def test_a_graver_breach_does_not_hide_in_what_somebody_works_on_already():
    world = town(rules=[AREAS, whole(severity="critical", below=90)], routes=[route(group_by=["area"])])
    world.unplug("cam0.1.0", "cam0.1.1")
    world.advance(30)
    (first,) = world.pipeline.desk.incidents.values()
    world.by_hand(lambda desk, now: desk.acknowledge(first.id, "Zhang", now))
    world.unplug("cam0.1.2")
    world.advance(30)
    network = next(i for i in world.pipeline.desk.incidents.values() if i is not first)
    assert network.severity > first.severity
    assert network.acked_at is None


def test_what_is_left_gives_the_incident_its_name():
    world = town(rules=[KEYS, AREAS], routes=[route(group_by=["site"])])
    world.unplug("cam0.0.0")
    world.advance(30)
    (incident,) = world.pipeline.desk.incidents.values()
    assert incident.subject == "key0"  # it explains the area's breach
    world.unplug("cam0.1.0")
    world.advance(30)
    world.plug("cam0.0.0")
    world.advance(30)
    assert incident.subject == "area0"
    world.plug("cam0.1.0")
    world.advance(60)
    assert world.sent[-1].notice.kind is RESOLVED
    assert world.sent[-1].notice.subject == "key0"  # people know it by this name


def test_with_the_shipped_rules_a_dead_switch_is_one_message_that_names_it():
    rules = [rule for rule in load(ROOT / "etc/camwatch.toml").rules if rule.type != "fault"]
    policy: Policy = policy_of(routes=[route(group_by=["area"], group_wait="10s")])
    world = town(rules=rules, policy=policy, cameras=20)
    world.unplug("sw0.0")  # with the camera of the key site behind it
    world.advance(180)
    assert [(e.channel, e.notice.kind, e.notice.subject) for e in world.sent] == [
        ("sms", OPENED, "Switch 0.0"), ("wecom", OPENED, "Switch 0.0"),
    ]  # fmt: skip
    assert world.sent[0].notice.offline == 21
    assert incidents(world) == 1


def test_with_the_shipped_rules_hardware_that_is_not_repaired_has_its_reminders():
    config = load(ROOT / "etc/camwatch.toml")
    rules = [rule for rule in config.rules if rule.name == "camera-down"]
    policy = policy_of(routes=[route(repeat_interval="7d")], levels=[])
    reminded = Policy(policy.routes, {**policy.receivers, "duty": ["duty-sms"]}, levels=config.policy.levels)
    world = town(rules=rules, policy=reminded, tick_ms=500, skip_calm=True)
    world.unplug("cam0.1.1")
    world.advance(60)
    (incident,) = world.pipeline.desk.incidents.values()
    world.by_hand(lambda desk, now: desk.acknowledge(incident.id, "Zhang", now))
    world.advance(25 * 3600)
    assert [e.notice.detail for e in world.sent if e.channel == "duty-sms"] == [
        "超过12小时未修复", "超过24小时未修复，请更换同型号设备",
    ]  # fmt: skip
