"""What fires of a part that is no longer reported ends after a day, and is never told as mended."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from monitor.books.verify import proven
from monitor.model import DeviceId, Reading, Reason, Result
from monitor.notifiers.notice import NoticeKind
from monitor.notifiers.render import plain, render
from monitor.notifiers.schemes import Form
from monitor.rules.threshold import ThresholdSettings
from monitor.simulate.world import World
from monitor.words import Language
from tests.core_support import kinds, town

NVR = DeviceId("sw0.0")
HOUR = 3600
ONE, TWO = (("disk", "1"), ("name", "hdd1")), (("disk", "2"), ("name", "hdd2"))
OPENED, RESOLVED = NoticeKind.OPENED, NoticeKind.RESOLVED
DISKS = {"name": "disk-failed", "type": "threshold", "metric": "recorder_disk.ok", "below": 1}


@pytest.fixture
def world() -> World:
    return town(cameras=1, rules=[ThresholdSettings.model_validate(DISKS)], skip_calm=True)


def poll(
    world: World,
    *disks: tuple[tuple[tuple[str, str], ...], bool],
    check: str = "snmp",
    reason: Reason = Reason.OK,
    detail: str = "",
    extra: tuple[Reading, ...] = (Reading("snmp.uptime_s", 7),),
) -> None:
    """One answer of the recorder: its disks, and that it is there; then some seconds for the messages."""
    now = world.clock.now()
    readings = [Reading("recorder_disk.ok", ok, tags) for tags, ok in disks]
    told = (*readings, *extra) if reason is Reason.OK else ()
    world._carry(world.pipeline.on_results([Result(NVR, check, now.wall, reason, told, detail)], now))
    world.advance(10)


def polls(world: World, hours: int, *disks: tuple[tuple[tuple[str, str], ...], bool], **how: object) -> None:
    for _ in range(hours):
        poll(world, *disks, **how)  # type: ignore[arg-type]  # handed on as it is
        world.advance(HOUR - 10)


def test_a_disk_that_was_taken_out_ends_its_alert_after_a_day_in_other_words(world: World) -> None:
    poll(world, (ONE, True), (TWO, False))
    polls(world, 24, (ONE, True))
    assert kinds(world, "sms")[0] is OPENED
    assert RESOLVED not in kinds(world, "sms")
    polls(world, 1, (ONE, True))
    end = world.sent[-1].notice
    assert end.kind is RESOLVED
    zone = ZoneInfo("Asia/Shanghai")
    chinese = render(end, Language.ZH_CN, Form.MAIL, zone)
    english = render(end, Language.EN, Form.MAIL, zone)
    assert chinese.title.startswith("【不再上报】Switch 0.0：hdd2 ")
    assert "未确认恢复" in chinese.body
    assert english.title.startswith("[no longer reported] Switch 0.0: hdd2 ")
    assert "nobody has seen it mended" in english.body
    short = render(end, Language.ZH_CN, Form.SMS, zone).body
    assert short.startswith("不再上报")
    for text in (chinese.title, chinese.body.replace("未确认恢复", ""), short):
        assert "恢复" not in text
        assert "正常" not in text
    assert "resolved" not in english.title + english.body + plain(end).title


def test_checks_do_not_call_that_a_proven_repair(world: World) -> None:
    poll(world, (ONE, False), (TWO, False))
    polls(world, 25, (ONE, True))
    polls(world, 2, (ONE, True))
    assert world.sent[-1].notice.unreported
    assert proven(world.db, 600, world.clock.now().wall // 1000) == []


def test_the_only_disk_is_missed_too_while_the_same_check_brings_other_things(world: World) -> None:
    poll(world, (TWO, False))
    polls(world, 25)
    assert kinds(world, "sms")[-1] is RESOLVED


@pytest.mark.parametrize(
    "how",
    [
        {"reason": Reason.TIMEOUT},
        {"detail": "recorder_disk: more than 20000 rows"},
        {"check": "icmp"},
        {"check": "trap"},
        {"extra": (Reading("recorder_disk.total_bytes", 4e12, TWO),)},
    ],
    ids=["no answer", "its table failed", "another check", "only notifications", "the disk is still named"],
)
def test_what_does_not_show_that_it_is_gone_leaves_the_alert_open(
    world: World, how: dict[str, object]
) -> None:
    poll(world, (TWO, False))
    polls(world, 30, **how)
    assert RESOLVED not in kinds(world, "sms")


def test_one_that_comes_back_within_the_day_is_missed_anew(world: World) -> None:
    poll(world, (TWO, False))
    polls(world, 23)
    polls(world, 1, (TWO, False))
    polls(world, 23)
    assert RESOLVED not in kinds(world, "sms")
    polls(world, 2)
    assert kinds(world, "sms")[-1] is RESOLVED


def test_an_alert_of_the_last_run_ends_so_too(world: World) -> None:
    poll(world, (TWO, False))
    world.crash()
    polls(world, 20)
    polls(world, 1, check="icmp")
    polls(world, 5)
    assert world.sent[-1].notice.unreported


def test_after_a_restart_a_check_that_fails_may_be_the_one_that_would_bring_it(world: World) -> None:
    """Nobody knows yet which check brings the metric: all of the device's must answer."""
    poll(world, (TWO, False))
    world.crash()
    for _ in range(30):
        poll(world, check="icmp")
        poll(world, reason=Reason.TIMEOUT)
        world.advance(HOUR - 20)
    assert RESOLVED not in kinds(world, "sms")


def test_a_reload_does_not_begin_the_day_anew(world: World) -> None:
    poll(world, (TWO, False))
    polls(world, 20)
    world.reload()
    polls(world, 5)
    assert world.sent[-1].notice.unreported


def test_an_incident_of_two_disks_names_the_one_that_nobody_saw_mended(world: World) -> None:
    """Also when the other is mended last, after a restart."""
    poll(world, (ONE, False), (TWO, False))
    polls(world, 25, (ONE, False))
    assert RESOLVED not in kinds(world, "sms")
    world.crash()
    world.advance(60)
    poll(world, (ONE, True))
    end = world.sent[-1].notice
    assert end.kind is RESOLVED
    assert "hdd2" in render(end, Language.EN, Form.PHONE, ZoneInfo("Asia/Shanghai")).title


def test_what_a_person_closes_is_closed_by_that_person(world: World) -> None:
    poll(world, (ONE, False), (TWO, False))
    polls(world, 25, (ONE, False))
    (incident,) = world.pipeline.desk.incidents
    world.by_hand(lambda desk, now: desk.resolve(incident, "Li", "disk bay emptied", now))
    world.advance(10)
    assert not world.sent[-1].notice.unreported
