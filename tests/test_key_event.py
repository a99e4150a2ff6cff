"""Key events (重大安保保障): for their time their devices are checked more often, by stricter rules, and
escalated sooner; before and after, nothing is different."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.alerts.service import LevelSettings
from monitor.config import load
from monitor.config.load import read
from monitor.key_event import LABEL, KeyEvent, KeyEventSettings, in_force, paces, selector_of
from monitor.model import Device, DeviceId, Kind, Severity, WallMs
from monitor.notifiers.notice import NoticeKind
from monitor.simulate.world import World
from tests.core_support import policy_of, route, town
from tests.daemon_support import small_house

START = 1_800_000_000_000
HOUR = 3600
LEVEL = LevelSettings.model_validate(
    {"name": "one", "respond": "1h", "repair": "10h",
     "steps": [{"after": "50%", "receivers": ["second"]}, {"after": "8h", "receivers": ["third"]}]}
)  # fmt: skip


def event(begin_s: int, end_s: int, **settings: object) -> KeyEvent:
    def local(at: int) -> str:
        return datetime.fromtimestamp(START / 1000 + at, UTC).isoformat()

    values = {"name": "两会", "select": {"area": "area0"}, "begin": local(begin_s), "end": local(end_s)}
    return KeyEvent(KeyEventSettings.model_validate(values | settings))


def guarded_town(*events: KeyEvent, cameras: int = 50, skip_calm: bool = False) -> World:
    policy = policy_of(levels=[LEVEL.model_dump(by_alias=True, mode="json") | {"match": {}}],
                       routes=[route(group_wait="0s")])  # fmt: skip
    return town(cameras=cameras, policy=policy, key_events=events, skip_calm=skip_calm)


def opened(world: World) -> list[tuple[str, Severity]]:
    return [(e.notice.subject, e.notice.severity) for e in world.sent if e.channel == "sms"
            and e.notice.kind is NoticeKind.OPENED]  # fmt: skip


def test_one_camera_off_line_is_critical_during_the_event_in_its_area_only() -> None:
    world = guarded_town(event(600, 1800))
    world.unplug("cam0.1.3", "cam1.1.3")
    world.advance(300)
    assert {severity for _, severity in opened(world)} == {Severity.WARNING}
    world.advance(400)  # the event has begun, and the camera is still off line
    firing = world.pipeline.desk.firing()
    assert firing["key-event 两会"] == [((), firing["key-event 两会"][0][1])]
    assert Severity.CRITICAL in {i.severity for i in world.pipeline.desk.incidents.values()}
    world.plug("cam0.1.3")
    world.advance(60)
    assert "key-event 两会" not in world.pipeline.desk.firing()


def test_what_the_event_alone_complained_of_ends_with_it_and_is_told_so() -> None:
    world = guarded_town(event(0, 1200))
    world.unplug("cam0.1.3")
    world.advance(600)
    assert "key-event 两会" in world.pipeline.desk.firing()
    world.advance(900)
    assert "key-event 两会" not in world.pipeline.desk.firing()
    assert "device-down" in world.pipeline.desk.firing(), "what the usual rules say goes on"
    assert not world.events


def escalated(world: World) -> dict[str, int]:
    """The first escalation to each channel, in minutes since the camera fell."""
    found: dict[str, int] = {}
    for entry in world.sent:
        if entry.notice.kind is NoticeKind.ESCALATED and entry.notice.since is not None:
            found.setdefault(entry.channel, round((entry.created - entry.notice.since) / 60_000))
    return found


def test_escalation_takes_half_the_time_for_its_devices_and_the_usual_for_others() -> None:
    world = guarded_town(event(0, 24 * HOUR), cameras=5, skip_calm=True)
    world.unplug("cam0.1.3")
    world.advance(9 * HOUR)
    assert escalated(world) == {"second-sms": 150, "third-sms": 240}
    usual = guarded_town(event(0, 24 * HOUR), cameras=5, skip_calm=True)
    usual.unplug("cam1.1.3")
    usual.advance(9 * HOUR)
    assert escalated(usual) == {"second-sms": 300, "third-sms": 480}


def test_a_rung_that_was_taken_is_not_taken_again_when_the_event_begins_or_ends() -> None:
    world = guarded_town(event(6 * HOUR, 7 * HOUR), cameras=5, skip_calm=True)
    world.unplug("cam0.1.3")
    world.advance(12 * HOUR)
    channels = [e.channel for e in world.sent if e.notice.kind is NoticeKind.ESCALATED]
    assert sorted(channels) == ["second-sms", "third-sms"]
    assert escalated(world)["third-sms"] == 359, "due at 4 h by the event's time: taken when that begins"


def test_its_devices_are_probed_at_its_pace_and_afterwards_at_the_usual_one() -> None:
    world = guarded_town(event(60, 120, intervals={"icmp": "2s"}), cameras=5)
    assert world.schedule.sizes() == {"icmp": (10.0, 26)}
    world.advance(60)
    assert world.schedule.sizes() == {"icmp": (10.0, 13), "icmp@2s": (2.0, 13)}
    world.unplug("cam0.1.3")
    world.advance(7)  # three probes a second apart, the first within two seconds
    assert "device-down" in world.pipeline.desk.firing()
    world.plug("cam0.1.3")
    world.advance(120)
    assert world.schedule.sizes() == {"icmp": (10.0, 26)}
    assert not world.pipeline.desk.incidents


def test_a_crash_in_the_middle_changes_nothing() -> None:
    world = guarded_town(event(0, 3600))
    world.unplug("cam0.1.3")
    world.advance(120)
    world.crash(2000)
    world.advance(120)
    assert "key-event 两会" in world.pipeline.desk.firing()
    world.advance(3600)
    assert "key-event 两会" not in world.pipeline.desk.firing()


def test_of_two_events_the_quicker_pace_counts_and_never_a_slower_one_than_usual() -> None:
    device = Device(DeviceId("a"), "a", Kind.CAMERA, "127.0.0.1", area="area0", checks=("icmp", "rtsp"))
    both = [event(0, 10, intervals={"icmp": "5s"}), event(0, 10, intervals={"icmp": "2s", "rtsp": "1h"})]
    found = paces({"icmp": 10.0, "rtsp": 60.0}, [device], both)
    assert found == {"icmp": (10.0, []), "icmp@2s": (2.0, ["a"]), "rtsp": (60.0, ["a"])}


def test_it_is_in_force_from_its_first_to_before_its_last_moment_in_its_time_zone() -> None:
    one = KeyEvent(
        KeyEventSettings.model_validate(
            {
                "name": "x",
                "begin": "2026-12-01T08:00:00",
                "end": "2026-12-01T09:00:00",
                "timezone": "Asia/Tokyo",
            }
        )
    )
    begin = int(datetime(2026, 11, 30, 23, tzinfo=UTC).timestamp() * 1000)
    moments = [begin - 1, begin, begin + 3_599_999, begin + 3_600_000]
    assert [bool(in_force([one], WallMs(at))) for at in moments] == [False, True, True, False]


async def test_the_daemon_puts_it_in_force_when_its_time_comes(tmp_path: Path) -> None:
    house = small_house(
        tmp_path,
        """
        [checks.tcp]
        interval = "30s"
        port = 9
        [kind.camera]
        checks = ["tcp"]
        [states]
        recheck = "100ms"
        """,
    )
    async with house.running():
        before = await house.until(lambda s: bool(s["checks"]))
        assert [c["check"] for c in before["checks"]] == ["tcp"]
        now = datetime.now(UTC)
        event = f"""
        [[key_event]]
        name = "marathon"
        begin = {(now + timedelta(seconds=1)).isoformat()}
        end = {(now + timedelta(hours=1)).isoformat()}
        intervals = {{ tcp = "1s" }}
        """
        house.config.write_text(house.config.read_text() + event)
        await house.ask("reload")
        after = await house.until(lambda s: bool(s["incidents"]))
        assert await house.stop() == 0
    assert {c["check"]: c["devices"] for c in after["checks"]} == {"tcp": 0, "tcp@1s": 1}
    assert [alert["rule"] for alert in after["incidents"][0]["alerts"]] == ["key-event marathon"]


CONFIG = """
[daemon]
state_dir = "."
run_dir = "."
[[device]]
id = "c1"
name = "camera"
address = "127.0.0.1"
area = "East"
[channel.mail]
url = "webhook://127.0.0.1:9/"
[receiver.boss]
channels = ["mail"]
[[route]]
receiver = "boss"
[[key_event]]
name = "marathon"
begin = 2026-12-01T08:00:00
end = 2026-12-01T20:00:00
"""


def test_its_rules_are_checked_like_others_and_narrowed_to_its_devices(tmp_path: Path) -> None:
    path = tmp_path / "camwatch.toml"
    path.write_text(
        CONFIG
        + """
        select = { area = "East" }
        intervals = { icmp = "2s" }
        receivers = ["boss"]
        [[key_event.rule]]
        name = "slow"
        type = "threshold"
        select = { kind = "camera" }
        metric = "ping.average_response_ms"
        above = 50
        """
    )
    (found,) = load(path).key_events
    rate, slow = found.rules
    assert rate.labels == slow.labels == {LABEL: "marathon"}
    east, west = (Device(DeviceId(a), a, Kind.CAMERA, "127.0.0.1", area=a) for a in ("East", "West"))
    narrow = selector_of(slow)
    assert narrow is not None
    assert [narrow.selects(d) for d in (east, west)] == [True, False]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('intervals = { icmp = "1h" }', "is less often than the usual"),
        ('intervals = { icpm = "1s" }', 'no device is checked by "icpm"'),
        ('intervals = { icmp = "100ms" }', "0.1s is too short"),
        ("hurry = 2", "hurry"),
        ('receivers = ["bos"]', 'no receiver is called "bos"; did you mean "boss"?'),
        ('select = { area = "Moon" }', "warning: no device of the inventory is selected"),
        ("end = 2026-12-01T08:00:00", "before it begins"),
        ('[[key_event.rule]]\nname = "x"\ntype = "treshold"', 'did you mean "threshold"?'),
        ('[[key_event.rule]]\nname = "x"\ntype = "month_forecast"\nbelow = 96', "not about devices"),
        ("[[key_event]]\nname = \"marathon\"\nbegin = 2026-12-02\nend = 2026-12-03", "is also in"),
    ],
)  # fmt: skip
def test_a_wrong_event_is_refused_in_clear_words(tmp_path: Path, more: str, words: str) -> None:
    path = tmp_path / "camwatch.toml"
    text = CONFIG if not more.startswith("end") else CONFIG.replace("end = 2026-12-01T20:00:00\n", "")
    path.write_text(text + more)
    assert words in "".join(f"{problem}\n" for problem in read(path).problems)
