"""The ICMP check: is it there, and how long does an echo take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import ClassVar

from pydantic import Field

from monitor.collectors.base import CheckSettings, Env
from monitor.collectors.icmp.batched import open_io
from monitor.collectors.icmp.packet import MIN_SIZE, V4, V6, Family
from monitor.collectors.icmp.pinger import Pinger
from monitor.collectors.icmp.sockets import open_echo_socket
from monitor.collectors.icmp.sweep import CHECK, Answers, Sweep
from monitor.model import Reason, Result, Target
from monitor.settings import Duration

VOLLEY = 64
"""Packets sent in one go: at 98 bytes each less than a switch port's smallest buffer."""
MOST_AT_ONCE = 128
"""Where so many a millisecond are allowed, buffers are not what limits us: then a system call takes more."""

_PREPARED_AT_ONCE = 500
"""Targets, before the loop is given back: about a millisecond."""


class IcmpSettings(CheckSettings):
    """``[checks.icmp]``"""

    echoes: int = Field(default=3, ge=1, le=100)
    """Echoes to each device in one check; one that comes back means alive."""
    spacing: Duration = 0.2
    """The least time between two echoes to one device."""
    size: int = Field(default=56, ge=MIN_SIZE, le=1400)
    """Bytes of payload, as with ``ping -s``."""
    rate: float = Field(default=10_000.0, gt=0)
    """The most packets per second that are sent, for each of IPv4 and IPv6."""
    stamp_sent: bool = True
    """Let the kernel tell when each echo went out: round-trip times right to a microsecond or two. Without,
    they are some tens of microseconds too long, and a sweep takes a fifth less of our CPU."""


class IcmpCollector:
    """One socket per address family for the whole fleet (see the package's introduction)."""

    Settings: ClassVar[type[CheckSettings]] = IcmpSettings

    def __init__(self, settings: CheckSettings, env: Env) -> None:
        if not isinstance(settings, IcmpSettings):
            raise TypeError(f"IcmpSettings wanted, not {type(settings).__name__}")
        self._settings = settings
        self._env = env
        self._pingers: dict[Family, Pinger] = {}

    async def start(self) -> None:
        """``IcmpNotPermitted`` if we may not open an ICMP socket. A machine without IPv6 is served too."""
        self._pingers[V4] = self._open(V4)
        try:
            self._pingers[V6] = self._open(V6)
        except PermissionError:
            await self.stop()
            raise
        except OSError:
            pass

    def _open(self, family: Family) -> Pinger:
        settings = self._settings
        echo = open_echo_socket(family, settings.stamp_sent)
        return Pinger(
            echo,
            open_io(echo, settings.size, max(VOLLEY, min(MOST_AT_ONCE, int(settings.rate / 1000)))),
            self._env.clock,
            timeout_s=settings.timeout,
            spacing_s=settings.spacing,
            rate=settings.rate,
        )

    async def stop(self) -> None:
        while self._pingers:
            self._pingers.popitem()[1].close()

    async def collect(
        self, targets: Sequence[Target], deadline: float, echoes: int | None = None
    ) -> AsyncIterator[list[Result]]:
        """``echoes`` overrides the setting: one for the quick second look at a suspect."""
        loop = asyncio.get_running_loop()
        answers = Answers(len(targets))
        sweeps = await self._sweeps(targets, echoes or self._settings.echoes, answers)
        for family, sweep in sweeps.items():
            self._pingers[family].add(sweep)

        def end() -> None:
            for sweep in sweeps.values():
                sweep.end(self._env.clock.now().wall)

        timer = loop.call_at(deadline, end)
        try:
            while not answers.all_taken:
                yield await answers.take()
        finally:
            timer.cancel()
            for family, sweep in sweeps.items():
                if family in self._pingers:
                    self._pingers[family].remove(sweep)

    async def _sweeps(self, targets: Sequence[Target], echoes: int, answers: Answers) -> dict[Family, Sweep]:
        """The targets by address family; those that cannot be sent to are answered for at once."""
        chosen = {family: Sweep(family, echoes, answers) for family in (V4, V6)}
        for start in range(0, len(targets), _PREPARED_AT_ONCE):
            if start:
                await asyncio.sleep(0)
            some = targets[start : start + _PREPARED_AT_ONCE]
            self._prepare(chosen[V4], [target for target in some if ":" not in target.ip], answers)
            self._prepare(chosen[V6], [target for target in some if ":" in target.ip], answers)
        return {family: sweep for family, sweep in chosen.items() if sweep.targets}

    def _prepare(self, sweep: Sweep, targets: list[Target], answers: Answers) -> None:
        if sweep.family not in self._pingers:
            for target in targets:
                answers.put(self._not_sent(target, Reason.SEND_FAILED, "no IPv6 on this machine"))
            return
        try:
            sweep.add(targets)
        except ValueError as error:
            if len(targets) == 1:
                answers.put(self._not_sent(targets[0], Reason.RESOLVE, str(error)))
                return
            for target in targets:
                self._prepare(sweep, [target], answers)

    def _not_sent(self, target: Target, reason: Reason, detail: str) -> Result:
        return Result(target.device.id, CHECK, self._env.clock.now().wall, reason, (), detail)
