"""Curing from afar: reboot a camera by ONVIF, or take its power away and give it back by its PoE port.

Off unless asked for; ``dry_run`` only writes down what would have been done. Whatever is done stays within
limits per device and in all, never happens inside maintenance, is in the ledger *before* it happens (a crash
cannot make it happen twice), and counts as a cure only when a key frame proves it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import StrEnum
from typing import Protocol

from pydantic import Field

from monitor.clock import Clock
from monitor.collectors.http1 import WireError
from monitor.model import Device, DeviceId, Target
from monitor.remedies.poe import PoeSettings
from monitor.remedies.steps import DAY_MS, UNFINISHED, Action, Remedied, Step
from monitor.select import DeviceSelector
from monitor.settings import Duration, Section

_HOUR_MS = 3_600_000


class Mode(StrEnum):
    OFF = "off"
    DRY_RUN = "dry_run"
    ON = "on"


class ActionSettings(Section):
    """What an alert that does not end by itself asks for. Several of one rule are taken in turn, each after
    its own time."""

    rule: str
    """The rule whose alerts ask for it."""
    action: Action
    """``reboot`` by ONVIF, with the account of ``[checks.onvif]``; or ``poe_cycle`` by SNMP, at the port that
    the device's tag ``poe_port`` names (``group.port``, as ``1.7``) of its first parent."""
    after: Duration = 600.0
    """How long the alert must have lasted."""
    match: DeviceSelector = Field(default_factory=DeviceSelector)
    """For which devices."""


class RemedySettings(Section):
    """Curing from afar. Each step is in the ledger, the request before it is sent; a device under maintenance
    is left alone; "repaired" is said once a key frame has come."""

    mode: Mode = Mode.OFF
    """``off``; ``dry_run`` writes down what would have been done; ``on``."""
    per_device_per_day: int = Field(default=1, ge=1)
    """How often one device may be treated within 24 hours."""
    all_per_hour: int = Field(default=10, ge=1)
    """How many may be treated within an hour."""
    settle: Duration = 60.0
    """How long a device is left alone after the request."""
    patience: Duration = 300.0
    """How long after that a key frame may take to come."""
    again: Duration = 15.0
    """Between two looks for it."""
    action: tuple[ActionSettings, ...] = ()
    """``[[remedies.action]]``"""
    poe: PoeSettings = PoeSettings()
    """``[remedies.poe]``"""


class Actor(Protocol):
    """Carries out one sort of action, once."""

    async def act(self, target: Target, rule: str) -> bool:
        """True when the device took it, False when nobody can tell (no answer). ``WireError`` when it
        certainly was not carried out. ``rule`` asked for it."""
        ...

    async def finish(self, target: Target) -> None:
        """Waits for what is left to do of an action that the last run began."""
        ...


Journal = Callable[[Remedied], Awaitable[None]]
"""Writes a step to the ledger; returns when it is durable."""
Proof = Callable[[Target], Awaitable[bool]]
"""Has the device shown a key frame just now?"""


class Remedies:
    def __init__(
        self,
        settings: RemedySettings,
        actors: Mapping[Action, Actor],
        proof: Proof,
        in_maintenance: Callable[[Device], bool],
        journal: Journal,
        clock: Clock,
        history: Iterable[Remedied] = (),
    ) -> None:
        self._settings = settings
        self._actors = actors
        self._proof = proof
        self._in_maintenance = in_maintenance
        self._journal = journal
        self._clock = clock
        self._asked = [(r.at, r.device) for r in history if r.step is Step.ASKED]
        """What counts against the limits. In a dry run what would have been done counts too."""
        self._under_way: set[DeviceId] = set()

    @property
    def mode(self) -> Mode:
        return self._settings.mode

    async def apply(self, target: Target, action: Action, rule: str) -> Step:
        """Tries to cure ``target``; returns the last step taken. ``rule`` is what asked for it."""
        device = target.device
        if self._settings.mode is Mode.OFF:
            return Step.HELD
        why = self.held(device, action)
        if why:
            return await self._note(device, action, Step.HELD, rule, why)
        if self._settings.mode is Mode.DRY_RUN:
            self._asked.append((self._clock.now().wall, device.id))
            return await self._note(device, action, Step.DRY_RUN, rule)
        self._under_way.add(device.id)
        try:
            return await self._carry_out(target, action, rule)
        finally:
            self._under_way.discard(device.id)

    def held(self, device: Device, action: Action) -> str:
        """Why nothing may be done now; empty when it may."""
        now, settings = self._clock.now().wall, self._settings
        self._asked = [(at, id_) for at, id_ in self._asked if at > now - DAY_MS]
        if action not in self._actors:
            return "this action is not configured"
        if device.id in self._under_way:
            return "a remedy of this device is under way"
        if self._in_maintenance(device):
            return "in maintenance"
        if sum(id_ == device.id for _, id_ in self._asked) >= settings.per_device_per_day:
            return f"the limit of {settings.per_device_per_day} per device and day is reached"
        if sum(at > now - _HOUR_MS for at, _ in self._asked) >= settings.all_per_hour:
            return f"the limit of {settings.all_per_hour} in all per hour is reached"
        return ""

    async def resume(self, last: Remedied, target: Target) -> Step:
        """Goes on with what the last run began, from ``last`` on; what was sent is not sent again."""
        device, settings = target.device, self._settings
        actor = self._actors.get(last.action)
        if actor is None:
            return await self._note(device, last.action, Step.NOT_CURED, last.rule, "not configured any more")
        self._under_way.add(device.id)
        try:
            await actor.finish(target)
            if last.step in UNFINISHED:
                await self._note(device, last.action, Step.UNSURE, last.rule, "we were restarted meanwhile")
            late_ms = self._clock.now().wall - last.at - (settings.settle + settings.patience) * 1000
            if late_ms > 0 and last.action is not Action.POE_CYCLE:
                return await self._note(device, last.action, Step.NOT_CURED, last.rule, "nobody was watching")
            return await self._prove(target, last.action, last.rule)
        finally:
            self._under_way.discard(device.id)

    async def _carry_out(self, target: Target, action: Action, rule: str) -> Step:
        device = target.device
        self._asked.append((self._clock.now().wall, device.id))
        await self._note(device, action, Step.ASKED, rule)
        try:
            taken = await self._actors[action].act(target, rule)
        except WireError as error:
            return await self._note(device, action, Step.REFUSED, rule, error.detail)
        await self._note(device, action, Step.ACCEPTED if taken else Step.UNSURE, rule)
        return await self._prove(target, action, rule)

    async def _prove(self, target: Target, action: Action, rule: str) -> Step:
        device, settings = target.device, self._settings
        await asyncio.sleep(settings.settle)
        loop = asyncio.get_running_loop()
        until = loop.time() + settings.patience
        while True:
            if await self._proof(target):
                return await self._note(device, action, Step.CURED, rule, f"repaired by {action.value}")
            if loop.time() >= until:
                return await self._note(device, action, Step.NOT_CURED, rule, "no key frame came")
            await asyncio.sleep(settings.again)

    async def _note(self, device: Device, action: Action, step: Step, rule: str, detail: str = "") -> Step:
        await self._journal(Remedied(device.id, self._clock.now().wall, action, step, rule, detail))
        return step
