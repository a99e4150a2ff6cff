"""The simulator answers as the devices it plays: checked by net-snmp's own tools."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest

from monitor.collectors.snmp import ber
from monitor.collectors.snmp.messages import get, read_message, read_reply
from monitor.simulate.snmp_agents import Agents
from monitor.simulate.snmprec import Walk, dump, encode_value, parse
from tests.snmp_support import PUBLIC, SYS_NAME, simulated, small_walk


async def tool(*arguments: str) -> str:
    if shutil.which(arguments[0]) is None:
        pytest.skip("needs the Debian package snmp")
    with tempfile.TemporaryDirectory() as folder:  # net-snmp's tools make what they name
        process = await asyncio.create_subprocess_exec(
            *arguments,
            env={"PATH": "/usr/bin", "MIBS": "", "SNMP_PERSISTENT_DIR": folder},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        out, _ = await asyncio.wait_for(process.communicate(), 90)
    return out.decode()


@pytest.mark.parametrize(
    "walker", [["snmpwalk", "-v1"], ["snmpwalk", "-v2c"], ["snmpbulkwalk", "-v2c", "-Cr7"]], ids=" ".join
)
async def test_net_snmp_walks_it_to_its_end(walker: list[str]) -> None:
    with simulated(Agents(small_walk(rows=20))) as port:
        found = await tool(*walker, "-cpublic", "-On", f"127.76.0.9:{port}", ".1.3.6.1.2.1.2")
        rows = [line for line in found.splitlines() if "= INTEGER" in line or "= STRING" in line]
        assert len(rows) == 40
        assert rows[0] == ".1.3.6.1.2.1.2.2.1.1.1 = INTEGER: 1"
        assert rows[-1] == '.1.3.6.1.2.1.2.2.1.2.20 = STRING: "port 20"'


async def test_net_snmp_gets_values_and_what_is_missing() -> None:
    with simulated(Agents(small_walk(), walks={"127.76.0.2": small_walk(rows=1)})) as port:
        found = await tool(
            "snmpget", "-v2c", "-cpublic", "-On", f"127.76.0.1:{port}",
            ".1.3.6.1.2.1.1.5.0", ".1.3.6.1.2.1.1.99.0", ".1.3.6.1.2.1.2.2.1.1.5",
        )  # fmt: skip
        assert found.splitlines() == [
            '.1.3.6.1.2.1.1.5.0 = STRING: "switch"',
            ".1.3.6.1.2.1.1.99.0 = No Such Instance currently exists at this OID",
            ".1.3.6.1.2.1.2.2.1.1.5 = INTEGER: 5",
        ]
        other = await tool("snmpget", "-v2c", "-cpublic", f"127.76.0.2:{port}", ".1.3.6.1.2.1.2.2.1.1.5")
        assert "No Such Instance" in other


def test_a_kept_reply_differs_in_nothing_but_the_id() -> None:
    agents = Agents(small_walk())
    asked = [PUBLIC.encode(get(SYS_NAME), number) for number in (0x01020304, 0x7F6E5D4C)]
    first, second = (agents.answers(data, "127.0.0.1")[0][0] for data in asked)
    assert first.replace(b"\x01\x02\x03\x04", b"\x7f\x6e\x5d\x4c") == second
    _, _, pdu = read_message(second)
    assert pdu is not None
    assert pdu.request_id == 0x7F6E5D4C
    assert read_reply(second, pdu).value(0) == b"switch"


def test_counters_grow_and_nothing_else_does() -> None:
    walk = Walk.of(
        {
            ber.oid("1.3.6.1.2.1.2.2.1.10.1"): encode_value(ber.COUNTER32, "4294967000", False),
            ber.oid("1.3.6.1.2.1.2.2.1.5.1"): encode_value(ber.GAUGE32, "7", False),
        }
    )
    agents = Agents(walk, counters_per_s=1000)
    request = PUBLIC.encode(get(*walk.names), 1 << 30)
    seen = []
    for now in (0.0, 0.0, 60.0):
        data = agents.answers(request, "127.0.0.1", now)[0][0]
        _, _, pdu = read_message(data)
        assert pdu is not None
        reply = read_reply(data, pdu)
        seen.append([reply.value(0), reply.value(1)])
    assert seen[0] == seen[1] == [7, 4294967000]
    assert seen[2][0] == 7
    assert seen[2][1] != 4294967000


LINES = [
    "1.3.6.1.2.1.1.1.0|4|Linux box",
    "1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.8072.3.2.10",
    "1.3.6.1.2.1.1.3.0|67|12345",
    "1.3.6.1.2.1.1.5.0|4x|e5a4a7e997a8",
    "1.3.6.1.2.1.2.2.1.5.1|66|4294967295",
    "1.3.6.1.2.1.2.2.1.7.1|2|-5",
    "1.3.6.1.2.1.4.20.1.1.1|64|192.168.1.1",
    "1.3.6.1.2.1.31.1.1.1.6.1|70|18446744073709551615",
]


def test_a_recording_reads_back_as_it_was_written(tmp_path: Path) -> None:
    walk = parse([*LINES, "", "# a comment", "broken", "1.3.6|2|no number", "1.3.6.9|4:writecache|x"])
    out = []
    for name, tlv in zip(walk.names, walk.values, strict=True):
        tag, start, stop = ber.frame(tlv, 0, len(tlv))
        out.append(dump(name, tag, tlv[start:stop]))
    assert out == LINES


def test_figures_that_a_recording_lets_vary_begin_at_their_beginning() -> None:
    walk = parse(["1.3.6.1.2|65:numeric|min=5,max=9,initial=7", "1.3.6.1.3|2:numeric|min=5,scale=2"])
    assert [tlv[-1] for tlv in walk.values] == [7, 5]
