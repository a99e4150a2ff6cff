"""Profiles and the configuration: a file of one's own is a device type, and its metrics are the sink's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from monitor.config import load
from monitor.model import Device, DeviceId, Kind, Reading, Reason, Result, WallMs
from monitor.problems import ConfigError
from monitor.storage.encoder import Encoder
from monitor.storage.schema import Carries
from monitor.storage.tables import SCHEMA
from tests.config_support import written

SHIPPED = Path(__file__).parents[1] / "etc" / "snmp"
CONFIG = """
[[device]]
id = "GATE-1"
name = "Gate"
address = "10.0.0.1"
kind = "switch"
checks = ["icmp", "snmp"]

[checks.snmp]
profiles = ["snmp"]
"""
BARRIER = """
title = "Barrier gates"
match = ["1.3.6.1.4.1.99999"]

[[table]]
measurement = "barrier"
index = ["lane"]
labels = { name = "1.3.6.1.4.1.99999.1.1.2" }
fields = [
  { name = "open", type = "boolean", true = [1], oid = "1.3.6.1.4.1.99999.1.1.3" },
  { name = "passages", type = "integer", oid = "1.3.6.1.4.1.99999.1.1.4" },
  { name = "motor_celsius", unit = "°C", oid = "1.3.6.1.4.1.99999.1.1.5" },
  { name = "plate", type = "string", oid = "1.3.6.1.4.1.99999.1.1.6" },
]

[[table]]
measurement = "temperature"
index = ["lane"]
fields = [{ name = "celsius", unit = "°C", oid = "1.3.6.1.4.1.99999.1.1.5" }]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "snmp")
    (tmp_path / "snmp" / "barrier.toml").write_text(BARRIER)
    return written(tmp_path, CONFIG)


def test_what_a_profile_of_ones_own_names_is_written_with_its_types_and_tags(path: Path) -> None:
    config = load(path)
    row = config.schema.measurement("barrier")
    assert row is not None and row.carries is Carries.DEVICE
    assert {name: field.type.value for name, field in row.by_field.items()} == {
        "open": "boolean",
        "passages": "integer",
        "motor_celsius": "float",
        "plate": "string",
    }
    temperature = config.schema.measurement("temperature")
    assert temperature is not None and {"lane", "sensor"} <= temperature.tag_names
    gate = Device(DeviceId("GATE-1"), "Gate", Kind.SWITCH, "10.0.0.1")
    encoder = Encoder(config.schema)
    encoder.devices_changed({gate.id: gate})
    lane = (("lane", "2"), ("name", "North"))
    readings = (
        Reading("barrier.open", True, lane),
        Reading("barrier.passages", 7, lane),
        Reading("barrier.motor_celsius", 40, lane),
        Reading("barrier.plate", "京A·12345", lane),
    )
    body = encoder.results([Result(gate.id, "snmp", WallMs(5), Reason.OK, readings)]).body.decode()
    assert body == (
        "barrier,kind=switch,key_site=false,device=GATE-1,lane=2,name=North "
        'open=true,passages=7i,motor_celsius=40,plate="京A·12345" 5\n'
    )


def test_shipped_profiles_add_nothing_to_the_schema(tmp_path: Path) -> None:
    """It is printed in docs/metrics.md, and the dashboards are held to it."""
    shutil.copytree(SHIPPED, tmp_path / "snmp")
    assert load(written(tmp_path, CONFIG)).schema.measurements == SCHEMA.measurements


def test_without_installation_the_profiles_that_came_with_camwatch_are_used(tmp_path: Path) -> None:
    if Path("/etc/camwatch/snmp").exists():
        pytest.skip("Camwatch is installed on this machine")
    config = load(written(tmp_path, CONFIG.partition("[checks.snmp]")[0]))
    assert "huawei-vrp.toml" in {file.name for file in config.files}


def test_a_changed_profile_makes_other_settings_so_that_a_reload_takes_it_up(path: Path) -> None:
    before = load(path).checks["snmp"]
    assert load(path).checks["snmp"] == before
    profile = path.parent / "snmp" / "barrier.toml"
    profile.write_text(BARRIER.replace("motor_celsius", "drive_celsius"))
    assert load(path).checks["snmp"] != before


def test_a_faulty_profile_does_not_take_effect(path: Path) -> None:
    (path.parent / "snmp" / "barrier.toml").write_text(BARRIER.replace('"boolean"', '"bool"'))
    with pytest.raises(ConfigError, match=r"barrier\.toml: table\[1\]\.fields\[1\]\.type: found text .bool."):
        load(path)
