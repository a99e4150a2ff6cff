"""What people read: complete, short, in their language, and no device's name acts on their screen."""

from __future__ import annotations

import io
import string
import tomllib
import unicodedata
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from monitor import words as words_module
from monitor.model import IncidentId, Reason, Severity, WallMs
from monitor.notifiers import render as render_module
from monitor.notifiers.clean import clean
from monitor.notifiers.headline import percent
from monitor.notifiers.moments import moment, span
from monitor.notifiers.notice import DeviceLine, Notice, NoticeKind, RateLine
from monitor.notifiers.plugins.sms_parts import sms_parts
from monitor.notifiers.render import Rendered, plain, render
from monitor.notifiers.schemes import Form
from monitor.notifiers.settings import ChannelSettings
from monitor.words import Language, words

ZONE = ZoneInfo("Asia/Shanghai")
ZH, EN = Language.ZH_CN, Language.EN
MONITOR = Path(words_module.__file__).parent


def at(text: str) -> WallMs:
    return WallMs(int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000))


NOW = at("2026-11-22 03:40:05")
CAMERA = DeviceLine("东门1号球机", "10.1.2.1", "人民广场", at("2026-11-22 03:12:00"), "timeout")
DOWN = Notice(
    NoticeKind.OPENED,
    Severity.CRITICAL,
    "device_down",
    "东门1号球机",
    NOW,
    place="城东 人民广场",
    incident=IncidentId(412),
    since=at("2026-11-22 03:12:00"),
    offline=1,
    counted=1,
    devices=(CAMERA,),
)
RATE = Notice(
    NoticeKind.OPENED,
    Severity.MAJOR,
    "online_rate",
    "城东",
    NOW,
    incident=IncidentId(413),
    since=at("2026-11-21 23:50:00"),
    offline=81,
    counted=2000,
    rates=(RateLine("城东", 1919, 2000, 96),),
    devices=tuple(replace(CAMERA, name=f"东门{n}号球机", address=f"10.1.2.{n}") for n in range(1, 9)),
)


def test_a_camera_down_reads_like_this() -> None:
    assert render(DOWN, ZH, Form.PHONE, ZONE) == Rendered(
        "【紧急】东门1号球机 离线 #412",
        "位置：城东 人民广场\n时间：今天 03:12 起，已28分钟\n地址：10.1.2.1\n原因：无应答\n"
        "发送：2026-11-22 03:40:05",
    )
    assert render(DOWN, EN, Form.PHONE, ZONE).title == "[critical] 东门1号球机 is offline #412"


def test_its_end_reads_like_this() -> None:
    over = replace(DOWN, kind=NoticeKind.RESOLVED, until=at("2026-11-22 03:38:10"))
    assert render(over, ZH, Form.PHONE, ZONE) == Rendered(
        "【恢复】东门1号球机 已恢复在线 #412",
        "位置：城东 人民广场\n时间：今天 03:12 至 03:38，历时26分钟\n发送：2026-11-22 03:40:05",
    )


@pytest.mark.parametrize(("detail", "told"), [("+59.5 s", "时钟快 59.5 秒"), ("-7.0 s", "时钟慢 7.0 秒")])
def test_a_wrong_clock_says_which_way_until_it_is_right(detail: str, told: str) -> None:
    wrong = replace(DOWN, cause="wrong_clock", detail=detail, offline=0, devices=())
    assert told in render(wrong, ZH, Form.PHONE, ZONE).body.splitlines()
    over = replace(wrong, kind=NoticeKind.RESOLVED, until=NOW)
    assert detail[1:-2] not in render(over, ZH, Form.PHONE, ZONE).body


def test_a_breached_rate_reads_like_this() -> None:
    text = render(RATE, ZH, Form.PHONE, ZONE)
    # 95.95 % is never shown as 96 %.
    assert text.title == "【重要】城东 在线率 95.9%，低于 96% #413"
    assert text.body.splitlines()[:4] == [
        "时间：昨天 23:50 起，已3小时50分",
        "在线 1919/2000，离线 81 台",
        "离线设备：",
        "· 东门1号球机 人民广场 10.1.2.1 无应答 今天 03:12",
    ]
    assert "另有 76 台" in text.body
    assert len(text.body.encode()) < 2048


def test_a_short_message_is_one_line_of_two_parts_at_most_and_ends_with_the_incident() -> None:
    text = render(RATE, ZH, Form.SMS, ZONE)
    assert text == Rendered(
        "",
        "重要：城东 在线率 95.9%，低于 96%，离线 81/2000 台，昨天 23:50 起，已3小时50分，"
        "东门1号球机、东门2号球机 #413",
    )
    long = replace(RATE, subject="很" * 300, devices=(replace(CAMERA, name="长" * 300),) * 3)
    body = render(long, ZH, Form.SMS, ZONE).body
    assert sms_parts(body).parts <= 2 and body.endswith(" #413") and "【" not in body


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("kind", NoticeKind)
def test_every_cause_and_kind_has_words_of_its_own(
    language: Language, form: Form, kind: NoticeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(notice: Notice) -> Rendered:
        raise AssertionError(f"fell back to plain words for {notice}")

    monkeypatch.setattr(render_module, "plain", refuse)
    causes = (
        *("device_down", "device_unreachable", "device_unknown", "online_rate", "threshold", "blind"),
        *("ledger", "sink", "channel", "clock", "overrun", "power_cut", "storm", "test"),
    )
    for cause in causes:
        if cause == "test" and kind is NoticeKind.RESOLVED:
            continue  # a test has no end
        for base in (DOWN, RATE, replace(RATE, rates=RATE.rates * 3), replace(DOWN, devices=(), since=None)):
            notice = replace(base, cause=cause, kind=kind, detail="97 (> 90)", acked_by="王工")
            text = render(notice, language, form, ZONE)
            assert "{" not in text.title + text.body
            if language is ZH:
                letters = (text.title + text.body).replace("Camwatch", "")
                assert not set(letters) & set(string.ascii_letters), text


CUT = replace(DOWN, cause="power_cut", subject="城东12号线", place="城东", offline=312, counted=0, devices=())


def test_a_power_cut_reads_like_this() -> None:
    text = render(CUT, ZH, Form.PHONE, ZONE)
    assert text.title == "【紧急】疑似停电：城东12号线，312 台设备同时离线，请确认后可登记为免责 #412"
    over = replace(CUT, kind=NoticeKind.RESOLVED, until=NOW)
    assert render(over, ZH, Form.PHONE, ZONE).title == "【恢复】供电已恢复：城东12号线 #412"


def test_a_digest_names_the_counts_the_areas_and_the_worst() -> None:
    digest = Notice(NoticeKind.DIGEST, Severity.CRITICAL, "storm", "城东核心交换机", NOW, place="城东",
                    since=at("2026-11-22 03:38:00"), offline=480, incidents=52, ended=3,
                    areas=("城东", "城西"))  # fmt: skip
    text = render(digest, ZH, Form.PHONE, ZONE)
    assert text.title == "【告警汇总】未恢复告警 52 起、已恢复 3 起、离线 480 台"
    assert text.body.splitlines()[:2] == ["涉及辖区：城东、城西", "最严重：城东核心交换机 城东"]
    short = render(digest, ZH, Form.SMS, ZONE).body
    assert short.startswith("告警汇总：未恢复告警 52 起、已恢复 3 起、离线 480 台，城东、城西")
    assert render(digest, EN, Form.PHONE, ZONE).title == (
        "[Digest] 52 incidents open, 3 incidents over, 480 devices offline"
    )
    over = replace(digest, incidents=0, ended=1, offline=0)
    assert render(over, ZH, Form.PHONE, ZONE).title == "【告警汇总】已恢复 1 起"


def test_an_escalation_says_what_is_to_be_done_and_how_the_time_is_used() -> None:
    late = replace(DOWN, kind=NoticeKind.ESCALATED, detail="24小时未修复，请更换同型号设备", clock="repair",
                   used_ms=86_400_000, allowed_ms=86_400_000)  # fmt: skip
    text = render(late, ZH, Form.PHONE, ZONE)
    assert text.title == "【紧急·超时升级】东门1号球机 离线 #412"
    assert "详情：24小时未修复，请更换同型号设备\n修复用时：1天，时限1天" in text.body
    assert "24小时未修复，请更换同型号设备" in render(late, ZH, Form.SMS, ZONE).body


def test_a_message_says_when_the_contract_s_clock_stands_still() -> None:
    paused = replace(DOWN, paused="weather", paused_until=at("2026-11-22 08:00:00"))
    assert "考核计时已暂停（恶劣天气），至今天 08:00" in render(paused, ZH, Form.PHONE, ZONE).body
    assert "考核计时已暂停（恶劣天气），至今天 08:00" in render(paused, ZH, Form.SMS, ZONE).body


def test_every_reason_has_words() -> None:
    for reason in Reason:
        if reason is not Reason.OK:
            body = render(
                replace(DOWN, devices=(replace(CAMERA, reason=reason.value),)), ZH, Form.PHONE, ZONE
            )
            assert reason.value not in body.body


def test_the_catalogue_has_exactly_the_texts_that_the_code_uses() -> None:
    """None missing, none stale, none fuzzy, and the placeholders the same."""
    keywords = {"text": None, "many": (1, 2), "N_": None, "t": None}
    used = set()
    speaking = [("**/notifiers/**.py", "python"), ("**/reports/**.py", "python")]
    found = extract_from_dir(MONITOR, speaking, keywords=keywords)
    for _, _, message, _, _ in found:
        used.add(message if isinstance(message, str) else message[0])
    with (MONITOR / "locale/zh_CN/LC_MESSAGES/camwatch.po").open("rb") as file:
        catalogue = read_po(file, locale="zh_CN")
    entries = {m.id if isinstance(m.id, str) else m.id[0]: m for m in catalogue if m.id}
    assert used == set(entries)
    for id, message in entries.items():
        translated = message.string if isinstance(message.string, str) else message.string[0]
        assert translated and not message.fuzzy, id
        assert _fields(translated) == _fields(id), id


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_a_message_that_cannot_be_worded_still_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise KeyError("a template's field")

    monkeypatch.setattr(render_module, "headline", broken)
    for form in Form:
        text = render(RATE, ZH, form, ZONE)
        assert text == plain(RATE)
        assert text.title == "[major] opened online_rate 城东 #413" and text.body == "81/2000"


HOSTILE = st.text(max_size=200) | st.sampled_from(
    [
        '<at user_id="all">所有人</at>',
        "<!channel> [点我](http://example.org)",
        "@all @everyone",
        "a\r\nb\x00\x1b[31m",
        "\u202egnp.exe",
        "\u2066\u200b\ufeff",
        "{subject} {0} %s",
        "\ud800",
    ]
)


@settings(max_examples=60)
@given(HOSTILE, HOSTILE, st.sampled_from(Form), st.sampled_from(Language))
def test_nothing_in_a_name_acts_on_the_reader_s_screen(
    name: str, site: str, form: Form, language: Language
) -> None:
    device = replace(CAMERA, name=name, site=site, address=name, reason=site)
    notice = replace(
        RATE,
        subject=name,
        place=site,
        detail=name,
        acked_by=site,
        devices=(device,) * 10,
        rates=(RateLine(name, 1, 2, 96.0),) * 2,
    )
    for each in (
        notice,
        replace(notice, cause=name),
        replace(notice, rates=(), devices=(device,), offline=1),
    ):
        text = render(each, language, form, ZONE)
        whole = f"{text.title}\n{text.body}"
        assert not set(whole.replace(f"[{text.title[1:].partition(']')[0]}]", "", 1)) & set("<>`@")
        assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs") for char in whole.replace("\n", ""))
        assert len(whole) < (2000 if form is Form.PHONE else 4000)
        assert "\n" not in text.title


@given(st.text())
def test_cleaned_text_is_bounded_and_stays_clean(text: str) -> None:
    once = clean(text, 40)
    assert len(once) <= 40 and "\n" not in once
    assert clean(once, 40) == once


@given(st.integers(1, 10**6), st.sampled_from([96.0, 99.9, 99.95, 100.0, 1.0]), st.data())
def test_a_rate_below_its_limit_never_reads_like_the_limit(
    counted: int, limit: float, data: st.DataObject
) -> None:
    online = data.draw(st.integers(0, counted))
    shown = percent(RateLine("x", online, counted, limit))
    hundredths = round(limit * 100)
    assert (float(shown[:-1]) < limit) is (online * 10_000 < hundredths * counted)


def test_times_are_said_as_people_say_them() -> None:
    w = words(ZH)
    cases = {
        "2026-11-22 00:00:00": "今天 00:00",
        "2026-11-21 23:59:59": "昨天 23:59",
        "2026-11-20 03:12:00": "11-20 03:12",
        "2025-12-31 23:50:00": "2025-12-31 23:50",
    }
    for when, said in cases.items():
        assert moment(w, at(when), NOW, ZONE) == said
    spans = {
        0: "0秒",
        59_999: "59秒",
        60_000: "1分钟",
        3_600_000: "1小时",
        5_400_000: "1小时30分",
        90_000_000: "1天1小时",
    }
    for ms, said in spans.items():
        assert span(w, ms) == said
    assert moment(words(EN), at("2026-11-21 23:59:59"), NOW, ZONE) == "yesterday 23:59"


SETTINGS = {
    'url = "wecombot://693a91f6-7xxx"': "a key is written out in the url: write wecombot://{key}",
    'url = "mailtos://cam:hunter2@example.org"': "a password is written out in the url: write mailtos://USER:",
    'url = "dingtalk://SECabc@{token}"\nsecrets = { token = { env = "X" } }': "a key is written out",
    'url = "dingtalk://{token}@abc"\nsecrets = { token = { env = "X" } }': "a key is written out",
    'url = "json://h/?access_token=abc"': "the value of 'access_token' is a secret written out: write {a",
    'url = "webhook://h/"\noptions = { "header.X-Api-Key" = "abc" }': "write {headerXApiKey}",
    'url = "webhook://h/"\noptions = { "header.Authorization" = "Bearer abc" }': "is a secret written out",
    'url = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abc"': "the value of 'key' is a secret",
    'url = "wecombot://{key}"': '{key} in the url has no value: add secrets = { key = { env = "…" } }',
    'url = "json://h"\nsecrets = { k = { env = "X" } }': "the secret 'k' is used nowhere",
    'url = "nonsense"': "a channel's url is written scheme://",
    'url = "json://h"\nper_minute = 0': "greater than or equal to 1",
    'url = "json://h"\ndeadline = 20': "a duration is text with a unit",
    'url = "json://h"\nretry_first = "1h"': "retry_longest is shorter than retry_first",
    'url = "json://h"\nlangauge = "en"': "Extra inputs are not permitted",
    'url = "json://h"\nsecrets = { k = "abc" }': "valid dictionary",
}


@pytest.mark.parametrize("text", SETTINGS)
def test_a_bad_channel_is_refused_with_what_would_be_right_and_without_its_secret(text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ChannelSettings.model_validate(tomllib.load(io.BytesIO(text.encode())))
    said = str(caught.value)
    assert SETTINGS[text] in said
    for secret in ("hunter2", "693a91f6", "SECabc", "abc"):
        assert secret not in said
