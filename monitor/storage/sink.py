"""Where readings go. The pipeline only knows this; ``influx`` implements it, ``NullSink`` swallows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from monitor.model import Device, DeviceId, Point, Result
from monitor.storage.schema import Schema


class Sink(Protocol):
    """``write_*`` never block and never raise: what cannot be kept is counted, and told by ``trouble``."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def devices_changed(self, devices: Mapping[DeviceId, Device]) -> None:
        """The inventory was (re)loaded: tags of readings come from it."""
        ...

    def schema_changed(self, schema: Schema) -> None:
        """What is written, and of which types: a profile of the user's own may add to it."""
        ...

    def write_results(self, results: Sequence[Result]) -> None: ...

    def write_points(self, points: Sequence[Point]) -> None: ...

    def trouble(self) -> str:
        """What is wrong with the sink now, in a few words for a person; empty when all is well."""
        ...


class NullSink:
    """Counts what it is given and keeps nothing."""

    def __init__(self) -> None:
        self.readings = 0
        self.points = 0

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def devices_changed(self, devices: Mapping[DeviceId, Device]) -> None:
        pass

    def schema_changed(self, schema: Schema) -> None:
        pass

    def write_results(self, results: Sequence[Result]) -> None:
        for result in results:
            self.readings += len(result.readings)

    def write_points(self, points: Sequence[Point]) -> None:
        self.points += len(points)

    def trouble(self) -> str:
        return ""
