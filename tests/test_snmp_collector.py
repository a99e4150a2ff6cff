"""The check as the daemon uses it: one answer for each device, in time, whatever devices do."""

from __future__ import annotations

import asyncio
import random
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from click.testing import Result as ClickResult
from pydantic import ValidationError

from monitor.cli.snmp import snmp
from monitor.clock import ManualClock, SystemClock
from monitor.collectors.base import Env
from monitor.collectors.snmp import metrics, profiles
from monitor.collectors.snmp.collector import SnmpCollector, SnmpSettings
from monitor.collectors.snmp.profiles import ProfileError
from monitor.model import Device, DeviceId, Kind, Reason, Result, Target
from monitor.rules import rule_class
from monitor.secrets import SecretError
from monitor.simulate.snmp_agents import Agents, Fault
from tests.snmp_support import Snmpd, running_snmpd, simulated
from tests.test_snmp_profiles import switch

ETC = Path(__file__).parents[1] / "etc"


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNMP_COMMUNITY", "public")
    monkeypatch.setenv("SNMP_AUTH", "auth pass 2")
    monkeypatch.setenv("SNMP_PRIV", "priv pass 2")


V3 = {
    "user": "sha1aes",
    "auth": "sha1",
    "auth_pass": {"env": "SNMP_AUTH"},
    "priv": "aes128",
    "priv_pass": {"env": "SNMP_PRIV"},
}


def settings(port: int, **more: object) -> SnmpSettings:
    return SnmpSettings.model_validate(
        {
            "profiles": [ETC / "snmp"],
            "timeout": "200ms",
            "retries": 2,
            "credentials": [
                {"select": {"vendor": "v3"}, "port": port, "version": "3", "user": V3},
                {
                    "select": {"kind": ["switch", "server"]},
                    "port": port,
                    "community": {"env": "SNMP_COMMUNITY"},
                },
            ],
            **more,
        }
    )


def target(ip: str, kind: Kind = Kind.SWITCH, vendor: str = "", **tags: str) -> Target:
    return Target(Device(DeviceId(f"dev-{ip}"), ip, kind, ip, vendor=vendor, tags=tags), ip)


async def gather(collector: SnmpCollector, targets: list[Target], within_s: float = 60) -> dict[str, Result]:
    """All results, each device exactly once, by the deadline."""
    deadline = asyncio.get_running_loop().time() + within_s
    found: dict[str, Result] = {}
    async for batch in collector.collect(targets, deadline):
        for result in batch:
            assert result.device not in found
            found[result.device] = result
    assert set(found) == {one.device.id for one in targets}
    return {one.ip: found[one.device.id] for one in targets}


@pytest.mark.parametrize("engine", ["camwatch", "aiosnmp"])
async def test_each_device_is_answered_for_once(engine: str) -> None:
    faults = {"127.8.0.3": Fault.SILENT, "127.8.0.4": Fault.NO_BINDINGS}
    with simulated(Agents(switch(), faults=faults)) as port:
        collector = SnmpCollector(settings(port, engine=engine), Env(SystemClock(), random.Random(1)))
        await collector.start()
        try:
            targets = [target(f"127.8.0.{n}") for n in range(1, 40)]
            found = await gather(collector, [*targets, target("127.8.0.40", Kind.CAMERA)])
        finally:
            await collector.stop()
    assert found.pop("127.8.0.40").reason is Reason.AUTH  # no credentials are for cameras
    assert found.pop("127.8.0.3").reason is Reason.TIMEOUT
    assert found.pop("127.8.0.4").reason in (Reason.PROTOCOL, Reason.TIMEOUT)
    for result in found.values():
        assert result.ok, result
        states = [reading for reading in result.readings if reading.metric == "interface.ifOperStatus"]
        assert [reading.value for reading in states] == [1, 1, 1]


async def test_the_second_poll_has_rates(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    agents = Agents(switch())
    with simulated(agents) as port:
        collector = SnmpCollector(settings(port), Env(clock, random.Random(1)))
        await collector.start()
        try:
            one = target("127.8.0.1")
            first = await gather(collector, [one])
            clock.advance(60_000)
            agents.default = switch(octets=1_750_000, ticks=106_000)
            second = await gather(collector, [one])
        finally:
            await collector.stop()
    assert "interface.in_bps" not in {reading.metric for reading in first[one.ip].readings}
    rates = [reading.value for reading in second[one.ip].readings if reading.metric == "interface.in_bps"]
    assert rates == [100_000.0] * 3


async def test_a_deadline_is_kept_even_for_the_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    with simulated(Agents(None)) as port:
        collector = SnmpCollector(settings(port, timeout="60s"), Env(SystemClock(), random.Random(1)))
        await collector.start()
        try:
            found = await gather(collector, [target("127.8.0.1")], within_s=0.1)
        finally:
            await collector.stop()
    assert found["127.8.0.1"].reason is Reason.TIMEOUT


async def test_a_caller_that_walks_away_leaves_nothing_behind() -> None:
    with simulated(Agents(switch(), faults={"127.8.0.2": Fault.SILENT})) as port:
        collector = SnmpCollector(settings(port, timeout="60s"), Env(SystemClock(), random.Random(1)))
        await collector.start()
        try:
            deadline = asyncio.get_running_loop().time() + 120
            batches = collector.collect([target("127.8.0.1"), target("127.8.0.2")], deadline)
            async for batch in batches:
                assert batch[0].device == "dev-127.8.0.1"
                break
            await batches.aclose()  # type: ignore[attr-defined]  # it is an async generator
            assert collector._engine.under_way == 0  # type: ignore[attr-defined]  # ours has it
        finally:
            await collector.stop()


async def test_a_poll_does_not_overtake_another_of_the_same_device() -> None:
    with simulated(Agents(switch())) as port:
        collector = SnmpCollector(settings(port), Env(SystemClock(), random.Random(1)))
        await collector.start()
        try:
            one = target("127.8.0.1")
            found = await asyncio.gather(*[gather(collector, [one]) for _ in range(4)])
        finally:
            await collector.stop()
    assert all(each["127.8.0.1"].ok for each in found)


async def test_a_profile_can_be_named_for_a_device() -> None:
    with simulated(Agents(switch())) as port:
        collector = SnmpCollector(settings(port), Env(SystemClock(), random.Random(1)))
        await collector.start()
        try:
            found = await gather(collector, [target("127.8.0.1", snmp_profile="ups")])
        finally:
            await collector.stop()
    assert {reading.metric for reading in found["127.8.0.1"].readings} == {
        "snmp.poll_ms",
        "snmp.uptime_s",
        "snmp.restarted",
    }


@pytest.fixture(scope="module")
def snmpd() -> object:
    with running_snmpd() as daemon:
        yield daemon


async def test_a_real_server_by_v2c_and_v3(snmpd: Snmpd) -> None:
    collector = SnmpCollector(settings(snmpd.port, timeout="20s"), Env(SystemClock(), random.Random(1)))
    await collector.start()
    try:
        plain = target("127.0.0.1", Kind.SERVER)
        secret = Target(Device(DeviceId("by-v3"), "x", Kind.SERVER, "x", vendor="v3"), "127.0.0.1")
        deadline = asyncio.get_running_loop().time() + 90
        results = [r async for batch in collector.collect([plain, secret], deadline) for r in batch]
    finally:
        await collector.stop()
    assert [result.reason for result in results] == [Reason.OK, Reason.OK]
    one, other = ({reading.metric for reading in result.readings} for result in results)
    assert one == other
    assert {"mem.used_percent", "system.load1", "snmp.uptime_s"} <= one


def test_walk_and_probe_at_the_command_line(snmpd: Snmpd, tmp_path: Path) -> None:
    run = CliRunner().invoke
    port = ["--port", str(snmpd.port)]
    walked = run(snmp, ["walk", "127.0.0.1", "1.3.6.1.2.1.1", *port])
    assert walked.exit_code == 0
    assert '1.3.6.1.2.1.1.5.0 = STRING: "camwatch-test"' in walked.output
    user = ["-v", "3", "--user", "sha1aes", "--auth", "sha1", "--auth-pass-env", "SNMP_AUTH"]
    user += ["--priv", "aes128", "--priv-pass-env", "SNMP_PRIV"]
    recorded = run(snmp, ["walk", "127.0.0.1", "1.3.6.1.2.1.1.5", "--record", *port, *user])
    assert recorded.output == "1.3.6.1.2.1.1.5.0|4|camwatch-test\n"
    probed = run(snmp, ["probe", "127.0.0.1", "--profiles", str(ETC / "snmp"), "--gap", "0.1", *port])
    assert probed.exit_code == 0
    assert "profile linux" in probed.output
    assert "mem.used_percent" in probed.output
    bad = run(
        snmp, ["walk", "127.0.0.1", "1.3.6.1.2.1.1", *port, "--timeout", "0.1", "-v", "3", "--user", "nobody"]
    )
    assert bad.exit_code == 1
    assert "does not know this user" in bad.output
    assert run(snmp, ["walk", "127.0.0.1", "1.3.x"]).exit_code == 2


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"version": "3", "community": {"env": "X"}}, "user table"),
        ({"version": "2c"}, "takes a community"),
        ({"version": "3", "user": {"user": "u", "auth": "sha1"}}, "auth and auth_pass go together"),
        (
            {"version": "3", "user": {"user": "u", "priv": "des", "priv_pass": {"env": "X"}}},
            "priv needs auth",
        ),
        ({"community": "public"}, "community"),
        ({"community": {"env": "X"}, "select": {"colour": "red"}}, 'no label "colour"'),
    ],
)
def test_bad_credentials_are_told_before_anything_is_sent(entry: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SnmpSettings.model_validate({"credentials": [entry]})
    assert words in str(caught.value)


def test_what_cannot_be_read_stops_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env = Env(ManualClock(), random.Random(1))
    monkeypatch.delenv("SNMP_AUTH")
    with pytest.raises(SecretError, match="SNMP_AUTH"):
        SnmpCollector(settings(161), env)
    (tmp_path / "bad.toml").write_text("title = 1")
    with pytest.raises(ProfileError, match=r"bad\.toml"):
        SnmpCollector(settings(161, profiles=[tmp_path]), env)


def test_the_shipped_rules_are_about_what_profiles_yield() -> None:
    known = {f"{m.measurement}.{m.field}": m for m in metrics.table(profiles.load(ETC / "snmp"))}
    rules = tomllib.loads((ETC / "rules.d" / "snmp.toml").read_text("utf-8"))["rule"]
    names = [rule_class(rule["type"]).Settings.model_validate(rule).name for rule in rules]
    assert len(set(names)) == len(names) > 20
    for rule in rules:
        assert known[rule["metric"]].type != "string", rule["metric"]


def test_a_device_of_the_inventory_is_probed_by_hand_as_the_daemon_asks_it(
    snmpd: Snmpd, tmp_path: Path
) -> None:
    config = tmp_path / "camwatch.toml"
    config.write_text(
        '[[device]]\nid = "srv-1"\nname = "Platform"\nkind = "server"\naddress = "127.0.0.1"\n'
        'checks = ["icmp", "snmp"]\ntags = { snmp_profile = "if-mib" }\n'
        '[[device]]\nid = "sw-1"\nname = "Gate"\nkind = "switch"\naddress = "127.0.0.2"\n'
        "[[checks.snmp.credentials]]\n"
        f'select = {{ kind = "server" }}\nport = {snmpd.port}\ncommunity = {{ env = "SNMP_COMMUNITY" }}\n'
    )

    def probe(host: str) -> ClickResult:
        return CliRunner().invoke(snmp, ["probe", host, "-c", str(config), "--gap", "0.1"])

    assert "profile if-mib" in probe("Platform").output
    assert probe("srv-1").exit_code == 0
    assert "no entry of checks.snmp.credentials is for sw-1" in probe("Gate").output
    assert '0 devices of the inventory are called "none"' in probe("none").output
