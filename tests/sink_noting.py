"""``camwatch run``, but for one thing: what the sink is given is also noted, before the sink has it.

The notes go to the file named by ``CAMWATCH_TEST_NOTES``, one line a page that was read: the device, the time
of the result in ms, and the size of the page. They outlive ``kill -9`` as all does that the kernel was given.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from unittest.mock import patch

from monitor.cli import main
from monitor.clock import Clock
from monitor.model import Result
from monitor.storage import build
from monitor.storage.influx import InfluxSink
from monitor.storage.settings import InfluxSettings

NOTES = "CAMWATCH_TEST_NOTES"
READING = "http_response.content_length"


class NotingSink(InfluxSink):
    def __init__(self, settings: InfluxSettings, clock: Clock, rng: random.Random) -> None:
        super().__init__(settings, clock, rng)
        self._notes = os.open(os.environ[NOTES], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write_results(self, results: Sequence[Result]) -> None:
        lines = [
            f"{result.device} {result.at} {reading.value}\n"
            for result in results
            for reading in result.readings
            if reading.metric == READING
        ]
        if lines:
            os.write(self._notes, "".join(lines).encode())
        super().write_results(results)


if __name__ == "__main__":
    with patch.object(build, "InfluxSink", NotingSink):
        main()
