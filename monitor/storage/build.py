"""The sink that the configuration asks for."""

from __future__ import annotations

import random

from monitor.clock import SystemClock
from monitor.storage.influx import InfluxSink
from monitor.storage.settings import InfluxSettings, SinkSettings
from monitor.storage.sink import NullSink, Sink


def build_sink(settings: SinkSettings) -> Sink:
    if isinstance(settings, InfluxSettings):
        return InfluxSink(settings, SystemClock(), random.Random())
    return NullSink()
