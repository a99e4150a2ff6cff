"""The demo's switches that answer SNMP: ports with traffic, power over Ethernet, and the cameras on them."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address

from monitor.collectors.snmp import ber
from monitor.model import Device
from monitor.simulate import snmp_agents
from monitor.simulate.snmprec import Walk, encode_unsigned, encode_value

COMMUNITY_VARIABLE = "CAMWATCH_DEMO_COMMUNITY"
BUDGET_W = 370
_WATTS = 6
"""What a camera takes."""
_PORTS = 52
_UPLINK = 52
_VLAN = 20
_IF, _IF_X = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
_POE = "1.3.6.1.2.1.105.1"
_POE_WATTS = "1.3.6.1.4.1.25506.2.14.1.1.5.1"
"""Of H3C, in milliwatts."""

_CONFIG = """
[checks.snmp]
interval = "3s"
timeout = "1s"
camera_vlans = [{vlan}]
[[checks.snmp.credentials]]
port = {port}
community = {{ env = "{variable}" }}

[[rule]]
name = "poe-budget"
type = "threshold"
metric = "poe.used_percent"
above = 90
severity = "major"

[[rule]]
name = "port-down"
type = "threshold"
metric = "interface.link_lost"
above = 0
"""


class SpeakingSwitches:
    """``start`` first; ``config`` is then what the daemon needs to ask them."""

    def __init__(self, devices: Sequence[Device], fleet: Sequence[Device], check: str) -> None:
        """``fleet``: where their cameras are; ``check``: what all devices are checked by."""
        self.devices = [replace(d, checks=(check, "snmp"), liveness=(check,)) for d in devices]
        self.community = secrets.token_hex(8)
        self._behind = {d.id: [c for c in fleet if d.id in c.parents] for d in devices}
        self._walks = {d.address: switch(d, self._behind[d.id]) for d in devices}
        self._agents = snmp_agents.Agents(
            None, dict(self._walks), community=self.community.encode(), counters_per_s=2_000_000
        )
        self._socket: socket.socket | None = None

    async def start(self) -> None:
        self._agents.started = time.monotonic()
        self._socket = snmp_agents.open_socket()
        asyncio.get_running_loop().add_reader(self._socket, snmp_agents.answer, self._socket, self._agents)

    async def stop(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    @property
    def config(self) -> str:
        port = 0 if self._socket is None else self._socket.getsockname()[1]
        return _CONFIG.format(port=port, variable=COMMUNITY_VARIABLE, vlan=_VLAN)

    @property
    def cameras(self) -> int:
        """How many hang on their ports."""
        return sum(map(len, self._behind.values()))

    def draw(self, device: Device, watts: int) -> None:
        """The switch gives so much power to what hangs on it."""
        found = {ber.oid(f"{_POE}.3.1.1.4.1"): encode_unsigned(ber.GAUGE32, watts)}
        self._change({device.address: self._walks[device.address].changed(found)})

    def mend(self) -> None:
        self._change(self._walks)

    def _change(self, walks: dict[str, Walk]) -> None:
        # Answers are kept by the octets of the question: others need another set of agents.
        old = self._agents
        fresh = snmp_agents.Agents(
            None, {**old.walks, **walks}, community=old.community, counters_per_s=old.counters_per_s
        )
        fresh.started = old.started
        self._agents = fresh
        if self._socket is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket)
            loop.add_reader(self._socket, snmp_agents.answer, self._socket, fresh)


def switch(device: Device, cameras: Sequence[Device]) -> Walk:
    """A PoE switch with its cameras on the first ports: what IF-MIB, POWER-ETHERNET-MIB, Q-BRIDGE-MIB and
    the ARP table have of it."""
    values: dict[str, bytes] = {
        "1.3.6.1.2.1.1.1.0": _text("Demo switch"),
        "1.3.6.1.2.1.1.2.0": encode_value(ber.OID, "1.3.6.1.4.1.25506.1.1", False),
        "1.3.6.1.2.1.1.3.0": encode_unsigned(ber.TIME_TICKS, 86_400_00),
        "1.3.6.1.2.1.1.5.0": _text(device.name),
        f"{_POE}.3.1.1.2.1": encode_unsigned(ber.GAUGE32, BUDGET_W),
        f"{_POE}.3.1.1.3.1": ber.encode_integer(1),
        f"{_POE}.3.1.1.4.1": encode_unsigned(ber.GAUGE32, _WATTS * len(cameras)),
    }
    for port in range(1, _PORTS + 1):
        camera = cameras[port - 1] if port <= min(len(cameras), _UPLINK - 1) else None
        up = camera is not None or port == _UPLINK
        values |= {
            f"{_IF}.2.{port}": _text(f"GigabitEthernet1/0/{port}"),
            f"{_IF}.3.{port}": ber.encode_integer(6),
            f"{_IF}.6.{port}": ber.tlv(ber.OCTETS, _mac(device)),
            f"{_IF}.7.{port}": ber.encode_integer(1),
            f"{_IF}.8.{port}": ber.encode_integer(1 if up else 2),
            f"{_IF}.14.{port}": encode_unsigned(ber.COUNTER32, 0),
            f"{_IF_X}.6.{port}": encode_unsigned(ber.COUNTER64, port * 10_000_000),
            f"{_IF_X}.7.{port}": encode_unsigned(ber.COUNTER64, port * 10_000),
            f"{_IF_X}.10.{port}": encode_unsigned(ber.COUNTER64, port * 1_000_000),
            f"{_IF_X}.15.{port}": encode_unsigned(ber.GAUGE32, 1000),
            f"{_IF_X}.18.{port}": _text(camera.name if camera is not None else ""),
            f"1.3.6.1.2.1.17.1.4.1.2.{port}": ber.encode_integer(port),
        }
        if camera is not None:
            mac = ".".join(map(str, _mac(camera)))
            values |= {
                f"{_POE}.1.1.3.1.{port}": ber.encode_integer(1),
                f"{_POE}.1.1.6.1.{port}": ber.encode_integer(3),
                f"{_POE_WATTS}.{port}": ber.encode_integer(_WATTS * 1000),
                f"1.3.6.1.2.1.17.7.1.2.2.1.2.{_VLAN}.{mac}": ber.encode_integer(port),
                f"1.3.6.1.2.1.17.7.1.2.2.1.3.{_VLAN}.{mac}": ber.encode_integer(3),
                f"1.3.6.1.2.1.4.22.1.2.{_VLAN}.{camera.address}": ber.tlv(ber.OCTETS, _mac(camera)),
            }
    return Walk.of({ber.oid(name): tlv for name, tlv in values.items()})


def _mac(device: Device) -> bytes:
    """A locally administered one, of its address."""
    return b"\x02\x00" + IPv4Address(device.address).packed


def _text(words: str) -> bytes:
    return encode_value(ber.OCTETS, words, False)
