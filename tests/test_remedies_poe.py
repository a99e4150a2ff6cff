"""Cycling a port's power: one order to take it away, and as many as it takes to give it back."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from monitor.clock import ManualClock
from monitor.collectors.http1 import WireError
from monitor.collectors.snmp import ber
from monitor.collectors.snmp.messages import Community, ErrorStatus, SnmpError, Version, get
from monitor.collectors.snmp.setting import SetRefused, set_integer
from monitor.collectors.snmp.talk import get_all
from monitor.model import DeviceId
from monitor.remedies import ports as ports_module
from monitor.remedies.actors import PoeCycle
from monitor.remedies.poe import PoePort, PoeSettings, PortAgent
from monitor.remedies.ports import DarkPort, PortLit, Ports, dark_ports
from monitor.remedies.steps import Remedied, Step
from monitor.secrets import Secret
from monitor.storage.ledger.records import Record
from monitor.storage.ledger.schema import migrate
from monitor.storage.ledger.writer import commit, connect
from tests.addresses import free_port
from tests.camera_support import target
from tests.poe_support import READ, WRITE, port_name, switches
from tests.snmp_support import PATIENT, QUICK, Proxy, agent_at, engine

SWITCH = "127.33.0.1"
ONE = PoePort(SWITCH, "1.1")
CAMERA = DeviceId("10.0.0.1")


class Keeper:
    """Ports, what they wrote down, and what people were told."""

    def __init__(self, folder: Path, port: int, community: str = WRITE, timeout: str = "20s") -> None:
        secret = folder / "community"
        secret.write_text(community)
        self.settings = PoeSettings.model_validate(
            {"community": {"file": str(secret)}, "timeout": timeout, "port": port}
        )
        self.records: list[Record] = []
        self.told: list[str] = []
        self.ports = self.anew()

    def anew(self) -> Ports:
        """As after a restart."""
        tell = lambda dark, why: self.told.append(why)  # noqa: E731 - named for its argument
        return Ports(lambda: self.settings, self._journal, tell, ManualClock(), random.Random(3))

    async def _journal(self, *records: Record) -> None:
        self.records += records

    @property
    def steps(self) -> list[Step]:
        return [record.step for record in self.records if isinstance(record, Remedied)]

    @property
    def owed(self) -> set[PoePort]:
        owed: set[PoePort] = set()
        for record in self.records:
            if isinstance(record, DarkPort):
                owed.add(record.port)
            elif isinstance(record, PortLit):
                owed.discard(record.port)
        return owed

    def cycle(self, off_s: float = 0.0) -> PoeCycle:
        return PoeCycle(lambda device: ONE, self.ports, off_s)


async def until(good: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not good():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("community", "name", "value", "status"),
    [
        (WRITE, port_name("1.1"), 2, None),
        (READ, port_name("1.1"), 2, "noAccess"),
        (WRITE, port_name("1.9"), 2, "noCreation"),
        (WRITE, port_name("1.1"), 3, "wrongValue"),
        (WRITE, ber.oid("1.3.6.1.2.1.1.5.0"), 2, "notWritable"),
        ("nobody", port_name("1.1"), 2, "no answer"),
    ],
)
async def test_a_simulated_switch_takes_this_order_from_this_account_only(
    community: str, name: bytes, value: int, status: str | None
) -> None:
    with switches(SWITCH) as sim:
        async with engine(QUICK if status == "no answer" else PATIENT) as ours:
            agent = agent_at(sim.port, Community(Version.V2C, Secret(community)), SWITCH)
            if status is None:
                await ours.ask(agent, set_integer(name, value), 60.0)
            else:
                with pytest.raises(SnmpError, match=status) as failed:
                    await ours.ask(agent, set_integer(name, value), 60.0)
                assert isinstance(failed.value, SetRefused) is (status != "no answer")
            reader = agent_at(sim.port, Community(Version.V2C, Secret(READ)), SWITCH)
            reply = await ours.ask(reader, get_all(get(port_name("1.1"))), 60.0)
            assert reply.value(0) == (2 if status is None else 1)
        assert sim.orders == ([("1.1", False)] if status is None else [])


async def test_a_cycle_is_one_order_off_and_one_on_and_in_the_ledger_first(tmp_path: Path) -> None:
    with switches(SWITCH) as sim:
        keeper = Keeper(tmp_path, sim.port)
        sim.writes.on_set = lambda done: owed.append(set(keeper.owed))
        owed: list[set[PoePort]] = []
        assert await keeper.cycle().act(target(CAMERA), "r")
        assert sim.orders == [("1.1", False), ("1.1", True)]
        assert owed == [{ONE}, {ONE}]
        assert (keeper.owed, keeper.steps, keeper.told[-1]) == (set(), [Step.POWER_OFF, Step.POWER_ON], "")


@pytest.mark.parametrize("status", [ErrorStatus.NO_ACCESS, ErrorStatus.AUTHORIZATION_ERROR])
async def test_an_order_that_is_refused_leaves_nothing_to_mend(tmp_path: Path, status: ErrorStatus) -> None:
    with switches(SWITCH) as sim:
        keeper = Keeper(tmp_path, sim.port)
        sim.writes.refuse = status
        with pytest.raises(WireError, match="the agent refuses to set it"):
            await keeper.cycle().act(target(CAMERA), "r")
        await keeper.ports.stop()
        assert (sim.writes.asked, sim.orders, keeper.owed) == (1, [], set())


async def test_no_order_is_given_to_a_switch_that_does_not_answer_or_a_port_that_is_off(
    tmp_path: Path,
) -> None:
    with switches(SWITCH) as sim:
        wrong = Keeper(tmp_path, sim.port, "nobody", timeout="200ms")
        with pytest.raises(WireError, match="no answer"):
            await wrong.cycle().act(target(CAMERA), "r")
        keeper = Keeper(tmp_path, sim.port)
        await PortAgent(ONE, keeper.settings, random.Random(1)).switch(on=False)
        with pytest.raises(WireError, match="by somebody else"):
            await keeper.cycle().act(target(CAMERA), "r")
        missing = PoeCycle(lambda device: PoePort(SWITCH, "1.9"), keeper.ports)
        with pytest.raises(WireError, match="no such PoE port"):
            await missing.act(target(CAMERA), "r")
        nowhere = PoeCycle(lambda device: None, keeper.ports)
        with pytest.raises(WireError, match="names no PoE port"):
            await nowhere.act(target(CAMERA), "r")
        assert (sim.orders, wrong.steps, keeper.steps) == ([("1.1", False)], [], [])


async def test_an_order_whose_answer_is_lost_is_not_repeated_and_the_power_comes_back(tmp_path: Path) -> None:
    with switches("127.0.0.1") as sim:
        proxy = Proxy(("127.0.0.1", sim.port))
        proxy.meddle = lambda reply: [] if len(sim.orders) == 1 else [reply]
        with proxy.running() as port:
            keeper = Keeper(tmp_path, port, timeout="1s")
            cycle = PoeCycle(lambda device: PoePort("127.0.0.1", "1.1"), keeper.ports)
            assert await cycle.act(target(CAMERA), "r") is False
        assert sim.orders == [("1.1", False), ("1.1", True)]
        assert keeper.owed == set()


async def test_a_switch_that_dies_in_between_is_asked_until_it_is_back_and_people_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports_module, "_PAUSE_S", 0.05)
    with switches(SWITCH) as sim:
        keeper = Keeper(tmp_path, sim.port)
        sim.writes.on_set = lambda done: None if done.on else asyncio.get_running_loop().call_soon(sim.die)
        cycle = asyncio.create_task(keeper.cycle(0.1).act(target(CAMERA), "r"))
        await until(lambda: bool(keeper.told))
        assert (keeper.told[0] != "", cycle.done(), keeper.owed) == (True, False, {ONE})
        sim.live()
        assert await cycle
        assert sim.orders == [("1.1", False), ("1.1", True)]
        assert (keeper.told[-1], keeper.owed) == ("", set())


async def test_being_stopped_in_between_gives_the_power_back_at_once(tmp_path: Path) -> None:
    with switches(SWITCH) as sim:
        keeper = Keeper(tmp_path, sim.port)
        cycle = asyncio.create_task(keeper.cycle(3600.0).act(target(CAMERA), "r"))
        await until(lambda: sim.orders != [])
        cycle.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cycle
        await keeper.ports.stop()
        assert sim.orders == [("1.1", False), ("1.1", True)]
        assert keeper.owed == set()


async def test_a_port_that_the_last_run_left_dark_gets_its_power_from_the_next(tmp_path: Path) -> None:
    db = connect(tmp_path / "ledger.db")
    migrate(db)
    with switches(SWITCH) as sim:
        killed = Keeper(tmp_path, sim.port)
        assert await killed.ports.take_away(ONE, CAMERA, "r")
        commit(db, killed.records)
        (left,) = dark_ports(db)
        assert (left.port, left.device, left.rule) == (ONE, CAMERA, "r")
        # The account has been taken out of the configuration: people are told, until it is there again.
        next_run = Keeper(tmp_path, sim.port)
        account, next_run.settings = next_run.settings, PoeSettings()
        next_run.ports.take_up([left])
        await until(lambda: bool(next_run.told))
        assert "names no account" in next_run.told[0]
        next_run.settings = account
        await next_run.ports.lit(CAMERA)
        commit(db, next_run.records)
        assert sim.orders == [("1.1", False), ("1.1", True)]
        assert (dark_ports(db), next_run.told[-1]) == ([], "")
    db.close()


SNMPD = """\
rwcommunity secret 127.0.0.1
createUser writer SHA-256 "auth pass 1" AES "priv pass 1"
rwuser writer priv
override -rw .1.3.6.1.2.1.105.1.1.1.3.1.7 integer 1
agentaddress udp:127.0.0.1:{port}
"""


@pytest.fixture
def real_switch(tmp_path: Path) -> Iterator[int]:
    """A real agent whose port 7 may be written: Net-SNMP's, with the object put in by ``override``."""
    if shutil.which("snmpd", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("needs the Debian package snmpd")
    port, config = free_port(), tmp_path / "snmpd.conf"
    config.write_text(SNMPD.format(port=port))
    files = ["-c", str(config), "-p", str(tmp_path / "pid"), "-Lf", str(tmp_path / "log")]
    environment = {"PATH": "/usr/sbin:/usr/bin", "SNMP_PERSISTENT_DIR": str(tmp_path)}
    with subprocess.Popen(["snmpd", "-f", "-C", *files], env=environment) as process:
        yield port
        process.kill()


@pytest.mark.parametrize("version", ["2c", "3"])
async def test_a_real_agent_takes_the_orders_of_either_version(
    real_switch: int, tmp_path: Path, version: str
) -> None:
    for name, text in (("c", "secret"), ("a", "auth pass 1"), ("p", "priv pass 1")):
        (tmp_path / name).write_text(text)
    user = {
        "user": "writer",
        "auth": "sha256",
        "auth_pass": {"file": str(tmp_path / "a")},
        "priv": "aes128",
        "priv_pass": {"file": str(tmp_path / "p")},
    }
    account = {"community": {"file": str(tmp_path / "c")}} if version == "2c" else {"user": user}
    settings = PoeSettings.model_validate({**account, "timeout": "10s", "port": real_switch})
    seven = PortAgent(PoePort("127.0.0.1", "1.7"), settings, random.Random(5))

    async def up() -> bool:
        try:
            return await seven.powered()
        except SnmpError:
            return False

    async with asyncio.timeout(60):
        while not await up():  # the agent needs a moment to open its port
            await asyncio.sleep(0.1)
    await seven.switch(on=False)
    assert not await seven.powered()
    await seven.switch(on=True)
    assert await seven.powered()
    eight = PortAgent(PoePort("127.0.0.1", "1.8"), settings, random.Random(5))
    with pytest.raises(SetRefused, match=r"notWritable|noCreation|noAccess"):
        await eight.switch(on=True)
