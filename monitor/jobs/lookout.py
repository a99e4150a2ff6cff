"""Looks every second whether we can see at all: our interface's carrier, and the reference addresses."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from monitor.collectors.base import Collector, Env
from monitor.model import Device, Result, Target
from monitor.sight import carrier, default_route, open_eyes, reference_devices
from monitor.uplink import Uplink

if TYPE_CHECKING:
    from monitor.daemon import Daemon

_EVERY_S = 1.0
_PATIENCE_S = 1.5


class Lookout:
    """One task of the daemon, and the holder of what is known of our sight (``uplink``)."""

    def __init__(self, daemon: Daemon, env: Env) -> None:
        self._daemon = daemon
        self._env = env
        self._eyes: Collector | None = None
        self._interface = ""
        """Found out when the configuration is taken up: with a dead link the default route may go too."""
        self._references = self._wanted()
        self.uplink = self._unknowing()

    async def start(self) -> None:
        self._eyes = await open_eyes(self._env)
        self.uplink.has_references = self._can_ask()
        self._take_up()

    async def stop(self) -> None:
        if self._eyes is not None:
            await self._eyes.stop()

    def configure(self) -> None:
        """The configuration has changed. What is known of our sight stays, unless it is now judged by other
        things."""
        before = [device.address for device in self._references]
        self._references = self._wanted()
        same = before == [device.address for device in self._references]
        if not same or self.uplink.settings != self._daemon.config.daemon.uplink:
            self.uplink = self._unknowing()
        self._take_up()

    async def run(self) -> None:
        while True:
            judge = self.uplink
            results = await self._look()
            now = self._daemon.presence.now()
            self.uplink.observe_carrier(carrier(self._interface), now)
            if judge is self.uplink:  # else these are answers of other references
                self._daemon.pipeline.on_references(results, now)
            await asyncio.sleep(_EVERY_S)

    async def _look(self) -> list[Result]:
        addresses = ((device, self._daemon.resolver.ip(device.address)) for device in self._references)
        targets = [Target(device, ip) for device, ip in addresses if ip is not None]
        found: list[Result] = []
        if self._eyes is not None and targets:
            async for results in self._eyes.collect(targets, asyncio.get_running_loop().time() + _PATIENCE_S):
                found.extend(results)
        return found

    def _wanted(self) -> list[Device]:
        config = self._daemon.config
        return reference_devices(config.daemon.uplink.references, config.inventory.devices)

    def _unknowing(self) -> Uplink:
        return Uplink(self._daemon.config.daemon.uplink, has_references=self._can_ask())

    def _can_ask(self) -> bool:
        return bool(self._references) and self._eyes is not None

    def _take_up(self) -> None:
        config = self._daemon.config
        self._interface = config.daemon.uplink.interface or default_route()[0]
        devices = (*config.inventory.devices.values(), *self._references)
        self._daemon.resolver.watch({device.address for device in devices})
