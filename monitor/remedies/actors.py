"""How remedies are carried out on the wire: each exactly once, whatever happens to the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from monitor.collectors.base import Collector, Env
from monitor.collectors.credentials import Credential
from monitor.collectors.http1 import WireError
from monitor.collectors.onvif import soap
from monitor.collectors.onvif.login import log_in
from monitor.collectors.onvif.talk import Endpoint, Memory, Talk
from monitor.model import Device, Reason, Target
from monitor.remedies.poe import PoePort
from monitor.remedies.ports import Ports

_MAX_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True)
class OnvifReboot:
    """SystemReboot (ONVIF Core 5.1, section 8.3.8): one request on a fresh connection, never repeated."""

    credential_of: Callable[[Device], Credential | None]
    endpoint_of: Callable[[Device], Endpoint]
    env: Env
    timeout_s: float = 10.0

    async def act(self, target: Target, rule: str) -> bool:
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

    async def finish(self, target: Target) -> None:
        """Nothing is left to do: the request was sent, or it never will be."""


@dataclass(frozen=True, slots=True)
class PoeCycle:
    """Takes the power of a device's port away for a while and gives it back."""

    port_of: Callable[[Device], PoePort | None]
    ports: Ports
    off_s: float = 8.0

    async def act(self, target: Target, rule: str) -> bool:
        device = target.device
        port = self.port_of(device)
        if port is None:
            raise WireError(Reason.UNEXPECTED, "the book names no PoE port for it (tag poe_port)")
        taken = await self.ports.take_away(port, device.id, rule)
        try:
            if taken:
                await asyncio.sleep(self.off_s)
        finally:
            self.ports.give_back(port)
        await self.ports.lit(device.id)
        return taken

    async def finish(self, target: Target) -> None:
        await self.ports.lit(target.device.id)


async def shows_key_frame(rtsp: Collector, target: Target, within_s: float) -> bool:
    """The proof of a cure: the ``rtsp`` check holds now."""
    deadline = asyncio.get_running_loop().time() + within_s
    ok = False
    async for batch in rtsp.collect([target], deadline):
        ok = any(result.ok for result in batch)
    return ok
