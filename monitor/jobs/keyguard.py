"""Puts key events in force, and out of it, at their time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from monitor.key_event import KeyEvent, guarded, in_force
from monitor.pipeline import Plan

if TYPE_CHECKING:
    from monitor.daemon import Daemon

log = structlog.get_logger(room="keyguard")

_EVERY_S = 1.0


class KeyGuard:
    """One task of the daemon."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.events: tuple[KeyEvent, ...] = ()
        """In force as of the last ``plan``."""

    def plan(self) -> Plan:
        """The pipeline's plan by the configuration and the events in force now."""
        config = self._daemon.config
        self.events = self._now()
        plan = Plan(config.inventory.devices, config.states, config.rules, config.policy)
        return guarded(plan, self.events)

    async def run(self) -> None:
        while True:
            if self._now() != self.events:
                self._change()
            await asyncio.sleep(_EVERY_S)

    def _change(self) -> None:
        daemon, before = self._daemon, self.events
        daemon.replan()
        daemon.checks.configure(daemon.config.checks, daemon.config.inventory.devices, {}, self.events)
        for event in self.events:
            if event not in before:
                log.info("key event begins", key_event=event.settings.name)
        for event in before:
            if event not in self.events:
                log.info("key event is over", key_event=event.settings.name)

    def _now(self) -> tuple[KeyEvent, ...]:
        return in_force(self._daemon.config.key_events, self._daemon.clock.now().wall)
