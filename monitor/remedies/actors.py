"""How remedies are carried out on the wire: each exactly once, whatever happens to the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import aiosnmp
from aiosnmp.exceptions import SnmpException

from monitor.collectors.base import Collector, Env
from monitor.collectors.credentials import Credential
from monitor.collectors.http1 import WireError
from monitor.collectors.onvif import soap
from monitor.collectors.onvif.login import log_in
from monitor.collectors.onvif.talk import Endpoint, Memory, Talk
from monitor.model import Device, Reason, Target
from monitor.secrets import Secret

_MAX_ANSWER = 64 * 1024
_POWER = "1.3.6.1.2.1.105.1.1.1.3"
"""pethPsePortAdminEnable (POWER-ETHERNET-MIB, RFC 3621): 1 on, 2 off; index is group and port."""
_ON, _OFF = 1, 2
_TRIES_ON = 5


@dataclass(frozen=True, slots=True)
class OnvifReboot:
    """SystemReboot (ONVIF Core 5.1, section 8.3.8): one request on a fresh connection, never repeated."""

    credential_of: Callable[[Device], Credential | None]
    endpoint_of: Callable[[Device], Endpoint]
    env: Env
    timeout_s: float = 10.0

    async def act(self, target: Target) -> bool:
        deadline = asyncio.get_running_loop().time() + self.timeout_s
        account = self.credential_of(target.device)
        talk = Talk(
            target.ip,
            self.endpoint_of(target.device),
            deadline,
            _MAX_ANSWER,
            Memory(),
            account,
            self.env.clock,
            self.env.random,
        )
        try:
            # Harmless questions first: they find out clock, log-in and nonce, so that the one is right.
            await talk.measure_clock()
            await log_in(talk, account, target.device.id, deadline)
            try:
                await talk.ask(soap.SYSTEM_REBOOT)
            except WireError as error:
                # Heard or not, nobody knows: only a plain refusal is certain.
                if error.reason in (Reason.TIMEOUT, Reason.PROTOCOL, Reason.OVERSIZE):
                    return False
                raise
            return True
        finally:
            talk.close()


@dataclass(frozen=True, slots=True)
class PoePort:
    """Where a device gets its power from."""

    switch: str
    """The switch's address."""
    port: str
    """``group.port``, as in POWER-ETHERNET-MIB."""


@dataclass(frozen=True, slots=True)
class PoeCycle:
    """Takes the power of a device's port away for a while and gives it back, by SNMP v2c SET."""

    port_of: Callable[[Device], PoePort | None]
    community: Secret
    """One that may write."""
    off_s: float = 8.0
    timeout_s: float = 3.0
    udp_port: int = 161

    async def act(self, target: Target) -> bool:
        port = self.port_of(target.device)
        if port is None:
            raise WireError(Reason.UNEXPECTED, "the book names no PoE port for it (tag poe_port)")
        if not await self._set(port, _OFF):
            raise WireError(Reason.TIMEOUT, "the switch did not take the power away")
        on = False
        try:
            await asyncio.sleep(self.off_s)
        finally:
            # Giving power back does no harm twice, and a port that is left dark does: also when cancelled.
            on = await asyncio.shield(asyncio.ensure_future(self._power_back(port)))
        if not on:
            raise WireError(Reason.TIMEOUT, "the switch did not give the power back: the port is dark")
        return True

    async def _power_back(self, port: PoePort) -> bool:
        for _ in range(_TRIES_ON):
            if await self._set(port, _ON):
                return True
            await asyncio.sleep(1)
        return False

    async def _set(self, port: PoePort, value: int) -> bool:
        with suppress(SnmpException, OSError, TimeoutError):
            async with aiosnmp.Snmp(
                host=port.switch,
                port=self.udp_port,
                community=self.community.reveal(),
                timeout=self.timeout_s,
                retries=1,
            ) as snmp:
                done = await snmp.set([(f"{_POWER}.{port.port}", value)])
                return bool(done) and done[0].value == value
        return False


async def shows_key_frame(rtsp: Collector, target: Target, within_s: float) -> bool:
    """The proof of a cure: the ``rtsp`` check holds now."""
    deadline = asyncio.get_running_loop().time() + within_s
    ok = False
    async for batch in rtsp.collect([target], deadline):
        ok = any(result.ok for result in batch)
    return ok
