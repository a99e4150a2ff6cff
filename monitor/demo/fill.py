"""Writing the demonstration's hour into a database."""

from __future__ import annotations

import random

import aiohttp

from monitor.demo.fleet import demo_fleet
from monitor.demo.hour import demo_hour
from monitor.model import WallMs
from monitor.storage.batches import gzipped
from monitor.storage.encoder import Encoder
from monitor.storage.influx_api import Client, Verdict
from monitor.storage.settings import InfluxSettings
from monitor.storage.tables import SCHEMA


class FillError(Exception):
    """The server did not take it; its words."""


async def fill(settings: InfluxSettings, end: WallMs, rng: random.Random, minutes: int = 60) -> int:
    """The number of points written. Raises ``FillError``."""
    fleet, encoder, points = demo_fleet(), Encoder(SCHEMA), 0
    encoder.devices_changed(fleet.devices)
    async with aiohttp.ClientSession() as session:
        client = Client(session, settings)
        for minute in demo_hour(fleet, end, rng, minutes):
            results, others = encoder.results(minute.results), encoder.points(minute.points)
            answer = await client.write(gzipped([results.body, others.body]))
            if answer.verdict is not Verdict.TAKEN:
                raise FillError(f"{answer.status or ''} {answer.words}".strip())
            points += results.points + others.points
    return points
