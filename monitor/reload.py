"""``camwatch reload`` and SIGHUP: the changed configuration is read, checked as a whole, then swapped in."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import structlog

from monitor.config import Config, ConfigError, load
from monitor.config.changes import Changes, changes
from monitor.control.wire import ControlError
from monitor.deliveries import open_channels
from monitor.memory import settle
from monitor.secrets import SecretError

if TYPE_CHECKING:
    from monitor.daemon import Daemon

log = structlog.get_logger(room="reload")


class Reloader:
    """One reload at a time."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._one_at_a_time = asyncio.Lock()

    async def command(self, arguments: dict[str, Any]) -> Any:
        return asdict(await self.reload())

    async def reload(self) -> Changes:
        """Read, validate, swap. On an error the old configuration goes on, and ``ControlError`` says why."""
        async with self._one_at_a_time:
            self._daemon.notifier.reloading()
            try:
                old, new = self._daemon.config, await asyncio.to_thread(load, self._daemon.config.path)
                await self._swap(new)
            except (ConfigError, SecretError, OSError) as error:
                log.error("reload refused, the old configuration goes on", why=str(error))
                raise ControlError(str(error)) from error
            finally:
                self._daemon.notifier.ready()
        result = changes(old, new)
        log.info("reloaded", **asdict(result))
        return result

    async def _swap(self, config: Config) -> None:
        daemon, devices = self._daemon, config.inventory.devices
        # Whatever can fail comes first, and changes nothing.
        channels = open_channels(config)
        receiver = await daemon.traps.prepare(config.traps)
        try:
            fresh = await daemon.checks.prepare(config.checks)
        except BaseException:
            daemon.traps.abandon(receiver)
            raise
        daemon.config = config
        daemon.lookout.configure()
        daemon.sink.schema_changed(config.schema)
        daemon.sink.devices_changed(devices)
        daemon.replan()
        replaced = daemon.checks.configure(config.checks, devices, fresh, daemon.keyguard.events)
        daemon.traps.configure(receiver, devices)
        for collector in replaced:
            await collector.stop()
        await daemon.deliveries.reconfigure(channels)
        settle()
