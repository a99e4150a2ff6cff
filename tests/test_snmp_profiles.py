"""Profiles: strict files, and the readings that recorded devices yield."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.collectors.snmp import ber, expression, profiles, values
from monitor.collectors.snmp.messages import read_message, read_reply
from monitor.collectors.snmp.poll import Memory, Poll, poll
from monitor.collectors.snmp.profiles import FieldSection, ProfileError, Profiles
from monitor.collectors.snmp.talk import Limits
from monitor.model import Reading
from monitor.simulate.snmp_agents import Agents
from monitor.simulate.snmprec import Walk, encode_unsigned, encode_value
from tests.snmp_support import PUBLIC, SYS_UP_TIME, recorded

SHIPPED = Path(__file__).parents[1] / "etc" / "snmp"
IN_OCTETS = "1.3.6.1.2.1.31.1.1.1.6"


@pytest.fixture(scope="module")
def shipped() -> Profiles:
    return profiles.load(SHIPPED)


class Device:
    """A simulated agent that is polled by hand, on a clock of its own."""

    def __init__(self, walk: Walk, known: Profiles, counters_per_s: int = 0) -> None:
        self.agents = Agents(walk, counters_per_s=counters_per_s)
        self.memory = Memory()
        self.profiles = known
        self.now = 1_000

    def poll(self, after_s: float = 60) -> Poll:
        self.now += int(after_s * 1000)
        talk = poll(self.memory, self.profiles, Limits(), 600_000, lambda: self.now)
        request = next(talk)
        for _ in range(1000):
            ((data, _),) = self.agents.answers(PUBLIC.encode(request, 1 << 30), "127.0.0.1", self.now / 1000)
            _, _, pdu = read_message(data)
            assert pdu is not None
            try:
                request = talk.send(read_reply(data, pdu))
            except StopIteration as stop:
                result: Poll = stop.value
                return result
        raise AssertionError("the poll does not end")

    def change(self, values: dict[str, bytes]) -> None:
        old = self.agents.default
        assert old is not None
        self.agents = Agents(old.changed({ber.oid(name): value for name, value in values.items()}))


def by_metric(found: Poll) -> dict[str, list[Reading]]:
    out: dict[str, list[Reading]] = {}
    for reading in found.readings:
        out.setdefault(reading.metric, []).append(reading)
    return out


# --- recorded devices ---


@pytest.mark.parametrize(
    ("name", "profile", "ports", "expected"),
    [
        ("switch_dlink-des3200.snmprec", "d-link", 18, {"cpu.used_percent": 1, "interface.in_bps": 18}),
        ("h3c_comware-vsr1000.snmprec", "h3c-comware", 8, {"interface.out_utilisation_percent": 8}),
        (
            "linux.snmprec",
            "linux",
            1,
            {"disk.used_percent": 4, "interface.in_bps": 1, "cpu_core.used_percent": 4},
        ),
        ("ups_apc-8932.snmprec", "pdu-apc", 1, {"pdu.watts": 1, "pdu_phase.amperes": 1, "pdu.supply_ok": 1}),
    ],
)
def test_a_recorded_device_yields_its_profiles_readings(
    shipped: Profiles, name: str, profile: str, ports: int, expected: dict[str, int]
) -> None:
    device = Device(recorded(name), shipped, counters_per_s=1000)
    device.poll()
    found = device.poll()
    assert found.trouble == ""
    assert device.memory.profile is not None
    assert device.memory.profile.name == profile
    counts = Counter(reading.metric for reading in found.readings)
    assert counts["interface.ifOperStatus"] == ports
    assert {metric: counts[metric] for metric in expected} == expected
    known = {f"{metric.measurement}.{metric.field}": metric for metric in shipped.metrics}
    for reading in found.readings:
        if reading.metric.startswith("snmp."):
            continue
        metric = known[reading.metric]
        assert type(reading.value).__name__ == {"integer": "int", "boolean": "bool", "string": "str"}.get(
            metric.type, metric.type
        )
        assert {tag for tag, _ in reading.tags} <= set(metric.tags)
        assert all(value for _, value in reading.tags)


def test_rates_of_a_recorded_switch_are_what_was_counted(shipped: Profiles) -> None:
    device = Device(recorded("switch_dlink-des3200.snmprec"), shipped)
    device.poll()
    walk = device.agents.default
    assert walk is not None
    octets = int.from_bytes(walk.values[walk.places[ber.oid(IN_OCTETS + ".3")]][2:], "big")
    ticks = encode_unsigned(ber.TIME_TICKS, 43321800 + 6_000)
    device.change(
        {IN_OCTETS + ".3": encode_unsigned(ber.COUNTER64, octets + 7_500_000), "1.3.6.1.2.1.1.3.0": ticks}
    )
    rates = {
        dict(reading.tags)["ifIndex"]: reading.value
        for reading in by_metric(device.poll())["interface.in_bps"]
    }
    assert rates.pop("3") == 1_000_000.0
    assert set(rates.values()) == {0.0}


# --- a switch made by hand ---


def switch(ports: int = 3, octets: int = 1_000_000, ticks: int = 100_000) -> Walk:
    values: dict[bytes, bytes] = {
        ber.oid("1.3.6.1.2.1.1.2.0"): encode_value(ber.OID, "1.3.6.1.4.1.99999.1", False),
        SYS_UP_TIME: encode_unsigned(ber.TIME_TICKS, ticks),
    }
    for port in range(1, ports + 1):
        for column, tlv in {
            "1.3.6.1.2.1.2.2.1.2": encode_value(ber.OCTETS, f"GE1/0/{port}", False),
            "1.3.6.1.2.1.2.2.1.3": ber.encode_integer(6),
            "1.3.6.1.2.1.2.2.1.5": encode_unsigned(ber.GAUGE32, 100_000_000),
            "1.3.6.1.2.1.2.2.1.7": ber.encode_integer(1),
            "1.3.6.1.2.1.2.2.1.8": ber.encode_integer(1),
            "1.3.6.1.2.1.2.2.1.10": encode_unsigned(ber.COUNTER32, octets),
            "1.3.6.1.2.1.2.2.1.11": encode_unsigned(ber.COUNTER32, octets // 100),
            "1.3.6.1.2.1.31.1.1.1.18": encode_value(ber.OCTETS, "大门" if port == 1 else "", False),
        }.items():
            values[ber.oid(f"{column}.{port}")] = tlv
    return Walk.of(values)


def test_thirty_two_bit_counters_are_used_where_there_are_no_others(shipped: Profiles) -> None:
    device = Device(switch(), shipped)
    device.poll()
    device.agents = Agents(switch(octets=1_750_000, ticks=106_000))
    found = by_metric(device.poll())
    assert [reading.value for reading in found["interface.in_bps"]] == [100_000.0] * 3
    assert found["interface.in_utilisation_percent"][0].value == pytest.approx(0.1)
    assert found["interface.in_bps"][0].tags == (
        ("ifIndex", "1"),
        ("ifDescr", "GE1/0/1"),
        ("ifAlias", "大门"),
    )
    assert found["interface.in_bps"][1].tags == (("ifIndex", "2"), ("ifDescr", "GE1/0/2"))


def test_a_restart_gives_no_rates_and_is_told(shipped: Profiles) -> None:
    device = Device(switch(), shipped)
    device.poll()
    device.agents = Agents(switch(octets=2_000_000, ticks=3_000))
    found = by_metric(device.poll())
    assert "interface.in_bps" not in found
    assert found["snmp.restarted"][0].value is True
    device.agents = Agents(switch(octets=2_750_000, ticks=9_000))
    assert by_metric(device.poll())["interface.in_bps"][0].value == 100_000.0


def test_a_poll_asks_only_for_what_the_device_has(shipped: Profiles) -> None:
    """Once learned: no 64-bit columns, no labels, no storage table."""
    device = Device(switch(), shipped)
    device.poll()
    groups = [group for group in device.memory.groups if group.oids]
    assert [group.section.measurement for group in groups] == ["interface"]
    assert ber.oid(IN_OCTETS) not in groups[0].oids
    assert ber.oid("1.3.6.1.2.1.2.2.1.2") not in groups[0].oids


def test_a_new_port_is_named_by_the_next_poll(shipped: Profiles) -> None:
    device = Device(switch(ports=2), shipped)
    device.poll()
    device.agents = Agents(switch(ports=3, ticks=106_000))
    assert len(by_metric(device.poll())["interface.ifOperStatus"]) == 2
    device.agents = Agents(switch(ports=3, ticks=112_000))
    states = by_metric(device.poll())["interface.ifOperStatus"]
    assert [dict(reading.tags)["ifDescr"] for reading in states] == ["GE1/0/1", "GE1/0/2", "GE1/0/3"]


def test_a_discontinuity_of_one_port_spoils_only_its_rates(shipped: Profiles) -> None:
    marks = "1.3.6.1.2.1.31.1.1.1.19"
    device = Device(switch(), shipped)
    device.change({f"{marks}.{port}": encode_unsigned(ber.TIME_TICKS, 5) for port in (1, 2, 3)})
    device.poll()
    device.agents = Agents(switch(octets=1_750_000, ticks=106_000))
    device.change(
        {
            f"{marks}.{port}": encode_unsigned(ber.TIME_TICKS, 5 if port != 2 else 105_000)
            for port in (1, 2, 3)
        }
    )
    rates = by_metric(device.poll())["interface.in_bps"]
    assert [dict(reading.tags)["ifIndex"] for reading in rates] == ["1", "3"]


class _BrokenTable(Agents):
    """Its ifTable fails with genErr."""

    def answers(self, data: bytes, address: str, now: float = 0.0) -> list[tuple[bytes, str]]:
        ((reply, where),) = super().answers(data, address, now)
        if ber.oid("1.3.6.1.2.1.2.2.1") in data:
            reply = reply.replace(b"\x02\x01\x00\x02\x01\x00\x30", b"\x02\x01\x05\x02\x01\x01\x30", 1)
        return [(reply, where)]


def test_a_broken_table_leaves_the_others_alone(shipped: Profiles) -> None:
    device = Device(switch(), shipped)
    device.agents = _BrokenTable(switch())
    found = device.poll()
    assert "genErr" in found.trouble
    assert [reading.metric for reading in found.readings] == ["snmp.uptime_s", "snmp.restarted"]


# --- values ---


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"eth0", "eth0"),
        ("大门".encode(), "大门"),
        ("大门".encode("gb18030"), "大门"),
        (b"two\r\nlines\x00", "two lines"),
        (b"\x00\x1b\x21\x00\x00\x01", "00:1b:21:00:00:01"),
        (b"", ""),
        (b"x" * 500, "x" * 120),
        (b"\x1b[31mred", "1b:5b:33:31:6d:72:65:64"),
    ],
)
def test_texts_of_a_device_come_out_readable_and_harmless(octets: bytes, words: str) -> None:
    assert values.text(octets) == words


@pytest.mark.parametrize(
    ("fields", "value", "result"),
    [
        ({}, 7, 7.0),
        ({"scale": 0.1}, 235, 23.5),
        ({}, b"27 PERCENT", 27.0),
        ({}, b"23.5 C", 23.5),
        ({}, b"n/a", None),
        ({"missing": [65535]}, 65535, None),
        ({}, float("nan"), None),
        ({}, ber.Missing.NO_SUCH_INSTANCE, None),
        ({}, None, None),
        ({"type": "integer"}, 5, 5),
        ({"type": "boolean", "true": [2]}, 2, True),
        ({"type": "boolean", "true": [2]}, 3, False),
        ({"type": "boolean", "true": ["Running"]}, b"Running", True),
        ({"type": "boolean", "true": ["Running"]}, b"Error", False),
        ({"type": "boolean", "true": [1]}, None, None),
        ({"type": "string", "enum": {"1": "up"}}, 1, "up"),
        ({"type": "string", "enum": {"1": "up"}}, 9, "9"),
        ({"type": "string"}, "1.3.6", "1.3.6"),
    ],
)
def test_a_field_gets_its_type_or_nothing(
    fields: dict[str, object], value: ber.Value, result: object
) -> None:
    field = FieldSection.model_validate({"name": "f", "oid": "1.3.6.1", **fields})
    found = values.convert(field, value)
    assert (found, type(found)) == (result, type(result))


def test_arithmetic_knows_fields_and_nothing_else() -> None:
    percent = expression.parse("100 * used / (used + free) - -1 ** 2")
    assert percent.names == {"used", "free"}
    assert percent({"used": 1.0, "free": 3.0}) == 26.0
    assert percent({"used": 0.0, "free": 0.0}) is None
    assert percent({"used": 1.0}) is None
    assert expression.parse("2 ** x")({"x": 9e9}) is None
    assert expression.parse("x ** 0.5")({"x": -4.0}) is None
    for text in (
        "__import__('os')",
        "a.b",
        "a[0]",
        "lambda: 1",
        "f(x)",
        "1 if a else 2",
        "a and b",
        "True",
        "",
        "'x'",
    ):
        with pytest.raises(ValueError):
            expression.parse(text)


# --- files ---

GOOD = """
title = "t"
match = ["1.3.6.1.4.1.9"]
[[scalars]]
measurement = "cpu"
fields = [{ name = "used_percent", unit = "%", oid = "1.3.6.1.4.1.9.1.0" }]
"""


def write(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        (folder / f"{name}.toml").write_text(content)
    return folder


Broken = Callable[[str], str]


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (GOOD.replace("title", "tittle"), "tittle"),
        (GOOD.replace("1.3.6.1.4.1.9.1.0", "1.3.6.x"), 'not an object identifier: "1.3.6.x"'),
        (
            GOOD.replace('oid = "1.3.6.1.4.1.9.1.0"', 'expr = "100 * other"'),
            'uses "other", which no field before',
        ),
        (
            GOOD.replace("[{", '[{ name = "model", type = "string", oid = "1.3.6.1.4.1.9.2.0" }, {').replace(
                'oid = "1.3.6.1.4.1.9.1.0"', 'expr = "2 * model"'
            ),
            'uses "model", which is text',
        ),
        (GOOD.replace('oid = "1.3.6.1.4.1.9.1.0"', 'expr = "f(1)"'), "not allowed in an expression"),
        (GOOD.replace(', oid = "1.3.6.1.4.1.9.1.0"', ""), "exactly one of oid and expr"),
        (GOOD.replace('unit = "%"', 'type = "boolean"'), "go together"),
        (GOOD.replace("scalars", "table"), "exactly one of index and mean"),
        (
            GOOD.replace("scalars", "table").replace(
                "fields", 'mean = true\nlabels = { name = "1.3.6" }\nfields'
            ),
            "a mean is of fields of type float, and has no labels",
        ),
        (GOOD.replace('unit = "%"', "range = [100, 0]"), "range is the least and the greatest number"),
        (GOOD.replace('unit = "%"', 'type = "string", range = [0, 1]'), "range is the least"),
        (GOOD.replace('unit = "%"', 'rate = true, type = "integer"'), "a rate is read from an oid"),
        (GOOD.replace('"cpu"', '"CPU load"'), "measurement"),
        (GOOD + "[[table]]\nmeasurement = 'x'\nfields = []\nindex = ['i']\n", "table[1].fields"),
        (GOOD + 'use = "x"', "use"),
        ("title = ", "one.toml"),
        (GOOD.replace("match", 'use = ["none"]\nmatch'), 'there is no profile "none"'),
        (GOOD.replace("match", 'use = ["one"]\nmatch'), "uses itself"),
    ],
)
def test_a_bad_profile_says_where_and_what(tmp_path: Path, broken: str, words: str) -> None:
    with pytest.raises(ProfileError) as caught:
        profiles.load(write(tmp_path, one=broken))
    assert "one" in str(caught.value)
    assert words in str(caught.value)


def test_one_metric_has_one_type(tmp_path: Path) -> None:
    other = GOOD.replace("1.4.1.9", "1.4.1.10").replace('unit = "%"', 'unit = "ratio"')
    with pytest.raises(ProfileError, match="one metric has one type"):
        profiles.load(write(tmp_path, one=GOOD, two=other))


def test_two_profiles_cannot_claim_one_device(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="is matched by"):
        profiles.load(write(tmp_path, one=GOOD, two=GOOD))


def test_a_file_of_ones_own_replaces_a_shipped_one(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    write(own, one=GOOD.replace('"t"', '"mine"'))
    assert profiles.load(write(tmp_path, one=GOOD), own)["one"].title == "mine"


@pytest.mark.parametrize(
    ("object_id", "name"),
    [
        ("1.3.6.1.4.1.2011.2.23.339", "huawei-vrp"),
        ("1.3.6.1.4.1.2011.10.1.89", "h3c-comware"),
        ("1.3.6.1.4.1.25506.1.1", "h3c-comware"),
        ("1.3.6.1.4.1.4881.1.1", "ruijie"),
        ("1.3.6.1.4.1.3902.3.100.20", "zte-zxr10"),
        ("1.3.6.1.4.1.11863.1.1", "tp-link"),
        ("1.3.6.1.4.1.9.1.1208", "cisco-ios"),
        ("1.3.6.1.4.1.99.1", "generic"),
        ("1.3.6.1.4.1.318.1.3.27", "ups-apc"),
        ("1.3.6.1.4.1.318.1.3.4.6", "pdu-apc"),
        ("1.3.6.1.4.1.39165.1.1", "hikvision"),
        ("1.3.6.1.4.1.1004849.3.2.10", "dahua"),
        ("1.3.6.1.4.1.8072.3.2.10", "linux"),
        ("", "generic"),
    ],
)
def test_the_longest_match_picks_the_profile(shipped: Profiles, object_id: str, name: str) -> None:
    assert shipped.choose(object_id).name == name


def test_every_shipped_metric_has_one_line_in_the_table(shipped: Profiles) -> None:
    names = [(metric.measurement, metric.field) for metric in shipped.metrics]
    assert len(names) == len(set(names)) > 50
