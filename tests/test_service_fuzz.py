"""Every door that data of others comes in by: what is bent is read or refused, and never falls over.

A small budget here; ``-m long`` for the large one. The rooms have their own fuzzers beside this one, with
oracles (SNMP against pysnmp) and with Hypothesis.
"""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import Workbook

from monitor.collectors.http1 import ResponseReader, WireError
from monitor.collectors.icmp.ancillary import from_error_queue
from monitor.collectors.icmp.packet import V4, V6, EchoPackets, Family, quoted_body, reply_body, strip_ip
from monitor.collectors.onvif.wsd import parse_match
from monitor.collectors.rtsp import sdp
from monitor.collectors.rtsp.demux import Demux
from monitor.collectors.snmp.ber import BerError
from monitor.collectors.snmp.messages import read_message, read_reply
from monitor.config import read
from monitor.model import WallMs
from tests.daemon_support import ROOT
from tests.fuzz_support import Door, bent, knock
from tests.test_onvif_answers import HEADS, READERS, answer, answers, simulated
from tests.test_rtsp_fuzz import SDP, STREAM
from tests.test_snmp_fuzz import made

BUDGET = 150
LONG = 10_000
MOMENTS = tuple(WallMs(1_780_000_000_000 + day * 86_400_000) for day in (0, 5, 200))


def told(folder: Path, files: dict[str, bytes]) -> list[str]:
    """What ``camwatch check`` says of a configuration with these files: fit for a terminal."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    found = read(folder / "camwatch.toml")
    words = [str(problem) for problem in found.problems]
    assert all(text.isprintable() for text in words), words
    if found.config is not None:
        policy = found.config.policy
        for at in MOMENTS:  # what was taken must not fall over when it is used
            policy.channels(policy.receivers.keys() | policy.rosters.keys(), at)
            for window in policy.maintenance:
                window.next_span(at)
                window.announced_in_time(at)
    return words


def configuration(folder: Path) -> Door:
    examples = [ROOT / "etc" / "camwatch.toml", *sorted(ROOT.glob("etc/*.d/*.toml*"))]
    seeds = [path.read_bytes() for path in examples]
    seeds += [path.read_bytes() for path in sorted(ROOT.glob("tests/bad_config/*.toml"))]
    seeds.append(b"\n".join(seeds[:4]))
    return Door("configuration", seeds, lambda raw: told(folder, {"camwatch.toml": raw}), text=True)


INLINE = """\
[kind.camera]
checks = ["icmp"]
[[site]]
name = "东门"
area = "城东"
key_site = true
longitude = 118.5
[[device]]
id = "C1"
name = "东门 1"
kind = "camera"
address = "10.0.0.1"
site = "东门"
parents = ["SW1"]
tags = { street = "x" }
[[device]]
id = "SW1"
name = "交换机"
kind = "switch"
address = "10.0.0.2"
"""
LISTED = b'inventory = ["cameras.csv", "cameras.xlsx"]\n[kind.camera]\nchecks = ["icmp"]\n'


def inventory_toml(folder: Path) -> Door:
    return Door(
        "inventory, TOML", [INLINE.encode()], lambda raw: told(folder, {"camwatch.toml": raw}), text=True
    )


def inventory_csv(folder: Path) -> Door:
    text = (ROOT / "etc/inventory/cameras.csv").read_text("utf-8-sig")
    english = "id,name,address,site,area,parent,kind\nC1,A,10.0.0.1,S,East,SW,camera\nSW,B,10.0.0.2,,,,switch"
    seeds = [text.encode("utf-8-sig"), text.encode("gb18030"), english.encode(), text.encode("utf-16")]

    def read(raw: bytes) -> None:
        told(folder, {"camwatch.toml": LISTED, "cameras.csv": raw})

    return Door("inventory, CSV", seeds, read)


def inventory_xlsx(folder: Path) -> Door:
    """Bent as a file, and as parts that are packed soundly."""
    book = Workbook()
    book.active.append(["编码", "名称", "IP地址", "经度"])
    book.active.append(["C1", "东门", "10.0.0.1", 118.5])
    book.active.append(["C2", None, "=A1", "1e3"])
    book.save(folder / "sound.xlsx")
    sound = (folder / "sound.xlsx").read_bytes()
    with zipfile.ZipFile(io.BytesIO(sound)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}

    def read(raw: bytes) -> None:
        rng = random.Random(raw)
        told(folder, {"camwatch.toml": LISTED, "cameras.xlsx": raw if rng.random() < 0.2 else packed(rng)})

    def packed(rng: random.Random) -> bytes:
        changed = rng.choice([name for name in parts if name.startswith("xl/")])
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, bent(rng, [content]) if name == changed else content)
        return out.getvalue()

    return Door("inventory, XLSX", [sound], read)


def icmp(folder: Path) -> Door:
    """Nothing but our own echo, returned byte by byte, is an answer; errors quote us or concern us not."""
    seeds, mine = [], {}
    for family in (V4, V6):
        packets = EchoPackets(family, 7, 56, 4)
        for number, body in enumerate(packets.arm(4)):
            reply = struct.pack("!BBHH", family.reply, 0, 0, 7) + body
            mine[family, body] = reply
            ip = bytes([0x45, *bytes(19)]) if family is V4 else b""
            seeds += [ip + reply, ip + packets.packet(number), packets.packet(number)[:8]]

    def read(raw: bytes) -> None:
        for family in (V4, V6):
            message = strip_ip(raw) if family is V4 else raw
            body = reply_body(family, 7, 64, message)
            reply = mine.get((family, body)) if body is not None else None
            assert reply is None or reply[:2] + reply[4:] == message[:2] + message[4:]
            quoted = quoted_body(family, 7, 64, raw)
            assert quoted is None or 2 <= len(quoted) <= 58
            from_error_queue(family, raw[:28], [error_message(family, raw)], raw[28:])

    return Door("ICMP", seeds, read)


def error_message(family: Family, raw: bytes) -> tuple[int, int, bytes]:
    return family.error_level, family.error_type, raw[:60]


def snmp(folder: Path) -> Door:
    rng = random.Random(1)

    def read(raw: bytes) -> None:
        _, _, pdu = read_message(raw)
        if pdu is not None:
            reply = read_reply(raw, pdu)
            for at in range(len(reply.names)):
                reply.value(at)

    return Door("SNMP", [made(rng)[0] for _ in range(30)], read, (BerError,))


def onvif(folder: Path) -> Door:
    def read(raw: bytes) -> None:
        for call, reader in READERS.values():
            try:
                reader(answers.response(call, answer(raw)))
            except WireError as error:
                assert error.detail.isprintable() and len(error.detail) <= 200
        parse_match(raw, "urn:uuid:x", "127.0.0.1")

    return Door("ONVIF", [simulated(name) for name in READERS], read)


def http(folder: Path) -> Door:
    def read(raw: bytes) -> None:
        reader = ResponseReader(10_000)
        if not reader.feed(raw):
            reader.eof()

    return Door("HTTP", HEADS, read, (WireError,))


def rtsp(folder: Path) -> Door:
    def read(raw: bytes) -> None:
        try:
            track = sdp.video_track(raw, "rtsp://127.0.0.1:554/live")
            assert track.control.isprintable() and " " not in track.control
        except WireError as error:
            assert error.detail.isprintable()
        Demux().feed(raw)

    return Door("RTSP", [STREAM, SDP.encode()], read, (WireError,))


DOORS = (configuration, inventory_toml, inventory_csv, inventory_xlsx, icmp, snmp, onvif, http, rtsp)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_what_is_bent_is_read_or_refused(
    door: Callable[[Path], Door], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    knock(door(tmp_path), BUDGET, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_much_that_is_bent_is_read_or_refused(
    door: Callable[[Path], Door], seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    knock(door(tmp_path), LONG, seed=100 + seed)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('[roster.a]\nmembers = ["m"]\nfirst_day = 2026-01-01\nhandover = "08:30:00Z"', "without an offset"),
        (
            '[[maintenance]]\nname = "x"\nbegin = 2026-01-01T08:00:00+08:00\nend = 2026-01-01T08:00:00',
            "before it begins",
        ),
        ('[[maintenance]]\nname = "x"\nweekdays = ["tue"]\nat = 02:00:00\nlength = "900d"', "at most 7d"),
        ('[checks.icmp]\ninterval = "99999999999999h"', 'at most "3650d"'),
        ('[channel.x]\nurl = "webhook://127.0.0.1/"\n[channel.x.options.more]\na = 1', "a table"),
        ('[[rule]]\nname = "x"\ntype = "\\u001b[2J"', "\\x1b[2J"),
    ],
)
def test_what_fuzzing_has_found_stays_found(text: str, wanted: str, tmp_path: Path) -> None:
    assert any(wanted in words for words in told(tmp_path, {"camwatch.toml": text.encode()}))
