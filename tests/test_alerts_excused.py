"""A breach that an exclusion ends: said as it is, and not as if the devices were back."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from monitor.books.exclusion import Cause, Exclusion, Reach
from monitor.books.records import Span
from monitor.notifiers.notice import ExcuseLine, NoticeKind
from monitor.notifiers.render import render
from monitor.notifiers.schemes import Form
from monitor.simulate.world import World
from monitor.words import Language
from tests.core_support import RULES, town

ZONE = ZoneInfo("Asia/Shanghai")


def rates_only(**settings: object) -> World:
    return town(rules=RULES[1:], **settings)


def exclude(world: World, number: int, reach: Reach, name: str, cause: Cause) -> None:
    now = world.clock.now()
    span = Span(now.wall // 1000 - 600, now.wall // 1000 + 7200)
    world.pipeline.on_exclusions([Exclusion(number, reach, name, span, cause, "Li", "", "")], now)


def test_the_end_of_a_breach_by_an_exclusion_names_the_exclusion_and_says_who_is_still_off_line():
    world = rates_only()
    world.unplug("cam0.1.0", "cam0.1.1")
    world.advance(60)
    exclude(world, 7, Reach.SITE, "site0.1", Cause.POWER_CUT)
    world.advance(10)
    end = world.sent[-1].notice
    assert (end.kind, end.excuses, end.excused) == (NoticeKind.RESOLVED, (ExcuseLine(7, "power_cut"),), 2)
    chinese = render(end, Language.ZH_CN, Form.PHONE, ZONE)
    assert chinese.title.startswith("【免责解除】area0 未达标已按免责处理")
    assert "免责 7：" in chinese.body
    assert "仍离线 2 台，不计入考核" in chinese.body
    assert "已恢复" not in chinese.title + chinese.body
    english = render(end, Language.EN, Form.SMS, ZONE).body
    assert "excused" in english and "Exclusion 7: utility power cut" in english
    assert "back" not in english
    ((text,),) = world.db.execute("SELECT text FROM incident_event WHERE kind='resolved'").fetchall()
    assert text == "excused: exclusion 7 (power_cut)"


def test_a_whole_group_under_an_exclusion_is_not_said_to_be_back_at_nothing_of_nothing():
    world = rates_only()
    world.unplug("cam0.0.0")
    world.advance(60)
    exclude(world, 3, Reach.AREA, "area0", Cause.WEATHER)
    world.advance(10)
    ends = [e.notice for e in world.sent if e.notice.kind is NoticeKind.RESOLVED]
    assert ends
    for end in ends:
        for language in Language:
            for form in Form:
                words = render(end, language, form, ZONE)
                assert "0/0" not in words.body and "0.0%" not in words.title + words.body


def test_devices_that_came_back_are_not_said_to_be_excused_though_an_exclusion_is_in_force():
    world = rates_only()
    world.unplug("cam0.1.0", "cam0.1.1")
    world.advance(60)
    exclude(world, 7, Reach.DEVICE, "cam1.1.1", Cause.POWER_CUT)
    world.plug("cam0.1.0", "cam0.1.1")
    world.advance(60)
    end = world.sent[-1].notice
    assert (end.kind, end.excuses, end.excused) == (NoticeKind.RESOLVED, (), 0)
    assert "已恢复至 100.0%" in render(end, Language.ZH_CN, Form.PHONE, ZONE).title


def test_an_exclusion_that_came_while_the_daemon_was_down_is_named_as_well():
    world = rates_only()
    world.unplug("cam0.1.0", "cam0.1.1")
    world.advance(60)
    world.crash(5000)
    world.advance(30)
    exclude(world, 9, Reach.AREA, "area0", Cause.CONSTRUCTION)
    world.advance(10)
    end = world.sent[-1].notice
    assert (end.kind, end.excuses) == (NoticeKind.RESOLVED, (ExcuseLine(9, "construction"),))


def test_what_is_off_line_when_the_exclusion_is_over_is_told_again():
    world = rates_only()
    world.unplug("cam0.1.0", "cam0.1.1")
    world.advance(60)
    exclude(world, 7, Reach.SITE, "site0.1", Cause.POWER_CUT)
    world.advance(10)
    assert world.sent[-1].notice.kind is NoticeKind.RESOLVED
    world.advance(7300)
    assert world.sent[-1].notice.kind is NoticeKind.OPENED
    assert world.sent[-1].notice.excused == 0
