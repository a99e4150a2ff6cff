"""``camwatch demo --influxdb URL``: an hour of a made-up fleet for the dashboards."""

from __future__ import annotations

import asyncio
import random

import click
from pydantic import ValidationError

from monitor.demo.fill import FillError, fill
from monitor.storage.settings import InfluxSettings


def fill_database(
    url: str, *, database: str = "camwatch", org: str = "", token_env: str = "", create: bool = True
) -> None:
    """Fill ``database`` (2.x, 3.x: the bucket) at ``url`` with an hour; the token stands in ``token_env``."""
    from monitor.clock import SystemClock

    clock = SystemClock()
    table: dict[str, object] = {"type": "influxdb", "url": url, "database": database, "org": org}
    if token_env:
        table["token"] = {"env": token_env}
    try:
        settings = InfluxSettings.model_validate(table)
    except ValidationError as error:
        raise click.ClickException(error.errors()[0]["msg"]) from None

    async def work() -> int:
        from monitor.storage.probe import probe

        async for finding in probe(settings, clock, create=create):
            if not finding.ok and finding.step != "read back":
                raise FillError(f"{finding.step}: {finding.words}")
        return await fill(settings, clock.now().wall, random.Random(1))

    try:
        points = asyncio.run(work())
    except FillError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{points} points of the last hour are in {database} at {url}")
