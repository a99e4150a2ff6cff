"""Failure signs at the rim: fed by the daemon, judged every little while, kept in the ledger and a file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog

from monitor.core import Core
from monitor.model import Device, DeviceId, Result, WallMs
from monitor.rules.baseline.snapshot import load, save
from monitor.signs.books import CallSaved, read_calls
from monitor.signs.calls import LIKELY
from monitor.signs.means import Remembered
from monitor.signs.score import scored
from monitor.signs.watch import SignWatch, snapshot
from monitor.states import Transition

log = structlog.get_logger(room="signs")

JUDGE_EVERY_S = 600.0
_LISTED = 20


class SignKeeper:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._path = core.config.daemon.state_dir / "learned" / "signs.bin"
        self.watch = SignWatch.of(read_calls(core.ledger.db))

    def take_up(self) -> None:
        """At start: the last whole file."""
        found = load(self._path)
        for trouble in found.troubles:
            log.warning("passed over signs of failure", why=trouble)
        if found.snapshot is not None and not self.watch.adopt(found.snapshot):
            log.warning("signs of failure of another version: beginning anew")

    def on_results(self, results: Sequence[Result]) -> None:
        self.watch.on_results(results)

    def on_transitions(self, transitions: Sequence[Transition]) -> None:
        pipeline = self._core.pipeline
        self.watch.on_transitions(transitions, pipeline.plan.devices, self._planned)

    def _planned(self, device: Device) -> bool:
        now = self._core.clock.now().wall
        windows = self._core.pipeline.plan.policy.maintenance
        return any(window.span_at(now) and window.select.selects(device) for window in windows)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(JUDGE_EVERY_S)
            await self.judge(self._core.clock.now().wall)
            await self.save()

    async def judge(self, now: WallMs) -> None:
        # Of a large fleet this takes a good part of a second: the loop has other work to do.
        found = await asyncio.to_thread(scored, self.watch.means.remembered(), now)
        pipeline = self._core.pipeline
        if pipeline.states.blind:
            return
        changed = self.watch.judge(found, pipeline.states.tracks, pipeline.tally.offline, now)
        if changed:
            self._core.ledger.write([CallSaved(call) for call in changed])

    async def save(self) -> None:
        await asyncio.to_thread(self._write, self.watch.means.remembered(), dict(self.watch.calls.failing))

    def _write(self, remembered: Remembered, failing: dict[DeviceId, WallMs]) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            save(self._path, snapshot(remembered, failing))
        except OSError as error:
            log.error("signs of failure could not be saved", path=str(self._path), error=str(error))

    def status(self) -> dict[str, Any]:
        """For ``camwatch status``: who is likely to fail next and why, and how often that came true."""
        devices, record = self._core.pipeline.plan.devices, self.watch.calls.record
        return {
            "likely": [
                {
                    "id": one.device,
                    "name": device.name,
                    "score": one.score,
                    "signs": [
                        {"sign": f.sign.value, "recent": f.recent, "before": f.before, "tags": dict(f.tags)}
                        for f in one.findings
                    ],
                }
                for one in self.watch.found[:_LISTED]
                if one.score >= LIKELY and (device := devices.get(one.device)) is not None
            ],
            "record": {"failed": record.failed, "held": record.held, "missed": record.missed},
        }
