"""What people are told of odd readings and of limits to come: numbers, the usual range, how odd, in words."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from monitor.model import Severity, WallMs
from monitor.notifiers.evidence import Evidence, Foreseen, Odd, Oddity
from monitor.notifiers.evidence_words import number
from monitor.notifiers.notice import Notice, NoticeKind
from monitor.notifiers.render import render
from monitor.notifiers.schemes import Form
from monitor.words import Language

ZONE = ZoneInfo("Asia/Shanghai")
AT = WallMs(1_800_000_000_000)
ODD = Odd("interface.in_bps", "bit/s", "Gi0/24", 1.2e6, 4.1e7, 5.6e7, Oddity.LOW_HERE, 27)
FULL = Foreseen("disk.used_percent", "%", "/data", 84.2, 95.0, "2027-01-20", "2027-01-23")


def notice(evidence: Evidence, cause: str, kind: NoticeKind = NoticeKind.OPENED) -> Notice:
    since = WallMs(AT - 600_000)
    return Notice(kind, Severity.WARNING, cause, "汇聚1", AT, since=since, evidence=evidence)


def told(evidence: Evidence, cause: str, language: Language, form: Form = Form.PHONE) -> str:
    rendered = render(notice(evidence, cause), language, form, ZONE)
    return f"{rendered.title}\n{rendered.body}"


def test_an_odd_reading_is_told_with_its_usual_range_and_how_odd_it_is() -> None:
    english, chinese = (told(ODD, "baseline", language) for language in (Language.EN, Language.ZH_CN))
    assert "汇聚1: traffic received Gi0/24 1.2 Mbit/s (usually 41 Mbit/s to 56 Mbit/s)" in english
    assert "traffic received Gi0/24: 1.2 Mbit/s, usually 41 Mbit/s to 56 Mbit/s at this hour" in english
    assert "further below its usual level than at this hour in the last 27 days" in english
    assert "接收流量 Gi0/24：1.2 Mbit/s，该时段通常为 41 Mbit/s 至 56 Mbit/s" in chinese
    assert "低于平时水平的幅度为最近 27 天同一时段之最" in chinese
    assert "since" in english and "10 min" in english


def test_a_limit_to_come_is_told_with_its_day() -> None:
    assert "disk in use /data: 84.2 % now, reaches 95 %: 2027-01-20 to 2027-01-23" in told(
        FULL, "forecast", Language.EN
    )
    assert "磁盘使用率 /data：目前 84.2 %，预计达到 95 %：2027-01-20 至 2027-01-23" in told(
        FULL, "forecast", Language.ZH_CN
    )


@pytest.mark.parametrize("language", list(Language))
def test_a_short_message_says_it_in_one_line(language: Language) -> None:
    text = told(ODD, "baseline", language, Form.SMS).strip()
    assert "\n" not in text and "1.2 Mbit/s" in text and "41 Mbit/s" in text


@pytest.mark.parametrize("cause", ["baseline", "forecast"])
def test_the_end_is_told_without_numbers_that_are_past(cause: str) -> None:
    rendered = render(notice(ODD, cause, NoticeKind.RESOLVED), Language.EN, Form.PHONE, ZONE)
    assert "1.2 Mbit/s" not in rendered.title + rendered.body


@pytest.mark.parametrize("evidence", [ODD, FULL])
def test_evidence_outlives_a_wait_in_the_outbox(evidence: Evidence) -> None:
    waiting = notice(evidence, "baseline")
    assert Notice.from_json(waiting.to_json()) == waiting


@pytest.mark.parametrize("oddity", list(Oddity))
def test_every_oddity_has_words_in_both_languages(oddity: Oddity) -> None:
    odd = Odd("x.y", "", "", 1.0, 2.0, 3.0, oddity, 9)
    english, chinese = (told(odd, "baseline", language) for language in (Language.EN, Language.ZH_CN))
    assert "How odd: " in english and "异常程度：" in chinese
    assert english != chinese


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.0, "%", "0 %"), (1234567.0, "bit/s", "1.235 Mbit/s"), (-2e9, "B", "-2 GB"), (65.4321, "", "65.43")],
)
def test_numbers_are_short(value: float, unit: str, text: str) -> None:
    assert number(value, unit) == text
