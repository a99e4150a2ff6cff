"""Traps and informs: believed from whom we know, acknowledged where asked for, never a flood."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from monitor.clock import ManualClock
from monitor.collectors.base import Env
from monitor.collectors.snmp import ber, keys, v3
from monitor.collectors.snmp.messages import PduType
from monitor.collectors.snmp.profiles import ProfileError
from monitor.collectors.snmp.traps import TrapReceiver, TrapSettings
from monitor.collectors.snmp.traptable import load
from monitor.model import DeviceId, Reading, Result
from tests.snmp_support import USERS, create_users

TABLE = Path(__file__).parents[1] / "etc" / "snmp-traps.toml"
SWITCH = DeviceId("switch-1")
LINK_DOWN = "1.3.6.1.6.3.1.1.5.3"


class Station:
    """A receiver with what it told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: object) -> None:
        monkeypatch.setenv("TRAP_COMMUNITY", "public")
        users = []
        for user in USERS.values():
            entry: dict[str, object] = {"user": user.name.decode()}
            for key, protocol, secret in (
                ("auth", user.auth, user.auth_pass),
                ("priv", user.priv, user.priv_pass),
            ):
                if protocol is not None and secret is not None:
                    variable = f"TRAP_{user.name.decode()}_{key}"
                    monkeypatch.setenv(variable, secret.reveal())
                    entry[key] = protocol.name.lower() if isinstance(protocol, keys.Auth) else protocol.value
                    entry[f"{key}_pass"] = {"env": variable}
            users.append(entry)
        self.clock = ManualClock()
        self.results: list[Result] = []
        self.checks: list[DeviceId] = []
        self.receiver = TrapReceiver(
            TrapSettings.model_validate(
                {
                    "listen": "127.0.0.1",
                    "port": 0,
                    "communities": [{"env": "TRAP_COMMUNITY"}],
                    "users": users,
                    "table": TABLE,
                    "engine_id": "80000000046d65",
                    **settings,
                }
            ),
            Env(self.clock, random.Random(1)),
            self.results.extend,
            self.checks.append,
        )
        self.receiver.devices_changed({"127.0.0.1": SWITCH})

    @property
    def readings(self) -> list[Reading]:
        return [reading for result in self.results for reading in result.readings]


@pytest.fixture
def station(monkeypatch: pytest.MonkeyPatch) -> Station:
    return Station(monkeypatch)


def v2_trap(community: bytes = b"public", oid: str = LINK_DOWN, kind: PduType = PduType.TRAP) -> bytes:
    def binding(name: str, value: bytes) -> bytes:
        return ber.tlv(0x30, ber.tlv(ber.OID, ber.oid(name)) + value)

    bindings = (
        binding("1.3.6.1.2.1.1.3.0", b"\x43\x01\x05")
        + binding("1.3.6.1.6.3.1.1.4.1.0", ber.tlv(ber.OID, ber.oid(oid)))
        + binding("1.3.6.1.2.1.2.2.1.1.7", b"\x02\x01\x07")
    )
    pdu = ber.tlv(kind, b"\x02\x01\x63\x02\x01\x00\x02\x01\x00" + ber.tlv(0x30, bindings))
    return ber.tlv(0x30, b"\x02\x01\x01" + ber.tlv(4, community) + pdu)


def test_a_link_going_down_is_told_and_checked_at_once(station: Station) -> None:
    assert station.receiver.receive(v2_trap(), "127.0.0.1") is None
    assert station.readings == [Reading("trap.received", 1, (("name", "linkDown"), ("ifIndex", "7")))]
    assert station.results[0].device == SWITCH
    assert station.checks == [SWITCH]


@pytest.mark.parametrize(
    ("data", "source", "counted"),
    [
        (v2_trap(), "10.1.1.1", "unknown_sender"),
        (v2_trap(community=b"private"), "127.0.0.1", "refused_community"),
        (v2_trap(kind=PduType.GET), "127.0.0.1", "refused_pdu"),
        (v2_trap()[:-1], "127.0.0.1", "garbage"),
        (b"", "127.0.0.1", "garbage"),
        (b"\xff" * 1500, "127.0.0.1", "garbage"),
    ],
)
def test_what_is_not_believed_is_counted_and_does_nothing(
    station: Station, data: bytes, source: str, counted: str
) -> None:
    assert station.receiver.receive(data, source) is None
    assert station.receiver.stats[counted] == 1
    assert not station.results
    assert not station.checks


def test_an_unknown_notification_makes_no_new_series(station: Station) -> None:
    for n in range(5):
        station.receiver.receive(v2_trap(oid=f"1.3.6.1.4.1.99.{n}"), "127.0.0.1")
    assert {reading.tags for reading in station.readings} == {(("name", "other"),)}


def test_a_storm_is_limited_by_source_and_told_once(station: Station) -> None:
    station.receiver.devices_changed({"127.0.0.1": SWITCH, "127.0.0.2": DeviceId("other")})
    for _ in range(1000):
        station.receiver.receive(v2_trap(), "127.0.0.1")
    assert station.receiver.stats["believed"] == 60
    assert station.receiver.stats["over_limit"] == 940
    assert [r.metric for r in station.readings].count("trap.over_limit") == 1
    assert station.checks == [SWITCH]
    station.receiver.receive(v2_trap(), "127.0.0.2")
    assert station.checks == [SWITCH, "other"]
    station.clock.advance(61_000)
    station.receiver.receive(v2_trap(), "127.0.0.1")
    assert station.checks == [SWITCH, "other", SWITCH]


def test_an_alarm_and_a_storm_end_as_they_began(station: Station) -> None:
    """Else a rule about them would fire for ever: no check ever says the contrary."""
    guessed = (("name", "authenticationFailure"),)
    station.receiver.receive(v2_trap(oid="1.3.6.1.6.3.1.1.5.5"), "127.0.0.1")
    assert Reading("trap.alarm", 1, guessed) in station.readings
    station.clock.advance(500_000)
    station.receiver.receive(v2_trap(oid="1.3.6.1.6.3.1.1.5.5"), "127.0.0.1")
    station.clock.advance(599_000)
    station.receiver.tick()
    assert Reading("trap.alarm", 0, guessed) not in station.readings
    station.clock.advance(1_000)
    station.receiver.tick()
    station.receiver.tick()
    assert station.readings.count(Reading("trap.alarm", 0, guessed)) == 1
    for _ in range(3):
        for _ in range(61):
            station.receiver.receive(v2_trap(), "127.0.0.1")
        station.clock.advance(61_000)
        station.receiver.tick()
    assert Reading("trap.over_limit", 0) not in station.readings
    station.clock.advance(61_000)
    station.receiver.tick()
    assert station.readings[-1] == Reading("trap.over_limit", 0)


def test_unknown_senders_are_remembered_but_not_without_end(station: Station) -> None:
    for n in range(1000):
        station.receiver.receive(v2_trap(), f"10.0.{n >> 8}.{n & 255}")
    station.receiver.receive(v2_trap(), "10.0.3.231")
    assert station.receiver.stats["unknown_sender"] == 1001
    assert len(station.receiver.strangers) == 100
    assert list(station.receiver.strangers.items())[-1] == ("10.0.3.231", 2)


@pytest.mark.parametrize(
    ("lost", "back"),
    [
        ("1.3.6.1.4.1.318.0.5", "1.3.6.1.4.1.318.0.9"),
        ("1.3.6.1.4.1.935.0.5", "1.3.6.1.4.1.935.0.9"),
        ("1.3.6.1.4.1.534.1.11.4.1.0.3", "1.3.6.1.4.1.534.1.11.4.1.0.5"),
        ("1.3.6.1.4.1.705.1.11.0.11", "1.3.6.1.4.1.705.1.11.0.12"),
    ],
    ids=["APC", "Megatec", "Eaton", "MGE"],
)
def test_a_ups_on_battery_is_known_before_the_next_poll(station: Station, lost: str, back: str) -> None:
    station.receiver.receive(v2_trap(oid=lost), "127.0.0.1")
    assert Reading("ups.on_battery", True) in station.readings
    station.receiver.receive(v2_trap(oid=back), "127.0.0.1")
    assert Reading("ups.on_battery", False) in station.readings


# --- v3 by hand ---

SENDER = b"\x80\x00\x00\x00\x05sender"


def v3_trap(user: keys.User, boots: int = 3, time: int = 1000, level: int = v3.AUTH | v3.PRIV) -> bytes:
    data = v2_trap()
    pdu = data[data.index(b"\xa7") :]
    return v3.build(9, level, SENDER, boots, time, user.name, keys.keys_for(user, SENDER), b"saltsalt", pdu)


def test_a_v3_trap_is_believed_when_it_is_signed(station: Station) -> None:
    data = v3_trap(USERS[b"sha1aes"])
    station.receiver.receive(data, "127.0.0.1")
    assert station.receiver.stats["believed"] == 1
    for at in range(len(data)):
        station.receiver.receive(data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :], "127.0.0.1")
        station.clock.advance(2_000)
    assert station.receiver.stats["believed"] == 1


@pytest.mark.parametrize(
    ("data", "counted"),
    [
        (v3_trap(USERS[b"sha1aes"], level=0), "refused_level"),
        (v3_trap(USERS[b"sha1aes"], level=v3.AUTH), "refused_level"),
        (
            v3_trap(keys.User(b"nobody", keys.Auth.SHA1, USERS[b"sha1aes"].auth_pass), level=v3.AUTH),
            "refused_user",
        ),
        (v3_trap(USERS[b"sha1aes"], boots=2, time=9000), "refused_time"),
        (v3_trap(USERS[b"sha1aes"], boots=3, time=800), "refused_time"),
    ],
)
def test_a_v3_trap_below_its_level_or_out_of_its_time_is_not(
    station: Station, data: bytes, counted: str
) -> None:
    station.receiver.receive(v3_trap(USERS[b"sha1aes"]), "127.0.0.1")
    station.receiver.receive(data, "127.0.0.1")
    assert station.receiver.stats[counted] == 1
    assert station.receiver.stats["believed"] == 1


# --- net-snmp as the sender ---


async def send(*arguments: str, folder: Path) -> int:
    if shutil.which("snmptrap") is None:
        pytest.skip("needs the Debian package snmp")
    process = await asyncio.create_subprocess_exec(
        *arguments,
        env={"SNMP_PERSISTENT_DIR": str(folder), "PATH": "/usr/bin", "MIBS": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return await asyncio.wait_for(process.wait(), 90)


VARIABLES = ("", LINK_DOWN, "1.3.6.1.2.1.2.2.1.1.7", "i", "7")


async def heard(station: Station, *arguments: str, folder: Path) -> int:
    await station.receiver.start()
    try:
        target = f"udp:127.0.0.1:{station.receiver.port}"
        code = await send(*arguments, target, *VARIABLES, folder=folder)
        async with asyncio.timeout(60):
            while not station.results:
                await asyncio.sleep(0.02)
        return code
    finally:
        await station.receiver.stop()


EXPECTED = [Reading("trap.received", 1, (("name", "linkDown"), ("ifIndex", "7")))]


async def test_both_kinds_of_address_arrive_at_one_socket(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    station = Station(monkeypatch, listen="::")
    assert await heard(station, "snmptrap", "-v2c", "-cpublic", folder=tmp_path) == 0
    assert station.readings == EXPECTED


async def test_v2c_traps_and_informs_of_net_snmp(station: Station, tmp_path: Path) -> None:
    assert await heard(station, "snmptrap", "-v2c", "-cpublic", folder=tmp_path) == 0
    assert station.readings == EXPECTED
    assert await heard(station, "snmpinform", "-v2c", "-cpublic", "-r1", "-t20", folder=tmp_path) == 0
    assert station.readings == EXPECTED * 2


async def test_v1_traps_of_net_snmp(station: Station, tmp_path: Path) -> None:
    await station.receiver.start()
    try:
        target = f"udp:127.0.0.1:{station.receiver.port}"
        for generic, specific in (("2", "0"), ("6", "5")):
            await send(
                "snmptrap", "-v1", "-cpublic", target, "1.3.6.1.4.1.318", "127.0.0.1", generic, specific, "1",
                *VARIABLES[2:], folder=tmp_path,
            )  # fmt: skip
        async with asyncio.timeout(60):
            while len(station.results) < 2:
                await asyncio.sleep(0.02)
    finally:
        await station.receiver.stop()
    assert [result.detail for result in station.results] == ["linkDown", "upsOnBattery"]


def options(user: keys.User) -> list[str]:
    line = next(
        line for line in create_users().splitlines() if line.startswith(f"createUser {user.name.decode()}")
    )
    words = line.replace('"', "").split()[2:]
    out = [
        "-v3",
        "-u",
        user.name.decode(),
        "-l",
        "authPriv" if user.priv else "authNoPriv" if user.auth else "noAuth",
    ]
    if user.auth and user.auth_pass:
        out += ["-a", words[0], "-A", user.auth_pass.reveal()]
    if user.priv and user.priv_pass:
        out += ["-x", words[4], "-X", user.priv_pass.reveal()]
    return out


@pytest.mark.parametrize(
    "name", [b"md5des", b"sha1aes", b"sha224", b"sha512"], ids=lambda name: name.decode()
)
async def test_v3_traps_of_net_snmp(station: Station, tmp_path: Path, name: bytes) -> None:
    arguments = ["snmptrap", *options(USERS[name]), "-e", "0x8000000001020304"]
    assert await heard(station, *arguments, folder=tmp_path) == 0
    assert station.readings == EXPECTED


@pytest.mark.parametrize("name", [b"sha1aes", b"sha384"], ids=lambda name: name.decode())
async def test_v3_informs_are_acknowledged_after_discovery(
    station: Station, tmp_path: Path, name: bytes
) -> None:
    arguments = ["snmpinform", *options(USERS[name]), "-r1", "-t20"]
    assert await heard(station, *arguments, folder=tmp_path) == 0
    assert station.readings == EXPECTED
    assert station.receiver.stats["refused_discovery"] >= 1


def test_the_table_is_strict(tmp_path: Path) -> None:
    path = tmp_path / "traps.toml"
    for text in ("[[trap]]\noid = 'x'\nname = 'a'", "[[trap]]\noid = '1.3'\nname = 'a'\nmore = 1", "[["):
        path.write_text(text)
        with pytest.raises(ProfileError, match=r"traps\.toml"):
            load(path)
    path.write_bytes(b"\xff")
    with pytest.raises(ProfileError, match="not TOML"):
        load(path)
    path.write_text("[[trap]]\noid = '1.3.6'\nname = 'a'\n[[trap]]\noid = '1.3.6'\nname = 'b'\n")
    with pytest.raises(ProfileError, match="twice"):
        load(path)
