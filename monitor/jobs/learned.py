"""What rules have learned: kept over restarts and reloads (one file a rule in the state directory), begun
anew after planned work, and what series alerted, for the books."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from monitor.core import Core
from monitor.model import DeviceId, WallMs
from monitor.rules.base import Learning
from monitor.rules.book import RuleBook
from monitor.rules.series import part_of
from monitor.storage.ledger.records import SeriesAlerted

if TYPE_CHECKING:
    from monitor.rules.baseline.rule import BaselineRule
    from monitor.rules.baseline.snapshot import Snapshot

log = structlog.get_logger(room="learned")

LOOK_EVERY_S = 60.0
SAVE_EVERY = 15
"""Looks. A crash costs at most what was learned in this time."""


class Learned:
    def __init__(self, core: Core, looked: WallMs) -> None:
        """``looked``: up to when planned work has been heeded, by an earlier run or this one."""
        self._core = core
        self._folder = core.config.daemon.state_dir / "learned"
        self._looked = looked

    def take_up(self) -> None:
        """At start: each rule takes up its last whole file."""
        for path, rule in self._rules(self._core.pipeline.book):
            from monitor.rules.baseline.snapshot import load

            found = load(path)
            for trouble in found.troubles:
                log.warning("passed over what was learned", rule=rule.settings.name, why=trouble)
            if found.snapshot is not None and not rule.adopt(found.snapshot):
                log.warning("learned by another version: learning anew", rule=rule.settings.name)

    async def run(self) -> None:
        while True:
            for _ in range(SAVE_EVERY):
                await asyncio.sleep(LOOK_EVERY_S)
                self.look()
            await self.save()

    def look(self) -> None:
        """Heed planned work that has ended since the last look, and book what series alerted."""
        before, self._looked = self._looked, self._core.clock.now().wall
        self._heed_planned_work(before, self._looked)
        self._book_alerts()

    def _heed_planned_work(self, since: WallMs, now: WallMs) -> None:
        """Work that was planned once changes what is usual; work of every week is part of it."""
        plan = self._core.pipeline.plan
        for window in plan.policy.maintenance:
            if window.end is None or not since <= window.ends <= now:
                continue
            series = sum(
                rule.relearn(device.id)
                for device in plan.devices.values()
                if window.select.selects(device)
                for rule in self.baselines()
            )
            log.info("planned work is over, learning anew what is usual", work=window.name, series=series)

    def _book_alerts(self) -> None:
        booked = [
            SeriesAlerted(a.at, rule.settings.name, rule.settings.metric, a.key[0], part_of(a.key[1]),
                          a.value, a.low, a.high, a.told)
            for rule in self.baselines()
            for a in rule.take_alerts()
        ]  # fmt: skip
        if booked:
            self._core.ledger.write(booked)

    def baselines(self) -> list[BaselineRule]:
        """The baseline rules at work."""
        from monitor.rules.baseline.rule import BaselineRule

        return [r for r in self._core.pipeline.book.rules.values() if isinstance(r, BaselineRule)]

    def relearn(self, device: DeviceId, metric: str) -> int:
        """By hand: how many series begin anew."""
        return sum(rule.relearn(device) for rule in self.baselines() if rule.settings.metric == metric)

    async def save(self) -> None:
        """Write every rule's memory; the files are written in a thread."""
        self._book_alerts()
        kept = [(path, rule.snapshot()) for path, rule in self._rules(self._core.pipeline.book)]
        if kept:
            await asyncio.to_thread(self._write, kept)

    def _write(self, kept: list[tuple[Path, Snapshot]]) -> None:
        from monitor.rules.baseline.snapshot import save

        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path, snapshot in kept:
                save(path, snapshot)
        except OSError as error:
            log.error("what was learned could not be saved", path=str(self._folder), error=str(error))

    def _rules(self, book: RuleBook) -> Iterator[tuple[Path, Learning]]:
        for rule in book.rules.values():
            if isinstance(rule, Learning):
                yield self._folder / (re.sub(r"[^\w.-]", "_", rule.memory) + ".bin"), rule
