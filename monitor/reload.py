"""``camwatch reload`` and SIGHUP: the changed configuration is read, checked as a whole, then swapped in."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import structlog

from monitor.config import Config, ConfigError, load
from monitor.control.wire import ControlError
from monitor.deliveries import open_channels
from monitor.memory import settle
from monitor.secrets import SecretError

if TYPE_CHECKING:
    from monitor.daemon import Daemon

log = structlog.get_logger(room="reload")

_DAEMON_AT_START = ("language", "timezone", "base_url", "state_dir", "run_dir", "log", "peer")
"""Settings of ``[daemon]`` that are only read at start-up."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a reload came to: devices that came, went or changed, and the sections that wait for a restart."""

    added: int
    removed: int
    changed: int
    restart_for: list[str]


class Reloader:
    """One reload at a time."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._one_at_a_time = asyncio.Lock()

    async def command(self, arguments: dict[str, Any]) -> Any:
        return asdict(await self.reload())

    async def reload(self) -> Reloaded:
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
        result = _compared(old, new)
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


def _compared(old: Config, new: Config) -> Reloaded:
    before, after = old.inventory.devices, new.inventory.devices
    changed = [f"daemon.{n}" for n in _DAEMON_AT_START if getattr(old.daemon, n) != getattr(new.daemon, n)]
    return Reloaded(
        added=len(after.keys() - before.keys()),
        removed=len(before.keys() - after.keys()),
        changed=sum(1 for id_ in after.keys() & before.keys() if after[id_] != before[id_]),
        restart_for=changed + (["sink"] if old.sink != new.sink else []),
    )
