"""``camwatch reload`` and SIGHUP: the changed configuration is read, checked as a whole, then swapped in."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

import structlog

from monitor.config import Config, ConfigError, load
from monitor.config.changes import Changes, changes
from monitor.control.wire import ControlError
from monitor.core import Core
from monitor.deliveries import open_channels
from monitor.jobs.lookout import Lookout
from monitor.jobs.traps import Traps
from monitor.memory import settle
from monitor.secrets import SecretError
from monitor.service.notify import Notifier

log = structlog.get_logger(room="reload")


class Reloader:
    """One reload at a time."""

    def __init__(self, core: Core, lookout: Lookout, traps: Traps, notifier: Notifier) -> None:
        self._core = core
        self._lookout = lookout
        self._traps = traps
        self._notifier = notifier
        self._one_at_a_time = asyncio.Lock()

    async def command(self, arguments: dict[str, Any]) -> Any:
        return asdict(await self.reload())

    async def reload(self) -> Changes:
        """Read, validate, swap. On an error the old configuration goes on, and ``ControlError`` says why."""
        async with self._one_at_a_time:
            self._notifier.reloading()
            try:
                old, new = self._core.config, await asyncio.to_thread(load, self._core.config.path)
                await self._swap(new)
            except (ConfigError, SecretError, OSError) as error:
                log.error("reload refused, the old configuration goes on", why=str(error))
                raise ControlError(str(error)) from error
            finally:
                self._notifier.ready()
        result = changes(old, new)
        log.info("reloaded", **asdict(result))
        return result

    async def _swap(self, config: Config) -> None:
        core, devices = self._core, config.inventory.devices
        # Whatever can fail comes first, and changes nothing.
        channels = open_channels(config)
        receiver = await self._traps.prepare(config.traps)
        try:
            fresh = await core.checks.prepare(config.checks)
        except BaseException:
            self._traps.abandon(receiver)
            raise
        core.config = config
        self._lookout.configure()
        core.sink.schema_changed(config.schema)
        core.sink.devices_changed(devices)
        core.replan()
        replaced = core.checks.configure(config.checks, devices, fresh, core.events)
        self._traps.configure(receiver, devices)
        for collector in replaced:
            await collector.stop()
        await core.deliveries.reconfigure(channels)
        settle()
