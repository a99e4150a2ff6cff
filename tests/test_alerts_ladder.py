"""Service levels: two clocks, the ladder of escalation, reminders, progress for the customer, pauses."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from monitor.alerts.service import ClockName, LevelSettings, StepSettings, due_at, elapsed_ms
from monitor.books.exclusion import Cause, Exclusion, Reach
from monitor.books.records import Span
from monitor.model import Severity, WallMs
from monitor.notifiers.notice import NoticeKind
from monitor.settings import parse_duration
from monitor.simulate.world import World
from tests.core_support import kinds, policy_of, route, told, town

OPENED, ESCALATED, PROGRESS, RESOLVED, CHANGED = (
    NoticeKind.OPENED, NoticeKind.ESCALATED, NoticeKind.PROGRESS, NoticeKind.RESOLVED, NoticeKind.CHANGED,
)  # fmt: skip
HOUR = 3600
LADDER = {
    "name": "level 3",
    "respond": "1h",
    "repair": "10h",
    "steps": [
        {"after": "50%", "clock": "response", "receivers": ["second"]},
        {"after": "80%", "receivers": ["third"]},
        {"after": "100%", "receivers": ["boss"]},
    ],
}


def laddered(*levels: dict[str, object], **settings: object) -> World:
    routes = [route(repeat_interval="7d", group_interval="1m")]
    policy = policy_of(routes=routes, levels=levels or [LADDER], **settings)
    return town(policy=policy, cameras=50, tick_ms=500, skip_calm=True)


def minutes_of(world: World, channel: str) -> list[int]:
    """When the channel was told, in minutes after the incident opened."""
    (opened,) = world.db.execute("SELECT min(opened) FROM incident").fetchone()
    return [round((e.created - opened) / 60_000) for e in world.sent if e.channel == channel]


def test_rungs_are_taken_at_their_share_of_the_time_allowed():
    world = laddered()
    world.unplug("cam0.1.3")
    world.advance(11 * HOUR)
    assert kinds(world, "second-sms") == kinds(world, "third-sms") == kinds(world, "boss-sms") == [ESCALATED]
    assert [minutes_of(world, f"{c}-sms") for c in ("second", "third", "boss")] == [[30], [480], [600]]
    world.plug("cam0.1.3")
    world.advance(60)
    assert kinds(world, "boss-sms") == [ESCALATED, RESOLVED]  # who was told hears the end


def test_an_acknowledgement_stops_the_ladder():
    world = laddered()
    world.unplug("cam0.1.3")
    world.advance(60)
    world.by_hand(lambda desk, now: desk.acknowledge(1, "王工", now))
    world.advance(20 * HOUR)
    assert {e.channel for e in world.sent} == {"sms", "wecom"}


def test_when_an_acknowledgement_expires_the_ladder_goes_on_and_response_time_resumes():
    world = laddered()
    world.unplug("cam0.1.3")
    world.advance(10 * 60)
    world.by_hand(lambda desk, now: desk.acknowledge(1, "王工", now, WallMs(now.wall + 2 * HOUR * 1000)))
    world.advance(2 * HOUR + 60)
    assert kinds(world, "second-sms") == []  # ten minutes of response time were used, not 130
    world.advance(30 * 60)
    assert minutes_of(world, "second-sms") == [150]
    world.advance(8 * HOUR)
    assert minutes_of(world, "third-sms") == [480]  # the repair clock ran on all the while


def test_reminders_come_even_while_somebody_works_on_it_and_say_what_to_do():
    level = {
        "name": "hardware", "respond": "1h", "repair": "12h",
        "steps": [
            {"after": "12h", "receivers": ["oncall"], "note": "超过12小时未修复", "despite_ack": True},
            {"after": "24h", "receivers": ["oncall"], "note": "更换同型号设备", "despite_ack": True},
        ],
    }  # fmt: skip
    world = laddered(level)
    world.unplug("cam0.1.3")
    world.advance(60)
    world.by_hand(lambda desk, now: desk.acknowledge(1, "王工", now))
    world.advance(30 * HOUR)
    found = [(e.notice.kind, e.notice.detail) for e in world.sent if e.channel == "sms"]
    assert found == [(OPENED, ""), (ESCALATED, "超过12小时未修复"), (ESCALATED, "更换同型号设备")]
    assert minutes_of(world, "sms")[1:] == [720, 1440]
    notice = world.sent[-1].notice
    assert (notice.clock, notice.allowed_ms // HOUR // 1000) == ("repair", 12)


def test_a_reminder_about_hardware_leaves_other_incidents_alone():
    level = {**LADDER, "steps": [
        {"after": "5m", "receivers": ["third"], "despite_ack": True, "match": {"cause": "device_down"}},
    ]}  # fmt: skip
    world = laddered(level)
    world.uplink_up = False
    world.advance(400)
    assert kinds(world, "sms") == [OPENED]  # that we are blind is nobody's hardware
    assert kinds(world, "third-sms") == []
    world.uplink_up = True
    world.unplug("cam0.1.3")
    world.advance(400)
    assert kinds(world, "third-sms") == [ESCALATED]


@pytest.mark.parametrize(
    ("file", "allowed"),
    [
        ("contract-a.toml", [("30m", "12h"), ("1h", "24h"), ("2h", "48h")]),
        ("contract-b.toml.example", [("10m", "1h"), ("10m", "1h"), ("10m", "30m"), ("10m", "30m")]),
    ],
)
def test_both_contract_tables_are_shipped_with_their_ladders(file, allowed):
    text = (Path(__file__).parents[1] / "etc" / "levels.d" / file).read_text("utf-8")
    levels = [LevelSettings.model_validate(level) for level in tomllib.loads(text)["level"]]
    assert [(x.respond, x.repair) for x in levels] == [
        (parse_duration(respond), parse_duration(repair)) for respond, repair in allowed
    ]
    for level in levels:
        for clock in ClockName:
            steps = {s.after: s.receivers for s in level.steps if s.clock is clock and "%" in s.after}
            steps.pop("0%", None)
            assert list(steps.items()) == [
                ("50%", ("second-line",)), ("80%", ("third-line",)), ("100%", ("management",))
            ]  # fmt: skip
        late = [s for s in level.steps if s.despite_ack]
        assert [(s.after, s.match.source["cause"][0]) for s in late] == [
            ("12h", "device_down"), ("24h", "device_down")
        ]  # fmt: skip
        assert "更换同型号设备" in late[1].note
    severe, *others = levels
    assert [s.receivers for s in severe.steps if s.after == "0%"] == [("management",)]
    assert severe.progress == 3600 and severe.progress_to == ("customer",)
    assert not any(level.progress for level in others)


def test_severe_at_once_is_no_escalation_but_a_first_message():
    level = {**LADDER, "match": {"severity": "critical"}, "steps": [{"after": "0%", "receivers": ["boss"]}]}
    world = laddered(level)
    world.unplug("cam0.0.0")
    world.advance(60)
    assert kinds(world, "boss-sms") == [OPENED]


def test_several_rungs_due_together_are_one_message_a_channel():
    steps = [{"after": after, "receivers": ["boss"]} for after in ("50%", "80%", "100%")]
    world = laddered({**LADDER, "steps": steps})
    world.unplug("cam0.1.3")
    world.advance(60)
    world.by_hand(lambda desk, now: desk.acknowledge(1, "王工", now, WallMs(now.wall + 20 * HOUR * 1000)))
    world.advance(21 * HOUR)
    assert kinds(world, "boss-sms") == [ESCALATED]
    story = world.db.execute("SELECT count(*) FROM incident_event WHERE kind='escalated'").fetchone()
    assert story == (3,)


def test_a_crash_takes_no_rung_twice():
    world = laddered()
    world.unplug("cam0.1.3")
    world.advance(45 * 60)
    world.crash()
    world.advance(HOUR)
    assert kinds(world, "second-sms") == [ESCALATED]


def test_the_customer_hears_every_hour_how_a_severe_fault_stands():
    level = {**LADDER, "steps": [], "progress": "1h", "progress_to": ["customer"]}
    world = laddered(level)
    world.unplug("cam0.1.3")
    world.advance(3 * HOUR + 600)
    assert minutes_of(world, "customer-sms") == [60, 120, 180]
    world.crash()
    world.advance(1800)
    assert kinds(world, "customer-sms") == [PROGRESS] * 3
    world.plug("cam0.1.3")
    world.advance(60)
    assert kinds(world, "customer-sms") == [PROGRESS] * 3 + [RESOLVED]


def test_a_graver_alert_that_joins_is_told_and_brings_its_own_level():
    severe = {"name": "severe", "match": {"severity": "critical"}, "respond": "30m", "repair": "12h",
              "steps": [{"after": "0%", "receivers": ["boss"]}]}  # fmt: skip
    world = laddered(severe, LADDER)
    world.unplug("cam0.0.5")
    world.advance(40 * 60)
    assert kinds(world, "second-sms") == [ESCALATED]
    world.unplug("sw0.0")  # now a key site is away too
    world.advance(120)
    graver = [e.notice for e in world.sent if e.notice.severity is Severity.CRITICAL]
    assert {n.incident for n in graver} <= {1, 2}
    assert "boss-sms" in {e.channel for e in world.sent}


def test_severity_raised_within_one_incident_is_a_message_even_soon_after_the_last():
    world = town(cameras=50, policy=policy_of(routes=[route(group_interval="10m")]))
    world.unplug("cam0.0.5")
    world.advance(40)
    world.unplug("cam0.0.0")  # of the same area and soon after, and at a key site
    world.advance(60)
    assert [(e.notice.kind, e.notice.severity) for e in world.sent if e.channel == "sms"] == [
        (OPENED, Severity.WARNING), (CHANGED, Severity.CRITICAL),
    ]  # fmt: skip


def excluded(since: int, until: int, reach: Reach, name: str, cause: Cause) -> Exclusion:
    return Exclusion(1, reach, name, Span(since, until), cause, "Li", "", "")


def test_clocks_stand_still_during_an_exclusion_and_messages_say_so():
    world = laddered()
    world.unplug("cam0.1.3")
    world.advance(60)
    now = world.clock.now()
    second = now.wall // 1000
    storm = excluded(second, second + 5 * HOUR, Reach.AREA, "area0", Cause.WEATHER)
    other = excluded(second, second + 90 * HOUR, Reach.AREA, "area1", Cause.WEATHER)
    world.pipeline.on_exclusions([storm, other], now)
    world.advance(5 * HOUR)
    assert kinds(world, "second-sms") == []
    world.advance(12 * HOUR)
    assert [minutes_of(world, f"{c}-sms")[0] // 10 for c in ("second", "third", "boss")] == [33, 78, 90]
    paused = town(policy=policy_of(levels=[LADDER], routes=[route(group_wait="10s")]), cameras=50)
    now = paused.clock.now()
    cut = excluded(0, now.wall // 1000 + HOUR, Reach.ALL, "", Cause.POWER_CUT)
    paused.pipeline.on_exclusions([cut], now)
    paused.unplug("cam0.1.3")
    paused.advance(60)
    assert paused.sent[0].notice.paused == "power_cut"


def test_a_reload_with_other_levels_takes_no_old_rung_for_a_new_one():
    world = laddered()
    world.unplug("cam0.1.3")
    world.advance(45 * 60)
    assert kinds(world, "second-sms") == [ESCALATED]
    from dataclasses import replace

    steps = [{"after": "1h", "receivers": ["boss"]}]
    new = policy_of(levels=[{**LADDER, "name": "stricter", "steps": steps}])
    world.settings = replace(world.settings, policy=new)
    world.reload()
    world.advance(HOUR)
    assert kinds(world, "boss-sms") == [ESCALATED]


@pytest.mark.parametrize(
    ("pauses", "used"),
    [
        ([], 100),
        ([(20, 30)], 90),
        ([(20, 30), (25, 40)], 80),
        ([(-50, 10), (90, 500)], 80),
        ([(-50, 500)], 0),
        ([(200, 300)], 100),
    ],
)
def test_paused_time_is_not_counted_and_never_twice(pauses, used):
    assert elapsed_ms(WallMs(0), WallMs(100), pauses) == used
    if used:
        at = due_at(WallMs(0), used, WallMs(100), pauses)
        assert elapsed_ms(WallMs(0), at, pauses) == used


@pytest.mark.parametrize("after", ["50 %", "half", "-5%", "2000%", "10"])
def test_a_rung_that_cannot_be_placed_is_refused(after):
    with pytest.raises(ValueError, match="not a"):
        StepSettings(after=after, receivers=("boss",))


def test_a_level_that_allows_less_for_repair_than_for_response_is_refused():
    with pytest.raises(ValueError, match="repair is allowed less"):
        LevelSettings.model_validate({"name": "x", "respond": "2h", "repair": "1h"})


def test_whoever_has_duty_when_a_rung_is_taken_is_told():
    rosters = {"boss": {"members": ["second", "third"], "first_day": "2027-01-15", "turn_days": 1,
                        "handover": "00:00:00"}}  # fmt: skip
    steps = [{"after": "50%", "receivers": ["boss"]}]
    world = laddered({**LADDER, "repair": "48h", "steps": steps}, rosters=rosters)
    on_duty = rosters and world.settings.policy.rosters["boss"]
    world.unplug("cam0.1.3")
    world.advance(30 * HOUR)
    told_ = {channel for channel, _ in told(world)} - {"sms", "wecom"}
    (at,) = [e.created for e in world.sent if e.notice.kind is ESCALATED]
    assert told_ == {f"{on_duty.on_duty(at)}-sms"}
