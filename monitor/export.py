"""What leaves the daemon besides readings: device states, rates and our own health, to the sink and to
Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import islice

from monitor.core import Core
from monitor.health.server import HealthServer
from monitor.jobs.traps import Traps
from monitor.model import DeviceId, Point, WallMs
from monitor.points import rate_points, state_results
from monitor.rules.base import Learning
from monitor.states import Transition
from monitor.storage.sink import NullSink

_POINTS_EVERY = 30
_BANDS_EVERY = 300
_STATES_EVERY = 60
"""Seconds; each second writes one sixtieth of the fleet's states, so that there is no burst."""


class Exporter:
    def __init__(self, core: Core, traps: Traps) -> None:
        self._core = core
        self._traps = traps
        self._health = HealthServer(core.config.health, self.points, core.troubles)
        self._second = 0

    async def start(self) -> None:
        """``OSError`` when the health port is taken."""
        await self._health.start()

    async def stop(self) -> None:
        await self._health.stop()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._second += 1
            tracks = self._core.pipeline.states.tracks
            share = -(-len(tracks) // _STATES_EVERY)
            begin = self._second % _STATES_EVERY * share
            self._write_states(islice(tracks, begin, begin + share))
            if self._second % _POINTS_EVERY == 0:
                self._core.sink.write_points(self.points())
            if self._second % _BANDS_EVERY == 0:
                self._write_bands()

    def _write_bands(self) -> None:
        """What baselines take for usual now, to be drawn behind the values."""
        at = self._core.clock.now().wall
        for rule in self._core.pipeline.book.rules.values():
            if isinstance(rule, Learning):
                self._core.sink.write_points(list(rule.points(at)))

    def changed(self, transitions: Sequence[Transition]) -> None:
        """States that have just changed are written at once."""
        self._write_states(t.device for t in transitions)

    def points(self) -> list[Point]:
        core = self._core
        at = core.clock.now().wall
        return rate_points(core.pipeline, at) + self_points(core, at) + self._traps.points()

    def _write_states(self, ids: Iterable[DeviceId]) -> None:
        core = self._core
        if isinstance(core.sink, NullSink):
            return  # nobody keeps them
        tracks = [track for id_ in ids if (track := core.pipeline.states.tracks.get(id_))]
        if tracks:
            core.sink.write_results(state_results(tracks, core.clock.now().wall))


def self_points(core: Core, at: WallMs) -> list[Point]:
    """How Camwatch itself is doing."""
    lanes = core.deliveries.stats()
    points = [
        Point(
            "camwatch_daemon",
            (),
            (
                ("loop_lag_ms", core.health.loop_lag_ms),
                ("task_failures", core.health.task_failures),
                ("ledger_waiting", core.ledger.waiting),
                ("ledger_dropped", core.ledger.dropped),
                ("outbox_waiting", sum(lane.pending for lane in lanes)),
                ("incidents_open", len(core.pipeline.desk.incidents)),
                ("devices", len(core.config.inventory)),
            ),
            at,
        )
    ]
    points += [
        Point(
            "camwatch_check",
            (("check", check),),
            (("overruns", overruns), *core.checks.timing(check).items()),
            at,
        )
        for check, overruns in core.schedule.overruns().items()
    ]
    points += [
        Point(
            "camwatch_channel",
            (("channel", lane.channel),),
            (
                ("waiting", lane.pending),
                ("delivered", lane.delivered),
                ("failures", lane.failures),
                ("dead", lane.dead),
                ("oldest_s", (at - lane.oldest) / 1000 if lane.oldest is not None else 0.0),
            ),
            at,
        )
        for lane in lanes
    ]
    return points
