"""Vendors' profiles against walks made by hand from their MIBs: what each yields, and what it must not."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.collectors.snmp import ber, profiles
from monitor.collectors.snmp.profiles import Profiles
from monitor.simulate.snmprec import Walk, encode_unsigned, encode_value
from tests.test_snmp_profiles import SHIPPED, Device

RUIJIE = "1.3.6.1.4.1.4881.1.1.10.2"
ZTE = "1.3.6.1.4.1.3902.3"
TP_LINK = "1.3.6.1.4.1.11863.6"
HUAWEI = "1.3.6.1.4.1.2011.5.25"
HIK, DAHUA = "1.3.6.1.4.1.50001.1.241.1", "1.3.6.1.4.1.1004849.2"
D_LINK = "1.3.6.1.4.1.171.12"
CISCO = "1.3.6.1.4.1.9"
IBMC = "1.3.6.1.4.1.2011.2.235.1.1"
HPE_SENSOR = "1.3.6.1.4.1.11.2.14.11.1.2.6.1"
SENSOR = "1.3.6.1.2.1.99.1.1.1"
D_LINK_NEW = "1.3.6.1.4.1.171.14.5.1"
XPPC = "1.3.6.1.4.1.935.1.1.1"
HPE = "1.3.6.1.4.1.11.2.14.11.5.1"
ARUBA = "1.3.6.1.4.1.47196.4.1.1.3.11"
MIKROTIK = "1.3.6.1.4.1.14988.1.1.3"
NAMES = "1.3.6.1.2.1.47.1.1.1.1.7"


class Oid(str):
    """A value that is an object identifier."""


def walk(object_id: str, values: dict[str, int | str]) -> Walk:
    """Integers, texts and object identifiers; sysUpTime is added, and sysObjectID if there is one."""
    out = {ber.oid("1.3.6.1.2.1.1.3.0"): encode_unsigned(ber.TIME_TICKS, 10_000_000)}
    if object_id:
        out[ber.oid("1.3.6.1.2.1.1.2.0")] = encode_value(ber.OID, object_id, False)
    for name, value in values.items():
        if isinstance(value, str):
            tag = ber.OID if isinstance(value, Oid) else ber.OCTETS
            out[ber.oid(name)] = encode_value(tag, value, False)
        else:
            out[ber.oid(name)] = ber.encode_integer(value)
    return Walk.of(out)


@pytest.fixture(scope="module")
def shipped() -> Profiles:
    return profiles.load(SHIPPED)


VENDORS = {
    "ruijie": (
        f"{RUIJIE.partition('.1.1.10')[0]}.1.1.10.1.83",
        {
            f"{RUIJIE}.36.1.1.2.0": 12,
            f"{RUIJIE}.35.1.1.1.2.1": "processor",
            f"{RUIJIE}.35.1.1.1.3.1": 61,
            f"{RUIJIE}.1.1.16.0": 99,
            f"{RUIJIE}.1.1.23.1.2.1": "inlet",
            f"{RUIJIE}.1.1.23.1.3.1": 41,
            f"{RUIJIE}.1.1.21.1.2.1": 5,
            f"{RUIJIE}.21.1.6.1.3.1.1": 1,
            f"{RUIJIE}.21.1.6.1.3.1.2": 2,
            f"{RUIJIE}.21.1.5.1.3.1.1": 4,
            f"{RUIJIE}.21.1.5.1.3.1.2": 1,
            f"{RUIJIE}.21.1.5.1.3.1.3": 7,
        },
        {
            "cpu.used_percent": [12.0],
            "mem.used_percent": [61.0],
            "temperature.celsius": [41.0],
            "fan.ok": [True, False],
            "psu.ok": [True, False],
        },
    ),
    "ruijie, an older one": (
        "1.3.6.1.4.1.4881.1.2.1",
        {
            f"{RUIJIE}.1.1.16.0": 44,
            f"{RUIJIE}.1.1.21.1.2.1": 4,
            f"{RUIJIE}.1.1.21.1.2.2": 5,
            f"{RUIJIE}.1.1.21.1.2.3": 1,
            f"{RUIJIE}.1.1.18.1.2.1": 4,
        },
        {"temperature.celsius": [44.0], "fan.ok": [True, False], "psu.ok": [True]},
    ),
    "zte": (
        "1.3.6.1.4.1.3902.3.100.1037",
        {
            f"{ZTE}.6002.2.1.1.8.0.0.1.1": 9,
            f"{ZTE}.6002.2.1.1.33.0.0.1.1": 300,
            f"{ZTE}.6002.2.1.1.34.0.0.1.1": 100,
            f"{ZTE}.6002.2.5.1.9.0.0.1.1": 38,
            f"{ZTE}.6002.2.4.1.3.1.1": 77,
            f"{ZTE}.6002.2.3.1.7.0.1.1": 1,
            f"{ZTE}.6002.2.3.1.7.0.1.2": 2,
            f"{ZTE}.6002.2.3.1.22.0.1.1": "FAN1",
            f"{ZTE}.6002.2.6.2.1.4.0.1": 1,
            f"{ZTE}.6002.2.6.2.1.7.0.1": 1,
            f"{ZTE}.6002.2.6.2.1.4.0.2": 0,
            f"{ZTE}.6002.2.6.2.1.7.0.2": 0,
        },
        {
            "board.cpu_used_percent": [9.0],
            "board.memory_used_percent": [25.0],
            "temperature.celsius": [38.0],
            "fan.ok": [True, False],
            "psu.ok": [True],
        },
    ),
    "tp-link": (
        "1.3.6.1.4.1.11863.5.33",
        {
            f"{TP_LINK}.4.1.1.1.1.3.1": 7,
            f"{TP_LINK}.4.1.2.1.1.2.1": 55,
            f"{TP_LINK}.4.1.3.0": "47 C",
            f"{TP_LINK}.56.1.1.1.1.0": 1920,
            f"{TP_LINK}.56.1.1.1.3.0": 960,
            f"{TP_LINK}.56.1.1.2.1.1.2.1": 1,
            f"{TP_LINK}.56.1.1.2.1.1.7.1": 63,
            f"{TP_LINK}.56.1.1.2.1.1.11.1": 2,
            f"{TP_LINK}.56.1.1.2.1.1.2.2": 1,
            f"{TP_LINK}.56.1.1.2.1.1.7.2": 0,
            f"{TP_LINK}.56.1.1.2.1.1.11.2": 4,
            f"{TP_LINK}.56.1.1.2.1.1.2.3": 0,
            f"{TP_LINK}.56.1.1.2.1.1.7.3": 0,
            f"{TP_LINK}.56.1.1.2.1.1.11.3": 0,
        },
        {
            "cpu.used_percent": [7.0],
            "mem.used_percent": [55.0],
            "temperature.celsius": [47.0],
            "poe.budget_watts": [192.0],
            "poe.used_percent": [50.0],
            "poe_port.watts": [pytest.approx(6.3), 0.0, 0.0],
            "poe_port.fault": [False, True, False],
        },
    ),
    "huawei": (
        "1.3.6.1.4.1.2011.2.23.339",
        {
            f"{NAMES}.67108873": "MPU Board 0",
            f"{NAMES}.67108900": "PIC",
            f"{HUAWEI}.31.1.1.1.1.5.67108873": 18,
            f"{HUAWEI}.31.1.1.1.1.7.67108873": 32,
            f"{HUAWEI}.31.1.1.1.1.11.67108873": 46,
            f"{HUAWEI}.31.1.1.1.1.5.67108900": 0,
            f"{HUAWEI}.31.1.1.1.1.7.67108900": 0,
            f"{HUAWEI}.31.1.1.1.1.11.67108900": 2147483647,
            f"{HUAWEI}.31.1.1.10.1.6.0.1": 1,
            f"{HUAWEI}.31.1.1.10.1.7.0.1": 2,
            f"{HUAWEI}.31.1.1.18.1.5.0.1": 1,
            f"{HUAWEI}.31.1.1.18.1.6.0.1": 1,
            f"{HUAWEI}.195.2.1.2.0": 739200,
            f"{HUAWEI}.195.2.1.5.0": 369600,
            f"{HUAWEI}.195.3.1.3.6": 1,
            f"{HUAWEI}.195.3.1.10.6": 7800,
        },
        {
            "board.cpu_used_percent": [18.0],
            "board.memory_used_percent": [32.0],
            "temperature.celsius": [46.0],
            "fan.ok": [False],
            "psu.ok": [True],
            "poe.used_percent": [50.0],
            "poe_port.watts": [7.8],
        },
    ),
    "hikvision": (
        "1.3.6.1.4.1.39165.1.6",
        {
            "1.3.6.1.4.1.39165.1.7.0": "27 PERCENT",
            "1.3.6.1.4.1.39165.1.9.0": "88 PERCENT",
            "1.3.6.1.4.1.39165.1.11.0": "40",
            f"{HIK}.2.1": "hdd1",
            f"{HIK}.3.1": 0,
            f"{HIK}.4.1": 1_000,
            f"{HIK}.5.1": 4_000,
            f"{HIK}.2.2": "hdd2",
            f"{HIK}.3.2": 2,
            f"{HIK}.4.2": 0,
            f"{HIK}.5.2": 0,
        },
        {
            "cpu.used_percent": [27.0],
            "mem.used_percent": [40.0],
            "recorder_disk.ok": [True, False],
            "recorder_disk.used_percent": [75.0],
            "recorder_disk.total_bytes": [4_000 * 1048576.0, 0.0],
        },
    ),
    "dahua": (
        "1.3.6.1.4.1.1004849.2.1",
        {
            f"{DAHUA}.1.3.0": 35,
            f"{DAHUA}.1.9.2.0": 51,
            f"{DAHUA}.4.1.1.5.1": "Running",
            f"{DAHUA}.4.1.1.6.1": 97,
            f"{DAHUA}.4.1.1.7.1": 3726,
            f"{DAHUA}.4.1.1.5.2": "Error",
            f"{DAHUA}.4.1.1.6.2": 0,
            f"{DAHUA}.4.1.1.7.2": 0,
            f"{DAHUA}.10.1.1.1.1.2.1": 1,
            f"{DAHUA}.10.1.1.1.1.2.2": 0,
        },
        {
            "cpu.used_percent": [35.0],
            "mem.used_percent": [51.0],
            "recorder_disk.ok": [True, False],
            "recorder_disk.used_percent": [97.0, 0.0],
            "recorder_channel.online": [True, False],
        },
    ),
    "a hikvision camera that does not say what it is, without a card": (
        "",
        {
            "1.3.6.1.4.1.39165.1.7.0": "15 PERCENT",
            "1.3.6.1.4.1.39165.1.8.0": "0.0 GB",
            "1.3.6.1.4.1.39165.1.9.0": "0 PERCENT",
            "1.3.6.1.4.1.39165.1.11.0": "83 PERCENT",
        },
        {"cpu.used_percent": [15.0], "mem.used_percent": [83.0]},
    ),
    "a hikvision recorder whose disks have two numbers": (
        "1.3.6.1.4.1.50001",
        {"1.3.6.1.4.1.50001.1.221.0": 5, f"{HIK}.4.1.0": 2_715_648, f"{HIK}.5.1.0": 3_815_447},
        {
            "mem.used_percent": [5.0],
            "recorder_disk.used_percent": [pytest.approx(28.8, abs=0.1)],
            "recorder_disk.total_bytes": [pytest.approx(4e12, rel=0.001)],
        },
    ),
    "a dahua network recorder": (
        "1.3.6.1.4.1.1004849.3.2.10",
        {
            f"{DAHUA}.1.3.0": 6,
            f"{DAHUA}.4.1.1.4.1": "sda",
            f"{DAHUA}.4.1.1.5.1": "RaidSub",
            f"{DAHUA}.4.1.1.6.1": 2_861_588,
            f"{DAHUA}.4.1.1.7.1": 3_815_447,
            f"{DAHUA}.10.2.2.1.3.1": "Connected",
            f"{DAHUA}.10.2.2.1.4.1": "东门",
            f"{DAHUA}.10.2.2.1.3.2": "Unconnect",
            f"{DAHUA}.10.2.2.1.4.2": "西门",
            f"{DAHUA}.10.2.2.1.3.3": "Empty",
            f"{DAHUA}.10.1.1.1.2.1": 1,
            f"{DAHUA}.10.1.1.1.2.3": 0,
        },
        {
            "cpu.used_percent": [6.0],
            "recorder_disk.ok": [True],
            "recorder_disk.used_percent": [pytest.approx(75.0, abs=0.01)],
            "recorder_disk.total_bytes": [pytest.approx(4e12, rel=0.001)],
            "recorder_channel.online": [True, False],
        },
    ),
    "a synology that says that it is Linux": (
        "1.3.6.1.4.1.8072.3.2.10",
        {
            "1.3.6.1.4.1.6574.1.2.0": 41,
            "1.3.6.1.4.1.6574.1.3.0": 1,
            "1.3.6.1.4.1.6574.1.4.1.0": 2,
            "1.3.6.1.4.1.6574.2.1.1.2.0": "Disk 1",
            "1.3.6.1.4.1.6574.2.1.1.5.0": 1,
            "1.3.6.1.4.1.6574.2.1.1.6.0": 35,
            "1.3.6.1.4.1.6574.2.1.1.2.1": "Disk 2",
            "1.3.6.1.4.1.6574.2.1.1.5.1": 5,
            "1.3.6.1.4.1.6574.2.1.1.6.1": 0,
            "1.3.6.1.4.1.6574.3.1.1.2.0": "Volume 1",
            "1.3.6.1.4.1.6574.3.1.1.3.0": 11,
        },
        {
            "temperature.celsius": [41.0],
            "psu.ok": [True],
            "fan.ok": [False],
            "recorder_disk.ok": [True, False],
            "recorder_disk.celsius": [35.0],
            "raid.ok": [False],
        },
    ),
    "an hpe procurve": (
        "1.3.6.1.4.1.11.2.3.7.11.181.3",
        {
            f"{HPE}.9.6.1.0": 14,
            f"{HPE}.1.2.1.1.1.5.1": 400,
            f"{HPE}.1.2.1.1.1.6.1": 100,
            f"{HPE}.54.2.1.1.4.1": 5,
            f"{HPE}.54.2.1.1.4.2": 0,
            f"{HPE}.54.2.1.1.4.3": 1,
            f"{HPE}.55.1.1.1.2.1": 3,
            f"{HPE}.55.1.1.1.2.2": 1,
            f"{HPE}.55.1.1.1.4.1": 38,
        },
        {
            "cpu.used_percent": [14.0],
            "mem.used_percent": [75.0],
            "fan.ok": [True, False],
            "psu.ok": [True],
            "temperature.celsius": [38.0],
        },
    ),
    "an old procurve": (
        "1.3.6.1.4.1.11.2.3.7.11.33",
        {
            f"{HPE_SENSOR}.2.1": Oid("1.3.6.1.4.1.11.2.3.7.8.3.3"),
            f"{HPE_SENSOR}.4.1": 5,
            f"{HPE_SENSOR}.2.2": Oid("1.3.6.1.4.1.11.2.3.7.8.3.2"),
            f"{HPE_SENSOR}.4.2": 4,
            f"{HPE_SENSOR}.7.2": "Fan Sensor",
            f"{HPE_SENSOR}.2.3": Oid("1.3.6.1.4.1.11.2.3.7.8.3.1"),
            f"{HPE_SENSOR}.4.3": 2,
        },
        {"fan.ok": [True], "psu.ok": [False]},
    ),
    "an aruba cx of the older kind": (
        "1.3.6.1.4.1.47196.4.1.1.1.1",
        {
            f"{SENSOR}.1.7101": 10,
            f"{SENSOR}.2.7101": 9,
            f"{SENSOR}.3.7101": 0,
            f"{SENSOR}.4.7101": 10_400,
            f"{SENSOR}.5.7101": 1,
        },
        {"fan_speed.rpm": [10_400.0]},
    ),
    "an aruba cx": (
        "1.3.6.1.4.1.47196.4.1.1.1.50",
        {
            f"{ARUBA}.3.1.1.7.1.1.1": 43_500,
            f"{ARUBA}.5.1.1.10.1.1": 4,
            f"{ARUBA}.5.1.1.10.1.2": 2,
            f"{ARUBA}.2.1.1.11.1.1": 3,
            f"{ARUBA}.2.1.1.11.1.2": 2,
            "1.3.6.1.2.1.25.3.3.1.2.1": 8,
        },
        {"temperature.celsius": [43.5], "fan.ok": [True], "psu.ok": [False], "cpu.used_percent": [8.0]},
    ),
    "a mikrotik": (
        "1.3.6.1.4.1.14988.1",
        {
            f"{MIKROTIK}.100.1.2.14": "cpu-temperature",
            f"{MIKROTIK}.100.1.3.14": 52,
            f"{MIKROTIK}.100.1.4.14": 1,
            f"{MIKROTIK}.100.1.3.13": 240,
            f"{MIKROTIK}.100.1.4.13": 3,
            f"{MIKROTIK}.10.0": 520,
            f"{MIKROTIK[:-1]}15.1.1.3.7": 3,
            f"{MIKROTIK[:-1]}15.1.1.6.7": 63,
            f"{MIKROTIK[:-1]}15.1.1.3.8": 1,
        },
        {"temperature.celsius": [52.0], "poe_port.watts": [pytest.approx(6.3)], "poe_port.fault": [False]},
    ),
    "an old mikrotik": ("1.3.6.1.4.1.14988.1", {f"{MIKROTIK}.10.0": 395}, {"temperature.celsius": [39.5]}),
    "an old nexus": (
        "1.3.6.1.4.1.9.12.3.1.3.1008",
        {f"{CISCO}.9.109.1.1.1.1.12.1": 4_312_612, f"{CISCO}.9.109.1.1.1.1.13.1": 11_697_524},
        {"mem.used_percent": [pytest.approx(26.9, abs=0.1)]},
    ),
    "a huawei server": (
        "1.3.6.1.4.1.2011.2.235",
        {
            f"{IBMC}.1.23.0": 9,
            f"{IBMC}.26.50.1.2.1": "Inlet Temp",
            f"{IBMC}.26.50.1.3.1": 235,
            f"{IBMC}.26.50.1.3.2": 65_535,
            f"{IBMC}.8.50.1.4.1": 1,
            f"{IBMC}.8.50.1.4.2": 3,
            f"{IBMC}.6.50.1.7.1": 1,
            f"{IBMC}.6.50.1.7.2": 5,
            f"{IBMC}.18.50.1.3.1": 4,
        },
        {
            "cpu.used_percent": [9.0],
            "temperature.celsius": [23.5],
            "fan.ok": [True, False],
            "psu.ok": [True],
            "recorder_disk.ok": [False],
        },
    ),
    "a nexus": (
        "1.3.6.1.4.1.9.12.3.1.3.1812",
        {
            f"{CISCO}.9.305.1.1.1.0": 17,
            f"{CISCO}.9.305.1.1.2.0": 44,
            f"{CISCO}.9.117.1.4.1.1.1.534": 2,
            f"{CISCO}.9.117.1.4.1.1.1.535": 3,
            f"{CISCO}.9.117.1.1.2.1.2.470": 2,
            f"{CISCO}.9.117.1.1.2.1.2.471": 8,
            f"{CISCO}.9.117.1.1.2.1.2.22": 2,
            f"{NAMES[:-1]}5.470": 6,
            f"{NAMES[:-1]}5.471": 6,
            f"{NAMES[:-1]}5.22": 9,
        },
        {
            "cpu.used_percent": [17.0],
            "mem.used_percent": [44.0],
            "fan.ok": [True, False],
            "psu.ok": [True, False],
        },
    ),
    "a ruijie of the newer kind": (
        "1.3.6.1.4.1.4881.1.1.10.1.250",
        {
            f"{RUIJIE}.36.1.2.1.5.1": 23,
            f"{RUIJIE}.1.1.23.1.3.1": 0,
            f"{RUIJIE}.1.1.44.1.5.1.1": 47,
            f"{RUIJIE}.1.1.43.1.4.1.1": 4,
            f"{RUIJIE}.1.1.43.1.4.1.2": 5,
            f"{RUIJIE}.1.1.41.1.3.1.1": 4,
            f"{RUIJIE}.1.1.41.1.3.1.2": 1,
        },
        {
            "cpu.used_percent": [23.0],
            "temperature.celsius": [47.0],
            "fan.ok": [True, False],
            "psu.ok": [True],
        },
    ),
    "an h3c without states of its parts": (
        "1.3.6.1.4.1.25506.1.1106",
        {"1.3.6.1.4.1.25506.8.35.9.1.1.1.2.1": 2, "1.3.6.1.4.1.25506.8.35.9.1.2.1.2.1": 1},
        {"fan.ok": [False], "psu.ok": [True]},
    ),
    "a recorder that only says that it is Linux": (
        "1.3.6.1.4.1.8072.3.2.10",
        {f"{HIK}.3.1": 3, f"{HIK}.4.1": 1, f"{HIK}.5.1": 2, "1.3.6.1.2.1.25.3.3.1.2.196608": 11},
        {"recorder_disk.ok": [False], "cpu.used_percent": [11.0], "cpu_core.used_percent": [11.0]},
    ),
    "cisco, of the newer kind": (
        "1.3.6.1.4.1.9.12.3.1.3.1955",
        {
            f"{CISCO}.9.109.1.1.1.1.7.1": 22,
            f"{CISCO}.9.221.1.1.1.1.18.1.1": 300,
            f"{CISCO}.9.221.1.1.1.1.20.1.1": 100,
            f"{NAMES}.21": "FRONT",
            f"{CISCO}.9.91.1.1.1.1.1.21": 8,
            f"{CISCO}.9.91.1.1.1.1.2.21": 9,
            f"{CISCO}.9.91.1.1.1.1.3.21": 0,
            f"{CISCO}.9.91.1.1.1.1.4.21": 31,
            f"{CISCO}.9.91.1.1.1.1.5.21": 1,
        },
        {"cpu.used_percent": [22.0], "mem.used_percent": [75.0], "temperature.celsius": [31.0]},
    ),
    "cisco, old": ("1.3.6.1.4.1.9.1.324", {f"{CISCO}.2.1.57.0": 5}, {"cpu.used_percent": [5.0]}),
    "a UPS of no known maker": (
        "1.3.6.1.4.1.99999.7",
        {"1.3.6.1.2.1.33.1.4.1.0": 5, "1.3.6.1.2.1.33.1.2.3.0": 9, "1.3.6.1.2.1.33.1.4.4.1.5.1": 40},
        {"ups.on_battery": [True], "ups.minutes_left": [9.0], "ups_line.load_percent": [40.0]},
    ),
    "a UPS whose card only says that it is Linux": (
        "1.3.6.1.4.1.8072.3.2.10",
        {"1.3.6.1.2.1.33.1.4.1.0": 3, "1.3.6.1.2.1.33.1.2.3.0": 25},
        {"ups.on_battery": [False], "ups.minutes_left": [25.0]},
    ),
    "a windows server of four cores, one of them busy": (
        "1.3.6.1.4.1.311.1.1.3.1.2",
        {f"1.3.6.1.2.1.25.3.3.1.2.{core}": load for core, load in ((3, 100), (4, 4), (5, 8), (6, 8))},
        {"cpu.used_percent": [30.0]},
    ),
    "an eaton that says little": (
        "1.3.6.1.4.1.534.1",
        {"1.3.6.1.4.1.534.1.2.4.0": 100, "1.3.6.1.4.1.534.1.3.4.1.2.1": 228},
        {"ups.charge_percent": [100.0], "ups_line.input_volts": [228.0]},
    ),
    "a megatec card": (
        "1.3.6.1.4.1.935",
        {f"{XPPC}.2.2.1.0": 100, f"{XPPC}.2.2.3.0": 250, f"{XPPC}.3.2.1.0": 2545, f"{XPPC}.4.2.3.0": 44},
        {
            "ups.charge_percent": [100.0],
            "ups.battery_celsius": [25.0],
            "ups.input_volts": [254.5],
            "ups.load_percent": [44.0],
        },
    ),
    "an MGE": (
        "1.3.6.1.4.1.705.1.2",
        {
            "1.3.6.1.4.1.705.1.7.3.0": 2,
            "1.3.6.1.4.1.705.1.5.1.0": 1800,
            "1.3.6.1.4.1.705.1.5.2.0": 98,
            "1.3.6.1.4.1.705.1.5.14.0": 2,
            "1.3.6.1.4.1.705.1.7.2.1.4.1": 33,
        },
        {
            "ups.on_battery": [False],
            "ups.minutes_left": [30.0],
            "ups.battery_low": [False],
            "ups_line.load_percent": [33.0],
        },
    ),
    "a d-link of the newer kind": (
        "1.3.6.1.4.1.171.10.137.4.1",
        {
            f"{D_LINK_NEW}.7.1.4.1.1": 21,
            f"{D_LINK_NEW}.1.1.1.3.1.1": "Inlet",
            f"{D_LINK_NEW}.1.1.1.4.1.1": 34,
            f"{D_LINK_NEW}.1.2.1.4.1.1": 1,
            f"{D_LINK_NEW}.1.2.1.4.1.2": 2,
            f"{D_LINK_NEW}.1.3.1.6.1.1": 1,
            f"{D_LINK_NEW}.1.3.1.6.1.2": 3,
        },
        {
            "cpu.used_percent": [21.0],
            "temperature.celsius": [34.0],
            "fan.ok": [True, False],
            "psu.ok": [True],
        },
    ),
    "d-link": (
        "1.3.6.1.4.1.171.10.113.3.1",
        {
            f"{D_LINK}.11.1.8.1.2.1": 53,
            f"{D_LINK}.1.1.9.1.4.0": 88,
            f"{D_LINK}.11.1.6.1.3.1.1": 3,
            f"{D_LINK}.11.1.6.1.3.1.2": 0,
            f"{D_LINK}.11.1.7.1.3.1.1": 2,
        },
        {"temperature.celsius": [53.0], "mem.used_percent": [88.0], "psu.ok": [True], "fan.ok": [False]},
    ),
}


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendors_device_yields_what_its_mib_says(shipped: Profiles, vendor: str) -> None:
    object_id, values, expected = VENDORS[vendor]
    found = Device(walk(object_id, values), shipped).poll()
    assert found.trouble == ""
    got: dict[str, list[object]] = {}
    for reading in found.readings:
        if not reading.metric.startswith("snmp."):
            got.setdefault(reading.metric, []).append(reading.value)
    assert {metric: got.get(metric) for metric in expected} == expected
    assert {metric.partition(".")[0] for metric in got} == {metric.partition(".")[0] for metric in expected}
    assert len({(r.metric, r.tags) for r in found.readings}) == len(found.readings)  # none twice


def test_what_a_maker_gives_for_none_is_no_reading(shipped: Profiles) -> None:
    """-1 minutes left would be a critical alert, 255 °C a fire."""
    ups = "1.3.6.1.2.1.33.1"
    values: dict[str, int | str] = {
        f"{ups}.4.1.0": 3,
        f"{ups}.2.3.0": -1,
        f"{ups}.2.4.0": 65_535,
        f"{ups}.2.7.0": -128,
    }
    found = Device(walk("1.3.6.1.2.1.33", values), shipped).poll()
    assert [r.metric for r in found.readings if r.metric.startswith("ups.")] == ["ups.on_battery"]
    board = f"{HUAWEI}.31.1.1.1.1"
    values = {f"{board}.5.9": 255, f"{board}.7.9": 31, f"{board}.11.9": 2_147_483_646}
    found = Device(walk("1.3.6.1.4.1.2011.2.239.1", values), shipped).poll()
    told = {r.metric for r in found.readings if not r.metric.startswith("snmp.")}
    assert told == {"board.memory_used_percent"}


def test_a_fallback_is_asked_for_only_while_it_is_needed(shipped: Profiles) -> None:
    object_id, values, _ = VENDORS["ruijie"]
    device = Device(walk(object_id, values), shipped)
    device.poll()
    asked = {oid for group in device.memory.groups for oid in group.oids}
    assert ber.oid(f"{RUIJIE}.1.1.16.0") not in asked
    assert ber.oid(f"{RUIJIE}.1.1.23.1.3") in asked


def test_no_profile_is_without_a_test_or_a_place_in_another() -> None:
    """Each is picked by sysObjectID, or used by one that is."""
    sections = {
        path.stem: profiles.read_section(profiles.ProfileSection, path) for path in SHIPPED.glob("*.toml")
    }
    used = {name for section in sections.values() for name in section.use}
    assert {name for name, section in sections.items() if not section.match} - used == {"generic"}
    assert Path(SHIPPED, "generic.toml").exists()
