"""What people do with an incident: acknowledge, note, resolve; and what became of messages."""

from __future__ import annotations

import os
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.alerts.desk import UnknownIncident
from monitor.alerts.tokens import TokenError, Tokens
from monitor.config.daemon import DaemonSettings
from monitor.jobs.links import Links
from monitor.model import DeviceId, IncidentId, Severity, WallMs
from monitor.notifiers.notice import Notice, NoticeKind
from monitor.notifiers.render import render
from monitor.notifiers.schemes import Form
from monitor.storage.ledger import commit
from monitor.storage.ledger.records import LinksForgotten, LinkUsed
from monitor.storage.ledger.writer import open_ledger
from monitor.words import Language
from tests.core_support import kinds, policy_of, route, told, town

OPENED, CHANGED, REPEATED, RESOLVED = (
    NoticeKind.OPENED, NoticeKind.CHANGED, NoticeKind.REPEATED, NoticeKind.RESOLVED,
)  # fmt: skip


def test_an_acknowledgement_with_an_end_lets_repetitions_begin_again_after_it():
    world = town(cameras=50, skip_calm=True, routes=[route(repeat_interval="10m")])
    world.unplug("cam0.1.3")
    world.advance(60)
    world.by_hand(lambda desk, now: desk.acknowledge(1, "王工", now, WallMs(now.wall + 3600_000)))
    world.advance(3500)
    assert kinds(world, "sms") == [OPENED]
    world.advance(200)
    assert kinds(world, "sms") == [OPENED, REPEATED]
    world.crash()
    world.advance(60)
    assert kinds(world, "sms") == [OPENED, REPEATED]


def test_an_acknowledgement_survives_a_crash():
    world = town(cameras=50, skip_calm=True, routes=[route(repeat_interval="10m")])
    world.unplug("cam0.1.3")
    world.advance(60)
    world.by_hand(lambda desk, now: desk.acknowledge(1, "王工", now))
    world.crash()
    world.advance(3600)
    assert kinds(world, "sms") == [OPENED]
    assert world.pipeline.desk.incidents[1].acked_by == "王工"


def test_notes_and_causes_are_in_the_story_with_their_author():
    world = town(cameras=50)
    world.unplug("cam0.1.3")
    world.advance(60)
    world.by_hand(lambda desk, now: desk.note(1, "note", "王工", "已到现场", now))
    world.by_hand(lambda desk, now: desk.note(1, "cause", "王工", "光纤被挖断", now))
    rows = world.db.execute("SELECT kind, author, text FROM incident_event WHERE author != ''").fetchall()
    assert rows == [("note", "王工", "已到现场"), ("cause", "王工", "光纤被挖断")]


@pytest.mark.parametrize("act", ["acknowledge", "resolve"])
def test_an_incident_that_is_not_open_is_refused(act):
    world = town()
    now = world.clock.now()
    desk = world.pipeline.desk
    calls = {
        "acknowledge": lambda: desk.acknowledge(7, "王工", now),
        "resolve": lambda: desk.resolve(7, "王工", "", now),
    }
    with pytest.raises(UnknownIncident, match="#7"):
        calls[act]()


def test_resolved_by_hand_is_told_and_quiet_for_a_while_but_not_forgotten():
    world = town(cameras=50, skip_calm=True, routes=[route(repeat_interval="1h")])
    world.unplug("cam0.1.3")
    world.advance(60)
    world.by_hand(lambda desk, now: desk.resolve(1, "王工", "已绕接", now))
    world.advance(50 * 60)
    assert told(world)["sms", 1] == [OPENED, RESOLVED]
    assert len(told(world)) == 2
    text = render(world.sent[-1].notice, Language.ZH_CN, Form.PHONE, ZoneInfo("Asia/Shanghai"))
    assert text.title == "【恢复】Camera 0.1.3：已由 王工 人工关闭 #1"  # it is not said to be on line
    assert "详情：已绕接" in text.body.splitlines()
    world.advance(15 * 60)
    assert told(world)["sms", 2] == [OPENED]  # it is down still
    world.plug("cam0.1.3")
    world.advance(60)
    assert told(world)["sms", 2] == [OPENED, RESOLVED]


def test_resolved_by_hand_and_then_really_over_is_over():
    world = town(cameras=50, skip_calm=True, routes=[route(repeat_interval="1h")])
    world.unplug("cam0.1.3")
    world.advance(60)
    world.by_hand(lambda desk, now: desk.resolve(1, "王工", "", now))
    world.plug("cam0.1.3")
    world.advance(7200)
    assert kinds(world, "sms") == [OPENED, RESOLVED]
    world.unplug("cam0.1.3")
    world.advance(60)
    assert told(world)["sms", 2] == [OPENED]


@pytest.mark.parametrize("breaks", ["crash", "reload"])
def test_what_was_resolved_by_hand_and_is_still_so_is_not_lost_by_a_crash_or_a_reload(breaks):
    world = town(cameras=50, skip_calm=True, routes=[route(repeat_interval="1h")])
    world.unplug(*(f"cam0.1.{n}" for n in range(8)))  # the area's rate is breached as well
    world.advance(60)
    world.by_hand(lambda desk, now: desk.resolve(1, "王工", "", now))
    getattr(world, breaks)()
    world.advance(2 * 3600)
    devices = {a.device for i in world.pipeline.desk.incidents.values() for a in i.open_alerts()}
    assert {f"cam0.1.{n}" for n in range(8)} <= devices


def test_a_channel_whose_only_message_died_was_not_told_and_hears_no_end():
    world = town(cameras=50, skip_calm=True, routes=[route(repeat_interval="10m")])
    world.dead_channels = {"sms"}
    world.unplug("cam0.1.3")
    world.advance(60)
    assert set(world.pipeline.desk.incidents[1].told) == {"wecom"}
    world.dead_channels = set()
    world.advance(600)  # at the next repetition it is told as if for the first time
    assert told(world)["sms", 1] == [OPENED]
    world.plug("cam0.1.3")
    world.advance(60)
    assert told(world)["sms", 1] == [OPENED, RESOLVED]


def test_a_channel_that_heard_of_it_is_told_the_end_though_a_later_message_died():
    world = town(cameras=50, skip_calm=True, routes=[route(repeat_interval="10m")])
    world.unplug("cam0.1.3")
    world.advance(60)
    world.dead_channels = {"sms"}
    world.advance(600)
    world.dead_channels = set()
    world.plug("cam0.1.3")
    world.advance(60)
    assert told(world)["sms", 1] == [OPENED, RESOLVED]


def test_a_growing_incident_is_told_in_time_though_other_things_are_due_in_between():
    level = {"name": "any", "respond": "1h", "repair": "2h",
             "steps": [{"after": "90s", "receivers": ["boss"]}]}  # fmt: skip
    world = town(
        cameras=50, skip_calm=True, policy=policy_of(routes=[route(group_interval="2m")], levels=[level])
    )
    world.unplug("cam0.1.3")
    world.advance(40)
    world.unplug("cam0.1.4")
    world.advance(65)
    assert kinds(world, "boss-sms")  # the ladder had its say first
    world.advance(60)
    assert kinds(world, "sms") == [OPENED, CHANGED]


# -------------------------------------------------------------------- one-use links

NOW = WallMs(1_800_000_000_000)
LATER = WallMs(NOW + 3600_000)


def test_a_link_is_good_once_and_for_its_incident():
    tokens = Tokens(b"k" * 32)
    token = tokens.issue(IncidentId(412), LATER)
    assert tokens.redeem(token, NOW) == 412
    with pytest.raises(TokenError, match="used already"):
        tokens.redeem(token, NOW)


def test_a_link_that_has_expired_is_refused():
    tokens = Tokens(b"k" * 32)
    with pytest.raises(TokenError, match="expired"):
        tokens.redeem(tokens.issue(IncidentId(412), LATER), LATER)


@pytest.mark.parametrize("forged", ["", "x", "AAAA", "ä", "A" * 1000])
def test_a_damaged_link_is_refused(forged):
    with pytest.raises(TokenError):
        Tokens(b"k" * 32).redeem(forged, NOW)


def test_no_bit_of_a_link_can_be_changed():
    import base64

    tokens = Tokens(b"k" * 32)
    token = tokens.issue(IncidentId(412), LATER)
    data = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    for byte in range(len(data)):
        for bit in range(8):
            data[byte] ^= 1 << bit
            with pytest.raises(TokenError):
                tokens.redeem(base64.urlsafe_b64encode(bytes(data)).decode().rstrip("="), NOW)
            data[byte] ^= 1 << bit
    assert tokens.redeem(token, NOW) == 412


def test_a_link_of_another_camwatch_is_refused():
    with pytest.raises(TokenError, match="not made by us"):
        Tokens(b"a" * 32).redeem(Tokens(b"b" * 32).issue(IncidentId(1), LATER), NOW)


def test_a_used_link_is_not_good_again_after_a_restart(tmp_path: Path):
    settings = DaemonSettings(base_url="https://camwatch.example.org/", state_dir=tmp_path)
    with closing(open_ledger(tmp_path / "ledger.db")) as db:
        notice = Notice(OPENED, Severity.MAJOR, "device_down", "cam", NOW, incident=IncidentId(412))
        link = Links(settings, db).of(notice)
        base, _, token = link.rpartition("/")
        assert base == "https://camwatch.example.org/ack"
        used = Links(settings, db).read(token, NOW)
        commit(db, [LinkUsed(used.nonce, used.ends)])
        with pytest.raises(TokenError, match="used already"):
            Links(settings, db).read(token, NOW)
        commit(db, [LinksForgotten(used.ends)])
        assert db.execute("SELECT count(*) FROM link_used").fetchone() == (0,)


def test_links_go_with_what_asks_for_somebody_and_where_there_is_room(tmp_path: Path):
    with closing(open_ledger(tmp_path / "ledger.db")) as db:
        links = Links(DaemonSettings(base_url="http://10.0.0.1/camwatch", state_dir=tmp_path), db)
        none = Links(DaemonSettings(state_dir=tmp_path), db)
    notice = Notice(OPENED, Severity.MAJOR, "device_down", "cam", NOW, incident=IncidentId(412))
    assert none.of(notice) == ""
    assert links.of(replace(notice, acked_by="王工")) == links.of(replace(notice, kind=RESOLVED)) == ""
    link = links.of(notice)
    zone = ZoneInfo("Asia/Shanghai")
    assert f"确认受理：{link}" in render(notice, Language.ZH_CN, Form.PHONE, zone, link=link).body
    assert link not in render(notice, Language.ZH_CN, Form.SMS, zone, link=link).body


def test_the_key_is_made_once_whole_and_for_us_alone(tmp_path: Path):
    path = tmp_path / "link.key"
    token = Tokens.of_file(path).issue(IncidentId(1), LATER)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert Tokens.of_file(path).redeem(token, NOW) == 1
    path.write_bytes(b"")
    with pytest.raises(TokenError, match="no key"):
        Tokens.of_file(path)


# -------------------------------------------------------------------- what comes and goes


def test_what_goes_and_comes_again_and_again_is_told_once_and_then_ended_once():
    world = town(cameras=50, policy=policy_of(routes=[route(group_interval="10s")]), skip_calm=True)
    for n in range(12):  # slower than the states' flapping window sees
        world.unplug("cam0.1.3")
        world.advance(110)
        world.plug("cam0.1.3")
        world.advance(110)
        if n == 6:
            world.crash()  # is not told again
    assert kinds(world, "sms") == [OPENED, RESOLVED, OPENED, CHANGED]
    text = render(world.sent[-1].notice, Language.ZH_CN, Form.PHONE, ZoneInfo("Asia/Shanghai"))
    assert "Camera 0.1.3 反复上下线" in text.title
    assert "时断时续，稳定一段时间后再通知恢复" in text.body.splitlines()
    world.advance(600)
    assert kinds(world, "sms") == [OPENED, RESOLVED, OPENED, CHANGED, RESOLVED]
    assert not world.pipeline.desk.incidents


def test_a_device_that_flaps_by_its_checks_is_told_to_do_so_once():
    world = town(cameras=50, policy=policy_of(routes=[route(group_interval="10s")]))
    for _ in range(30):
        world.unplug("cam0.1.3")
        world.advance(12)
        world.plug("cam0.1.3")
        world.advance(12)
    assert world.pipeline.states.tracks[DeviceId("cam0.1.3")].flapping
    assert [entry.notice.restless for entry in world.sent if entry.channel == "sms"] == [True]
    world.advance(900)
    assert kinds(world, "sms") == [OPENED, RESOLVED]


def test_a_restless_device_that_leaves_the_inventory_is_over_at_once():
    world = town(cameras=50, policy=policy_of())
    for _ in range(3):
        world.unplug("cam0.1.3")
        world.advance(60)
        world.plug("cam0.1.3")
        world.advance(60)
    assert world.pipeline.desk.incidents
    world.reload([d for d in world.devices.values() if d.id != "cam0.1.3"])
    world.advance(30)
    assert not world.pipeline.desk.incidents
