"""What leaves the daemon besides readings: device states, rates and our own health, to the sink and to
Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from monitor.health.server import HealthServer
from monitor.model import DeviceId, Point
from monitor.points import rate_points, self_points, state_results
from monitor.rules.base import Learning
from monitor.states import Transition
from monitor.storage.sink import NullSink

if TYPE_CHECKING:
    from monitor.daemon import Daemon

_POINTS_EVERY = 30
_BANDS_EVERY = 300
_STATES_EVERY = 60
"""Seconds; each second writes one sixtieth of the fleet's states, so that there is no burst."""


class Exporter:
    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._health = HealthServer(daemon.config.health, self.points, daemon.troubles)
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
            tracks = self._daemon.pipeline.states.tracks
            share = -(-len(tracks) // _STATES_EVERY)
            begin = self._second % _STATES_EVERY * share
            self._write_states(islice(tracks, begin, begin + share))
            if self._second % _POINTS_EVERY == 0:
                self._daemon.sink.write_points(self.points())
            if self._second % _BANDS_EVERY == 0:
                self._write_bands()

    def _write_bands(self) -> None:
        """What baselines take for usual now, to be drawn behind the values."""
        at = self._daemon.clock.now().wall
        for rule in self._daemon.pipeline.book.rules.values():
            if isinstance(rule, Learning):
                self._daemon.sink.write_points(list(rule.points(at)))

    def changed(self, transitions: Sequence[Transition]) -> None:
        """States that have just changed are written at once."""
        self._write_states(t.device for t in transitions)

    def points(self) -> list[Point]:
        daemon = self._daemon
        at = daemon.clock.now().wall
        return rate_points(daemon.pipeline, at) + self_points(daemon, at)

    def _write_states(self, ids: Iterable[DeviceId]) -> None:
        daemon = self._daemon
        if isinstance(daemon.sink, NullSink):
            return  # nobody keeps them
        tracks = [track for id_ in ids if (track := daemon.pipeline.states.tracks.get(id_))]
        if tracks:
            daemon.sink.write_results(state_results(tracks, daemon.clock.now().wall))
