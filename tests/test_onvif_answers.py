"""Answers are read strictly, whatever the camera's accent: recorded replies of real cameras, and fuzz."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collectors.http1 import Answer, Head, ResponseReader, WireError
from monitor.collectors.onvif import answers, soap
from monitor.collectors.onvif.soap import Call
from monitor.collectors.onvif.xml import Element, parse
from monitor.model import Reason
from monitor.simulate import onvif_replies
from monitor.simulate.camera import SimCamera
from tests.camera_support import RECORDED

READERS: dict[str, tuple[Call, Callable[[Element], object]]] = {
    "GetSystemDateAndTime": (soap.GET_DATE, answers.utc_seconds),
    "GetCapabilities": (soap.GET_CAPABILITIES, answers.media_address),
    "GetDeviceInformation": (soap.GET_INFORMATION, answers.information),
    "GetProfiles": (soap.GET_PROFILES, answers.profiles),
    "GetStreamUri": (soap.GET_STREAM_URI, answers.media_uri),
    "GetSnapshotUri": (soap.GET_SNAPSHOT_URI, answers.media_uri),
}
CAMERA = SimCamera("127.31.0.1", "SIM0001")


def answer(body: bytes, status: int = 200) -> Answer:
    return Answer(Head(status, ()), body, True)


def simulated(call: str) -> bytes:
    return onvif_replies.reply(CAMERA, call, 1_767_225_600.0, "127.31.0.1", 80, 554)


def recorded() -> list[Path]:
    return sorted(RECORDED.glob("*/*.xml")) if RECORDED.is_dir() else []


def operation(path: Path) -> str:
    found = re.search(rb"<(?:\w+:)?(\w+)Response[\s>]", path.read_bytes())
    return found[1].decode() if found else ""


@pytest.mark.skipif(not recorded(), reason="recorded ONVIF replies are not here (../shared/data/onvif)")
def test_recorded_replies_of_real_cameras_are_understood() -> None:
    understood = set()
    for path in recorded():
        name = operation(path)
        if name in READERS:
            call, read = READERS[name]
            found = read(answers.response(call, answer(path.read_bytes())))
            assert found or name == "GetCapabilities", path
            understood.add((path.parent.name, name))
    assert len(understood) >= 2 * len({camera for camera, _ in understood})


@pytest.mark.skipif(not recorded(), reason="recorded ONVIF replies are not here (../shared/data/onvif)")
def test_recorded_replies_never_pass_for_another_call() -> None:
    for path in recorded():
        for name, (call, _) in READERS.items():
            if name != operation(path):
                with pytest.raises(WireError) as failure:
                    answers.response(call, answer(path.read_bytes()))
                assert failure.value.reason is Reason.PROTOCOL


@pytest.mark.skipif(
    not (RECORDED / "bosch-flexidome-5100i").is_dir(), reason="recorded ONVIF replies are not here"
)
def test_a_recorded_camera_is_read_to_the_letter() -> None:
    folder = RECORDED / "bosch-flexidome-5100i"

    def element(number: int, call: Call) -> Element:
        return answers.response(call, answer((folder / f"capture_{number:03}_response.xml").read_bytes()))

    assert answers.information(element(1, soap.GET_INFORMATION)) == answers.Information(
        "Bosch", "FLEXIDOME indoor 5100i IR", "8.71.0066", "404754734001050102"
    )
    assert answers.utc_seconds(element(2, soap.GET_DATE)) == 1684963505
    profiles = answers.profiles(element(5, soap.GET_PROFILES))
    assert profiles[0] == answers.Profile("0", "H264", 1920, 1080)
    assert answers.media_uri(element(9, soap.GET_STREAM_URI)).startswith(
        "rtsp://192.168.1.201/rtsp_tunnel?p=3"
    )


LOCAL = (
    "<LocalDateTime><Time><Hour>12</Hour><Minute>0</Minute><Second>0</Second></Time>"
    "<Date><Year>2026</Year><Month>1</Month><Day>1</Day></Date></LocalDateTime>"
)


def in_zone(zone: str) -> str:
    return f"<TimeZone><TZ>{zone}</TZ></TimeZone>"


def dated(inner: str) -> Element:
    body = (
        '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><e:Body>'
        '<GetSystemDateAndTimeResponse xmlns="http://www.onvif.org/ver10/device/wsdl">'
        f"<SystemDateAndTime>{inner}</SystemDateAndTime></GetSystemDateAndTimeResponse></e:Body></e:Envelope>"
    )
    return answers.response(soap.GET_DATE, answer(body.encode()))


@pytest.mark.parametrize(
    ("zone", "saving", "hour_utc"),
    [
        ("CST-8", "false", 4),
        ("CST-08:00:00", "false", 4),
        ("EST5EDT,M3.2.0,M11.1.0", "true", 16),
        ("<+0530>-5:30", "false", 6),
        ("UTC", "false", 12),
        ("+08:00", "false", 4),
    ],
)
def test_local_time_with_a_zone_is_as_good_as_utc(zone: str, saving: str, hour_utc: int) -> None:
    zone = zone.replace("<", "&lt;").replace(">", "&gt;")
    seconds = answers.utc_seconds(dated(f"<DaylightSavings>{saving}</DaylightSavings>{in_zone(zone)}{LOCAL}"))
    assert seconds is not None
    assert int(seconds - 1_767_225_600) // 3600 == hour_utc


@pytest.mark.parametrize("utc", ["<UTCDateTime/>", '<UTCDateTime i:nil="true"/>', ""])
def test_where_utc_is_left_out_empty_or_nil_local_time_tells(utc: str) -> None:
    assert answers.utc_seconds(dated(f"{in_zone('CST-8')}{utc}{LOCAL}")) == 1_767_225_600 + 4 * 3600


@pytest.mark.parametrize("zone", ["", "Asia/Shanghai", "China Standard Time"])
def test_local_time_in_an_unknown_zone_is_no_time_and_no_failure(zone: str) -> None:
    assert answers.utc_seconds(dated(LOCAL)) is None
    assert answers.utc_seconds(dated(f"{in_zone(zone)}{LOCAL}")) is None
    for nothing in ("", "<LocalDateTime/>", in_zone("CST-8")):
        with pytest.raises(WireError):
            answers.utc_seconds(dated(nothing))


def test_refusals_in_words_and_codes_are_auth_failures() -> None:
    refusals = {"ter:NotAuthorized": "", "wsse:FailedAuthentication": "", "x:y": "Sender not Authorized"}
    for code, words in refusals.items():
        for status in (200, 400, 500):
            with pytest.raises(WireError) as failure:
                refused = answer(onvif_replies.fault_reply(code, words), status)
                answers.response(soap.GET_INFORMATION, refused)
            assert failure.value.reason is Reason.AUTH


@pytest.mark.parametrize("encoding", ["UTF-7", "UTF-16", "IBM037", "latin2", "UTFTFTF-8"])
def test_an_encoding_that_could_hide_a_document_type_is_refused(encoding: str) -> None:
    body = simulated("GetDeviceInformation").replace(b"UTF-8", encoding.encode(), 1)
    with pytest.raises(WireError):
        answers.response(soap.GET_INFORMATION, answer(body))


@given(st.data())
def test_damaged_answers_are_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(READERS)))
    raw = bytearray(simulated(name))
    for _ in range(data.draw(st.integers(0, 6))):
        start = data.draw(st.integers(0, len(raw)))
        end = min(len(raw), start + data.draw(st.integers(0, 40)))
        raw[start:end] = data.draw(st.binary(max_size=20))
    call, read = READERS[name]
    try:
        read(
            answers.response(call, answer(bytes(raw), data.draw(st.sampled_from([200, 400, 401, 403, 500]))))
        )
    except WireError as error:
        assert error.detail.isprintable() and len(error.detail) <= 200


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_with_a_reason(raw: bytes) -> None:
    with pytest.raises(WireError):
        answers.response(soap.GET_DATE, answer(raw))


def whole(raw: bytes, cuts: list[int]) -> Answer | Reason:
    """What a reader makes of ``raw`` when it comes in pieces."""
    reader = ResponseReader(10_000)
    try:
        at = 0
        for cut in [*sorted(c for c in cuts if c < len(raw)), len(raw)]:
            if reader.feed(raw[at:cut]):
                break
            at = cut
        else:
            reader.eof()
    except WireError as error:
        return error.reason
    assert reader.answer is not None
    return reader.answer


HEADS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x\r\n world\r\n0\r\nT: 1\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\nhello world",
    b"HTTP/1.1 200 OK\ncontent-length: 11\n\nhello world",
]


@pytest.mark.parametrize("raw", HEADS)
@given(cuts=st.lists(st.integers(1, 120), max_size=12))
def test_an_answer_is_the_same_however_it_is_cut(raw: bytes, cuts: list[int]) -> None:
    found = whole(raw, cuts)
    assert isinstance(found, Answer)
    assert (found.status, found.body) == (200, b"hello world")


@given(st.sampled_from(HEADS), st.data())
def test_damaged_http_ends_in_an_answer_or_a_reason(raw: bytes, data: st.DataObject) -> None:
    damaged = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(damaged)))
        damaged[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    assert isinstance(
        whole(bytes(damaged), data.draw(st.lists(st.integers(1, 100), max_size=4))), Answer | Reason
    )


def test_answers_full_of_new_names_leave_nothing_behind() -> None:
    """lxml would keep each name for the life of the thread: some 14 MB here."""
    rng = random.Random(1)

    def hostile() -> bytes:
        return b"<a>" + b"".join(b"<n%x/>" % rng.getrandbits(400) for _ in range(2000)) + b"</a>"

    def resident_mb() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

    for _ in range(10):
        parse(hostile(), frozenset())
    before = resident_mb()
    for _ in range(60):
        parse(hostile(), frozenset())
    assert resident_mb() - before <= 6


def test_a_big_recorder_with_64_channels_is_read() -> None:
    profile = re.search(rb"<trt:Profiles.*?</trt:Profiles>", simulated("GetProfiles"))
    assert profile is not None
    body = simulated("GetProfiles").replace(profile[0], profile[0] * 62, 1)
    assert len(answers.profiles(answers.response(soap.GET_PROFILES, answer(body)))) == 64


@pytest.mark.parametrize(
    ("declared", "sent"),
    [
        ("GB2312", "gb2312"),
        ("gbk", "gbk"),
        ("GB18030", "gb18030"),
        ("windows-936", "gbk"),
        ("EUC-CN", "gb2312"),
        ("UTF-8", "gbk"),
        ("GB2312", "utf-8"),
        ("utf_8", "utf-8"),
    ],
)
def test_chinese_is_read_whatever_encoding_it_claims(declared: str, sent: str) -> None:
    body = simulated("GetDeviceInformation").decode().replace("SIMCAM", "海康威视").replace("UTF-8", declared)
    found = answers.information(answers.response(soap.GET_INFORMATION, answer(body.encode(sent))))
    assert found.manufacturer == "海康威视"
