"""What became of every point: the sink's own books."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from monitor.model import Point, WallMs


@dataclass(slots=True)
class SinkStats:
    """Points since start unless said otherwise; the fields of ``camwatch_sink`` in docs/metrics.md."""

    received: int = 0
    recovered: int = 0
    written: int = 0
    dropped: int = 0
    dead: int = 0
    expired: int = 0
    bad_values: int = 0
    posts: int = 0
    post_failures: int = 0
    damaged_bytes: int = 0
    queue_points: int = 0
    spool_points: int = 0
    spool_bytes: int = 0
    lag_s: float = 0.0

    def point(self, at: WallMs) -> Point:
        return Point("camwatch_sink", (), tuple(asdict(self).items()), at)
