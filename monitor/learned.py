"""What rules have learned, kept over restarts and reloads: one file a rule in the state directory."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from monitor.rules.base import Learning
from monitor.rules.book import RuleBook

if TYPE_CHECKING:
    from monitor.daemon import Daemon
    from monitor.rules.baseline.snapshot import Snapshot

log = structlog.get_logger(room="learned")

SAVE_EVERY_S = 900.0
"""A crash costs at most what was learned in this time."""


class Learned:
    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._folder = daemon.config.daemon.state_dir / "learned"

    def take_up(self) -> None:
        """At start: each rule takes up its last whole file."""
        for path, rule in self._rules(self._daemon.pipeline.book):
            from monitor.rules.baseline.snapshot import load

            found = load(path)
            for trouble in found.troubles:
                log.warning("passed over what was learned", rule=rule.settings.name, why=trouble)
            if found.snapshot is not None and not rule.adopt(found.snapshot):
                log.warning("learned by another version: learning anew", rule=rule.settings.name)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            await self.save()

    async def save(self) -> None:
        """Write every rule's memory; the files are written in a thread."""
        kept = [(path, rule.snapshot()) for path, rule in self._rules(self._daemon.pipeline.book)]
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
