"""The task that speaks to the service manager: the status when it changes, the watchdog while we are well.

It is deliberately not kept alive by anything: when it dies of a bug, the watchdog goes hungry, and that is
what the watchdog is for.
"""

from __future__ import annotations

import asyncio

import structlog

from monitor.core import Core
from monitor.model import MonoMs
from monitor.service.notify import Notifier
from monitor.service.pulse import Pulse, ailment
from monitor.tally import CAMERAS, Count

log = structlog.get_logger(room="service")

_LOOK_S = 1.0


class Attendant:
    """Looks at the daemon every second."""

    def __init__(self, core: Core, notifier: Notifier) -> None:
        self._core = core
        self._notifier = notifier
        self._written = -1
        self._written_at = core.clock.now().mono

    async def run(self) -> None:
        try:
            await self._attend()
        except Exception:
            log.exception("the service manager hears no more of us: it will restart us")
            raise

    async def _attend(self) -> None:
        told = stated = ""
        every_ms = int(self._notifier.watchdog_s * 1000) // 3
        fed = -every_ms
        while True:
            now = self._core.presence.now().mono
            ill = ailment(self.pulse(now))
            if ill and ill != told:
                log.error("not well, the watchdog is not fed", why=ill)
            told = ill
            if not ill and self._notifier.watchdog_s and now - fed >= every_ms:
                self._notifier.watchdog()
                fed = now
            status = ill or status_line(self._core)
            if status != stated:
                self._notifier.status(status)
                stated = status
            await asyncio.sleep(_LOOK_S)

    def pulse(self, now: MonoMs) -> Pulse:
        core = self._core
        rounds = [interval for interval, count in core.schedule.sizes().values() if count]
        ledger = core.ledger
        if ledger.written != self._written or not ledger.waiting or ledger.trouble():
            self._written, self._written_at = ledger.written, now
        return Pulse(
            ticked=now - core.health.ticked,
            measured=now - core.health.measured if rounds else None,
            round_ms=int(min(rounds, default=0) * 1000),
            writer_alive=ledger.alive,
            writer_idle=now - self._written_at,
        )


def status_line(core: Core) -> str:
    """What ``systemctl status`` shows: the online rate first."""
    pipeline = core.pipeline
    if pipeline.states.blind:
        return "our own uplink is lost: nothing is measured"
    cameras = pipeline.tally.scopes.get(CAMERAS, Count())
    # Rounded down: 95.996 % must not read as 96.00 %.
    rate = f"{cameras.online * 10000 // cameras.counted / 100:.2f} %" if cameras.counted else "–"
    return (
        f"cameras {rate} on line ({cameras.online} of {cameras.counted}), "
        f"{len(pipeline.states.tracks)} devices, {len(pipeline.desk.incidents)} open incidents"
    )
