"""Looks every second whether we can see at all: our interface's carrier, and the reference addresses."""

from __future__ import annotations

import asyncio

from monitor.collectors.base import Collector
from monitor.core import Core
from monitor.model import Device, Result, Target
from monitor.sight import carrier, default_route, open_eyes, reference_devices
from monitor.uplink import Uplink

_EVERY_S = 1.0
_PATIENCE_S = 1.5


class Lookout:
    """One task of the daemon. What it finds out is kept in the core's ``uplink``."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._eyes: Collector | None = None
        self._interface = ""
        """Found out when the configuration is taken up: with a dead link the default route may go too."""
        self._references = self._wanted()

    async def start(self) -> None:
        self._eyes = await open_eyes(self._core.env)
        self._core.uplink.has_references = self._can_ask()
        self._take_up()

    async def stop(self) -> None:
        if self._eyes is not None:
            await self._eyes.stop()

    def configure(self) -> None:
        """The configuration has changed. What is known of our sight stays, unless it is now judged by other
        things."""
        core, before = self._core, [device.address for device in self._references]
        self._references = self._wanted()
        same = before == [device.address for device in self._references]
        if not same or core.uplink.settings != core.config.daemon.uplink:
            core.uplink = Uplink(core.config.daemon.uplink, has_references=self._can_ask())
        self._take_up()

    async def run(self) -> None:
        while True:
            judge = self._core.uplink
            results = await self._look()
            now = self._core.presence.now()
            self._core.uplink.observe_carrier(carrier(self._interface), now)
            if judge is self._core.uplink:  # else these are answers of other references
                self._core.pipeline.on_references(results, now)
            await asyncio.sleep(_EVERY_S)

    async def _look(self) -> list[Result]:
        addresses = ((device, self._core.resolver.ip(device.address)) for device in self._references)
        targets = [Target(device, ip) for device, ip in addresses if ip is not None]
        found: list[Result] = []
        if self._eyes is not None and targets:
            async for results in self._eyes.collect(targets, asyncio.get_running_loop().time() + _PATIENCE_S):
                found.extend(results)
        return found

    def _wanted(self) -> list[Device]:
        config = self._core.config
        return reference_devices(config.daemon.uplink.references, config.inventory.devices)

    def _can_ask(self) -> bool:
        return bool(self._references) and self._eyes is not None

    def _take_up(self) -> None:
        config = self._core.config
        self._interface = config.daemon.uplink.interface or default_route()[0]
        devices = (*config.inventory.devices.values(), *self._references)
        self._core.resolver.watch({device.address for device in devices})
