"""A process to be killed: writes numbered points, and prints each number once it is on disk.

``python -m tests.sink_child URL DATABASE SPOOL FIRST LAST``
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from monitor.clock import SystemClock
from monitor.model import Point, WallMs
from monitor.storage.influx import InfluxSink
from tests.sink_support import settings_v1

T0 = 1_800_000_000_000


async def main(url: str, database: str, spool: str, first: int, last: int) -> None:
    sink = InfluxSink(settings_v1(url, database, Path(spool)), SystemClock(), random.Random(first))
    await sink.start()
    for number in range(first, last, 20):
        numbers = range(number, min(number + 20, last))
        sink.write_points([Point("kill", (), (("n", n),), WallMs(T0 + n)) for n in numbers])
        await sink.flush()
        sys.stdout.write(f"{numbers[-1]}\n")
        sys.stdout.flush()
    if sink.trouble():
        sys.stderr.write(sink.trouble())
    await sink.drained()
    await sink.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))
