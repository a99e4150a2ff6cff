"""The ``snmp`` check: every device's profile, polled through one engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from monitor.collectors.base import CheckSettings, Env
from monitor.collectors.snmp import profiles
from monitor.collectors.snmp.agents import Agent, EngineSettings, SnmpEngine
from monitor.collectors.snmp.ber import BerError
from monitor.collectors.snmp.credentials import Credentials, CredentialSection
from monitor.collectors.snmp.engine import UdpEngine
from monitor.collectors.snmp.messages import SnmpError
from monitor.collectors.snmp.poll import Memory, Poll, poll
from monitor.collectors.snmp.ports import Ports
from monitor.collectors.snmp.talk import Talk
from monitor.collectors.snmp.topology import survey
from monitor.model import Device, DeviceId, Kind, MonoMs, Reading, Reason, Result, Target, WallMs
from monitor.settings import Duration, FiledSection

CHECK = "snmp"
PROFILE_TAG = "snmp_profile"
"""A device's tag that names its profile, where sysObjectID does not tell."""
_POLLS_AT_ONCE = 1
"""Of one device: a poll that overtook another would read its counters between the other's."""
_BATCH_S = 0.05
"""Results are handed on this often while they come in."""


class SnmpSettings(CheckSettings, FiledSection):
    """``[checks.snmp]``."""

    interval: Duration = 60.0
    retries: int = Field(default=2, ge=0, le=10)
    """How often an unanswered request is sent again, each time waiting twice as long."""
    window: int = Field(default=512, ge=1, le=65536)
    """Requests under way at once, over all devices."""
    max_rows: int = Field(default=20_000, ge=1)
    """Tables of more rows than this are given up."""
    bindings: int = Field(default=60, ge=1, le=1000)
    """Values asked for in one reply; fewer for agents that say tooBig."""
    refresh: Duration = 600.0
    """How often names of ports, and which objects a device has, are read anew."""
    survey: Duration = 3600.0
    """How often switches are asked what hangs on their ports."""
    camera_vlans: tuple[int, ...] = ()
    """VLANs in which every address should be a device of the inventory."""
    profiles: tuple[Path, ...] = (profiles.INSTALLED,)
    """Folders of profiles; a file of a later one replaces one of the same name."""
    engine: Literal["camwatch", "aiosnmp"] = "camwatch"
    """``aiosnmp`` speaks v2c only and is there to compare with."""
    credentials: tuple[CredentialSection, ...] = ()
    """The first whose ``select`` fits a device is used for it."""


def make_engine(settings: SnmpSettings, env: Env) -> SnmpEngine:
    chosen = EngineSettings(settings.timeout, settings.retries, 2.0, settings.window, _POLLS_AT_ONCE)
    if settings.engine == "aiosnmp":
        from monitor.collectors.snmp.aiosnmp_engine import AiosnmpEngine

        return AiosnmpEngine(chosen)
    return UdpEngine(chosen, env.random)


class SnmpCollector:
    Settings: ClassVar[type[CheckSettings]] = SnmpSettings

    def __init__(self, settings: CheckSettings, env: Env) -> None:
        """Raises ``ProfileError`` or ``SecretError``: a bad configuration never takes effect."""
        if not isinstance(settings, SnmpSettings):
            raise TypeError("the snmp collector takes SnmpSettings")
        self.settings = settings
        self.profiles = profiles.load(*settings.profiles)
        self._env = env
        self._credentials = Credentials(settings.credentials, env.random)
        self._agents: dict[DeviceId, tuple[Device, str, Agent, Memory]] = {}
        self.ports = Ports()
        self._surveyed: dict[DeviceId, MonoMs] = {}
        self._engine = make_engine(settings, env)

    def devices_changed(self, devices: Mapping[DeviceId, Device]) -> None:
        self.ports.devices_changed(devices)
        for gone in self._agents.keys() - devices.keys():
            del self._agents[gone]
            self._surveyed.pop(gone, None)

    async def start(self) -> None:
        await self._engine.start()

    async def stop(self) -> None:
        await self._engine.stop()
        self._agents.clear()

    async def collect(self, targets: Sequence[Target], deadline: float) -> AsyncIterator[list[Result]]:
        ready: list[Result] = []
        left = len(targets)
        news = asyncio.Event()
        under_way: dict[DeviceId, object] = {}

        def add(result: Result) -> None:
            nonlocal left
            left -= 1
            ready.append(result)
            if not left or len(ready) == 1:
                news.set()

        try:
            for target in targets:
                self._begin(target, deadline, under_way, add)
            while True:
                if left:
                    await news.wait()
                    if left:  # more will come in a moment: one batch of them
                        news.clear()
                        await asyncio.sleep(
                            min(_BATCH_S, max(0.0, deadline - asyncio.get_running_loop().time()))
                        )
                batch, ready = ready, []
                if batch:
                    yield batch
                if not left and not ready:
                    return
        finally:
            for conversation in under_way.values():
                self._engine.cancel(conversation)

    def _begin(
        self,
        target: Target,
        deadline: float,
        under_way: dict[DeviceId, object],
        add: Callable[[Result], None],
    ) -> None:
        id_ = target.device.id
        at = self._env.clock.now()
        known = self._known(target)
        if known is None:
            add(
                Result(
                    id_, CHECK, at.wall, Reason.AUTH, detail="no entry of checks.snmp.credentials is for it"
                )
            )
            return
        agent, memory = known

        def done(outcome: Poll | SnmpError) -> None:
            under_way.pop(id_, None)
            add(self._result(id_, at.wall, at.mono, outcome))

        talk = self._talk(target.device, agent, memory)
        under_way[id_] = None
        conversation = self._engine.run(agent, talk, done, deadline)
        if id_ in under_way:  # it may have ended at once
            under_way[id_] = conversation

    def _talk(self, device: Device, agent: Agent, memory: Memory) -> Talk[Poll]:
        """The poll, and when it is time the survey of what hangs on the switch."""
        out = yield from poll(
            memory, self.profiles, agent.limits, int(self.settings.refresh * 1000), self._mono
        )
        now = self._env.clock.now().mono
        last = self._surveyed.get(device.id)
        if device.kind is Kind.SWITCH and (last is None or now - last >= self.settings.survey * 1000):
            self._surveyed[device.id] = now
            try:
                found = yield from survey(agent.limits)
            except (SnmpError, BerError) as error:
                out.trouble = out.trouble or f"survey of ports: {error}"
            else:
                self.ports.surveyed(device.id, found, now)
                out.readings += self.ports.unknown_addresses(device.id, self.settings.camera_vlans)
        out.readings += self.ports.lost_links(device.id, out.readings)
        return out

    def _mono(self) -> int:
        return self._env.clock.now().mono

    def _result(self, id_: DeviceId, wall: WallMs, mono: int, outcome: Poll | SnmpError) -> Result:
        if isinstance(outcome, SnmpError):
            return Result(id_, CHECK, wall, outcome.reason, detail=outcome.detail[:200])
        readings = (Reading("snmp.poll_ms", float(self._mono() - mono)), *outcome.readings)
        return Result(id_, CHECK, wall, Reason.OK, readings, outcome.trouble[:200])

    def _known(self, target: Target) -> tuple[Agent, Memory] | None:
        """The device's agent; made anew when its record or address has changed."""
        device = target.device
        known = self._agents.get(device.id)
        if known is not None and known[0] == device and known[1] == target.ip:
            return known[2], known[3]
        found = self._credentials.session(device)
        if found is None:
            return None
        port, session = found
        agent = Agent(target.ip, port, session)
        agent.limits.bindings = self.settings.bindings
        agent.limits.max_rows = self.settings.max_rows
        memory = Memory(override=device.tags.get(PROFILE_TAG, ""))
        if known is not None and known[1] == target.ip and known[3].override == memory.override:
            memory = known[3]  # only its record changed, not the device: its counters go on
        self._agents[device.id] = (device, target.ip, agent, memory)
        return agent, memory
