"""The receiver of SNMP notifications at work in the daemon: who sends, what it means, and what is checked.

A notification is never the only way to know: it makes the device's checks happen at once, and what it says
beyond that passes through the same rules as any reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from monitor.core import Core
from monitor.model import Device, DeviceId, Point, Reading, Reason, Result
from monitor.resolve import is_address

if TYPE_CHECKING:
    from monitor.collectors.snmp.traps import TrapReceiver, TrapSettings

_NAMES_EVERY_MS = 10_000
"""How often the host names of devices are looked up among what the resolver knows."""
PASSING = ("trap.alarm", "trap.over_limit")
"""Metrics that notifications set to 1, and the passing of time to 0."""
HOLD_S = 600.0
"""How long they hold after a restart, when nobody knows since when they have."""


class CannotListen(OSError):
    """The port for notifications cannot be had: another receiver, or no permission."""


class Traps:
    """The receiver, if the configuration asks for one."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._clock = core.clock
        self._receiver: TrapReceiver | None = None
        self._devices: Mapping[DeviceId, Device] = {}
        self._fixed: dict[str, DeviceId] = {}
        self._named: list[Device] = []
        self._names_at = 0

    async def prepare(self, settings: TrapSettings | None) -> TrapReceiver | None:
        """A receiver for these settings, listening unless the present one does so at the same place. Changes
        nothing yet; raises ``ProfileError``, ``SecretError`` or ``CannotListen``."""
        if settings is None:
            return None
        old = self._receiver
        if old is not None and old.settings == settings:
            return old
        from monitor.collectors.snmp.traps import TrapReceiver

        fresh = TrapReceiver(settings, self._core.env, self._deliver, self._check)
        place = (settings.listen, settings.port)
        if old is None or (old.settings.listen, old.settings.port) != place:
            try:
                await fresh.start()
            except OSError as error:
                raise CannotListen(
                    f"traps: cannot listen on {settings.listen} port {settings.port}: {error.strerror}"
                ) from error
        return fresh

    def abandon(self, fresh: TrapReceiver | None) -> None:
        """What was prepared will not be gone on with."""
        if fresh is not None and fresh is not self._receiver:
            fresh.close()

    def configure(self, fresh: TrapReceiver | None, devices: Mapping[DeviceId, Device]) -> None:
        """Go on with these, at once."""
        old, self._receiver = self._receiver, fresh
        if old is not None and fresh is None:
            old.let_go()
            old.close()
        elif old is not None and fresh is not None and fresh is not old:
            fresh.succeed(old)
        self._devices = devices
        self._fixed = {d.address: d.id for d in devices.values() if is_address(d.address)}
        self._named = [d for d in devices.values() if d.address not in self._fixed]
        self._renew()

    def take_up(self) -> None:
        """After a restart: alerts that only a notification began end in time, as if we had been there."""
        pipeline = self._core.pipeline
        firing = pipeline.desk.firing()
        for name, rule in pipeline.book.rules.items():
            for metric in set(rule.metrics) & set(PASSING):
                for key, _ in firing.get(name, ()):
                    device, tags = DeviceId(dict(key)["device"]), key[1:]
                    if self._receiver is not None:
                        self._receiver.hold(device, metric, tags, HOLD_S)
                    else:
                        now = self._clock.now().wall
                        self._deliver([Result(device, "trap", now, Reason.OK, (Reading(metric, 0, tags),))])

    def tick(self) -> None:
        """Call every second or so."""
        if self._receiver is None:
            return
        self._receiver.tick()
        if self._named and self._clock.now().mono - self._names_at >= _NAMES_EVERY_MS:
            self._renew()

    def _renew(self) -> None:
        if self._receiver is None:
            return
        self._names_at = self._clock.now().mono
        named = {ip: d.id for d in self._named if (ip := self._core.resolver.ip(d.address)) is not None}
        self._receiver.devices_changed({**named, **self._fixed})

    def _check(self, device: DeviceId) -> None:
        now = self._clock.now()
        for check in self._devices[device].checks if device in self._devices else ():
            self._core.schedule.soon(device, check, 0, now)

    def _deliver(self, results: list[Result]) -> None:
        """Like a round's results, but no proof that rounds are going on."""
        core = self._core
        core.sink.write_results(results)
        core.carry(core.pipeline.on_results(results, self._clock.now()))

    def points(self) -> list[Point]:
        return [] if self._receiver is None else [self._receiver.point()]

    def snapshot(self) -> dict[str, Any] | None:
        """For the status; ``None`` when no notifications are received."""
        if self._receiver is None:
            return None
        strangers = list(reversed(self._receiver.strangers.items()))[:20]
        return {
            "port": self._receiver.port,
            **self._receiver.stats,
            "unknown_senders": [{"address": address, "count": count} for address, count in strangers],
        }

    async def stop(self) -> None:
        if self._receiver is not None:
            await self._receiver.stop()
