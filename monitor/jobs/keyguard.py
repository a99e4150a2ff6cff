"""Puts key events in force, and out of it, at their time."""

from __future__ import annotations

import asyncio

import structlog

from monitor.core import Core

log = structlog.get_logger(room="keyguard")

_EVERY_S = 1.0


class KeyGuard:
    """One task of the daemon."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def run(self) -> None:
        while True:
            if self._core.events_now() != self._core.events:
                self._change()
            await asyncio.sleep(_EVERY_S)

    def _change(self) -> None:
        core, before = self._core, self._core.events
        core.replan()
        core.checks.configure(core.config.checks, core.config.inventory.devices, {}, core.events)
        for event in core.events:
            if event not in before:
                log.info("key event begins", key_event=event.settings.name)
        for event in before:
            if event not in core.events:
                log.info("key event is over", key_event=event.settings.name)
