"""A reading beyond its limit is told in words that a person understands at three in the morning."""

from __future__ import annotations

import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.model import DeviceId, Reading, Reason, Result
from monitor.notifiers.metric_words import METRICS, STATES
from monitor.notifiers.notice import NoticeKind
from monitor.notifiers.render import Rendered, render
from monitor.notifiers.schemes import Form
from monitor.rules.threshold import ThresholdSettings
from monitor.simulate.world import World
from monitor.words import Language
from tests.core_support import policy_of, town

ZH, EN = Language.ZH_CN, Language.EN
PORT = (("ifDescr", "GigabitEthernet0/0/7"),)


def _town(metric: str, level: bool = False, **limit: object) -> World:
    rule = {"name": "r", "type": "threshold", "metric": metric, "severity": "major", **limit}
    levels = [
        {"name": "1", "respond": "10m", "repair": "1h",
         "steps": [{"after": "50%", "receivers": ["boss"], "note": "尚未响应"}]}
    ] if level else []  # fmt: skip
    return town(rules=[ThresholdSettings.model_validate(rule)], policy=policy_of(levels=levels))


def _measure(world: World, metric: str, value: float, tags: tuple[tuple[str, str], ...] = ()) -> None:
    now = world.clock.now()
    reading = Reading(metric, value, tags)
    world._carry(
        world.pipeline.on_results([Result(DeviceId("sw0.0"), "snmp", now.wall, Reason.OK, (reading,))], now)
    )
    world.advance(30)


def _titles(world: World, channel: str = "sms", language: Language = ZH) -> list[str]:
    return [text.title.rpartition(" #")[0] for text in _texts(world, channel, language)]


def _texts(world: World, channel: str, language: Language, form: Form = Form.PHONE) -> list[Rendered]:
    zone = ZoneInfo("Asia/Shanghai")
    return [render(entry.notice, language, form, zone) for entry in world.sent if entry.channel == channel]


@pytest.mark.parametrize(
    ("metric", "limit", "bad", "good", "tags", "zh", "en"),
    [
        ("ups.on_battery", {"above": 0}, 1, 0, (),
         ("Switch 0.0：市电中断，电池供电中", "Switch 0.0：市电恢复"),
         ("Switch 0.0: no mains power, runs on battery", "Switch 0.0: mains power is back")),
        ("interface.link_lost", {"above": 0}, 1, 0, PORT,
         ("Switch 0.0：GigabitEthernet0/0/7 链路中断", "Switch 0.0：GigabitEthernet0/0/7 链路恢复"),
         ("Switch 0.0: GigabitEthernet0/0/7 link lost", "Switch 0.0: GigabitEthernet0/0/7 link is back")),
        ("ups.minutes_left", {"below": 15}, 9.5, 40, (),
         ("Switch 0.0：电池剩余时间 9.5 min，低于 15 min", "Switch 0.0：电池剩余时间恢复正常"),
         ("Switch 0.0: battery time left 9.5 min, below 15 min",
          "Switch 0.0: battery time left is back to normal")),
        ("cpu.used_percent", {"above": 90, "for": "10s"}, 97.25, 50, (),
         ("Switch 0.0：CPU 使用率 97.25 %，高于 90 %", "Switch 0.0：CPU 使用率恢复正常"),
         ("Switch 0.0: processor load 97.25 %, above 90 %", "Switch 0.0: processor load is back to normal")),
    ],
)  # fmt: skip
def test_what_is_wrong_with_which_part_and_that_it_is_over(metric, limit, bad, good, tags, zh, en):
    world = _town(metric, **limit)
    _measure(world, metric, bad, tags)
    _measure(world, metric, good, tags)
    assert [t.split("】")[1] for t in _titles(world)] == list(zh)
    assert [t.split("] ")[1] for t in _titles(world, language=EN)] == list(en)
    for text in _texts(world, "sms", ZH):
        assert metric not in text.title + text.body
    (_, over) = _texts(world, "sms", ZH, Form.SMS)
    assert zh[1] in over.body


def test_what_else_of_the_same_incident_is_beyond_its_limit_is_named():
    world = _town("interface.link_lost", above=0)
    for port in ("GE0/0/1", "GE0/0/2"):
        now, reading = world.clock.now(), Reading("interface.link_lost", 1, (("ifDescr", port),))
        result = Result(DeviceId("sw0.0"), "snmp", now.wall, Reason.OK, (reading,))
        world._carry(world.pipeline.on_results([result], now))
    world.advance(30)
    (text,) = _texts(world, "sms", ZH)
    assert "Switch 0.0：GE0/0/1 链路中断" in text.title
    assert "· Switch 0.0：GE0/0/2 链路中断" in text.body.splitlines()


def test_an_escalation_after_a_restart_still_says_what_is_wrong():
    world = _town("fan.ok", level=True, below=1)
    _measure(world, "fan.ok", 0, (("name", "Fan 2"),))
    world.crash()
    world.advance(1800)
    (text,) = _texts(world, "boss-sms", ZH)
    assert world.sent[-1].notice.kind is NoticeKind.ESCALATED
    assert "Switch 0.0：Fan 2 风扇故障" in text.title
    assert "详情：尚未响应" in text.body.splitlines()


def test_every_metric_of_the_rules_we_ship_has_words():
    shipped = set()
    for path in (Path(__file__).parents[1] / "etc" / "rules.d").glob("*.toml"):
        rules = tomllib.loads(path.read_text("utf-8")).get("rule", ())
        shipped |= {rule["metric"] for rule in rules if "metric" in rule}
    assert len(shipped) > 20
    assert not shipped - METRICS.keys() - STATES.keys()
