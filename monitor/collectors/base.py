"""What a collector is: the seam between the schedule and a protocol."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from pydantic import Field

from monitor.clock import Clock
from monitor.model import Device, DeviceId, Result, Target
from monitor.settings import Duration, Section


class CheckSettings(Section):
    """What every ``[checks.NAME]`` table has; a collector's own ``Settings`` adds to it."""

    interval: Duration = 30.0
    """How often a device is checked."""
    timeout: Duration = Field(default=1.0)
    """How long one probe may go unanswered."""


@dataclass(frozen=True, slots=True)
class Env:
    """What the daemon lends a collector."""

    clock: Clock
    random: random.Random


@runtime_checkable
class KnowsDevices(Protocol):
    """A collector that wants to know of every device of the inventory, not only of those it checks."""

    def devices_changed(self, devices: Mapping[DeviceId, Device]) -> None: ...


class Collector(Protocol):
    """Carries out one sort of check for many devices at once.

    It opens its sockets in ``start``, keeps them, and closes them in ``stop``. ``collect`` may be called
    again while an earlier call is still under way. It answers exactly once for each target, in batches
    as they become known, at the latest at ``deadline`` (seconds of the running loop's ``time()``);
    it never raises for what a device does: that is a ``Result`` with a reason.
    """

    Settings: ClassVar[type[CheckSettings]]

    def __init__(self, settings: CheckSettings, env: Env) -> None: ...

    async def start(self) -> None: ...

    def collect(self, targets: Sequence[Target], deadline: float) -> AsyncIterator[list[Result]]: ...

    async def stop(self) -> None: ...
