"""One port of a PoE switch over SNMP: does it give power, and let it (POWER-ETHERNET-MIB, RFC 3621)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Self, TypeVar

from pydantic import Field, model_validator

from monitor.collectors.snmp import ber, usm
from monitor.collectors.snmp.agents import Agent, EngineSettings
from monitor.collectors.snmp.credentials import UserSection
from monitor.collectors.snmp.engine import UdpEngine
from monitor.collectors.snmp.messages import Community, SnmpError, Version, get
from monitor.collectors.snmp.setting import set_integer
from monitor.collectors.snmp.talk import Talk, get_all
from monitor.model import Reason
from monitor.secrets import SecretRef
from monitor.settings import Duration, Section

T = TypeVar("T")

_ADMIN_ENABLE = "1.3.6.1.2.1.105.1.1.1.3"
"""pethPsePortAdminEnable, a TruthValue; its index is group and port."""
_ON, _OFF = 1, 2
_REPETITIONS = 2
"""Of a question; orders are sent once."""
_TURNS = 4
"""One question takes so many time-outs at most, v3's discovery included."""


class PoeSettings(Section):
    """How switches are asked to take power away and give it back."""

    community: SecretRef | None = None
    """An SNMP v2c community that may write."""
    user: UserSection | None = None
    """Or a v3 user that may write, as in ``[[checks.snmp.credentials]]``."""
    off: Duration = 8.0
    """How long the power is away."""
    timeout: Duration = 3.0
    """How long a switch may take to answer."""
    port: int = Field(default=161, ge=1, le=65535)

    @model_validator(mode="after")
    def _one_account(self) -> Self:
        if self.community is not None and self.user is not None:
            raise ValueError("takes a community or a user, not both")
        return self

    @property
    def has_account(self) -> bool:
        return self.community is not None or self.user is not None


@dataclass(frozen=True, slots=True)
class PoePort:
    """Where a device gets its power from."""

    switch: str
    """The switch's address."""
    port: str
    """``group.port``, as in POWER-ETHERNET-MIB."""

    def __str__(self) -> str:
        return f"{self.switch} port {self.port}"


class PortAgent:
    """The switch as the one port is seen. Raises ``SnmpError``; ``SecretError`` when it is made."""

    def __init__(self, port: PoePort, settings: PoeSettings, rng: random.Random) -> None:
        self._name = ber.oid(f"{_ADMIN_ENABLE}.{port.port}")
        self._agent = Agent(port.switch, settings.port, _session(settings, rng))
        self._timeout_s = settings.timeout
        self._random = rng

    async def powered(self) -> bool:
        """Is the port meant to give power?"""
        reply = await self._ask(_REPETITIONS, get_all(get(self._name)))
        value = reply.value(0)
        if value not in (_ON, _OFF):
            raise SnmpError(Reason.UNEXPECTED, "the switch has no such PoE port")
        return value == _ON

    async def switch(self, *, on: bool) -> None:
        """Sent once. ``SetRefused`` when it certainly was not done."""
        await self._ask(0, set_integer(self._name, _ON if on else _OFF))

    async def _ask(self, retries: int, talk: Talk[T]) -> T:
        engine = UdpEngine(EngineSettings(self._timeout_s, retries, backoff=1.0), self._random)
        await engine.start()
        try:
            return await engine.ask(self._agent, talk, _TURNS * self._timeout_s)
        finally:
            await engine.stop()


def _session(settings: PoeSettings, rng: random.Random) -> Community | usm.Session:
    if settings.user is not None:
        return usm.Session(settings.user.read_user(), rng.getrandbits(64))
    if settings.community is not None:
        return Community(Version.V2C, settings.community.read())
    raise SnmpError(Reason.AUTH, "[remedies.poe] names no account that may write")
