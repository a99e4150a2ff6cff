"""``camwatch sink``: is the server there, and sending again what lies on disk."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import click

from monitor.cli.common import config_option
from monitor.config import ConfigError, load
from monitor.secrets import SecretError
from monitor.storage.settings import InfluxSettings
from monitor.storage.stats import SinkStats


def influx_settings(path: Path) -> InfluxSettings:
    """``[sink]`` of the configuration, or a clean exit that says why there is none to use."""
    try:
        settings = load(path).sink
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    if not isinstance(settings, InfluxSettings):
        raise click.ClickException('the configuration has no [sink] of type = "influxdb"')
    return settings


@click.group()
def sink() -> None:
    """Look after the way to InfluxDB."""


@sink.command("test")
@config_option
@click.option("--create", is_flag=True, help="Create the database, or the bucket and its mapping.")
def test(path: Path, create: bool) -> None:
    """Reach the server, write one point, read it back."""
    settings = influx_settings(path)
    try:
        good = asyncio.run(_test(settings, create))
    except SecretError as error:
        raise click.ClickException(str(error)) from None
    if not good:
        raise SystemExit(1)


async def _test(settings: InfluxSettings, create: bool) -> bool:
    from monitor.clock import SystemClock
    from monitor.storage.probe import probe

    good = True
    async for finding in probe(settings, SystemClock(), create=create):
        click.echo(f"{'ok  ' if finding.ok else 'FAIL'} {finding.step}: {finding.words}")
        good = finding.ok
    return good


@sink.command("backfill")
@config_option
@click.option("--dead-letters", is_flag=True, help="Send the dead letters again, too.")
def backfill(path: Path, dead_letters: bool) -> None:
    """Send what waits in the spool, while the daemon does not run."""
    from monitor.storage.backfill import BackfillError

    settings = influx_settings(path)
    try:
        stats = asyncio.run(_backfill(settings, dead_letters))
    except BackfillError as error:
        raise click.ClickException(str(error)) from None
    click.echo(
        f"written {stats.written}, expired {stats.expired}, refused {stats.dead}, left {stats.spool_points}"
    )


async def _backfill(settings: InfluxSettings, dead_letters: bool) -> SinkStats:
    from monitor.clock import SystemClock
    from monitor.storage.backfill import BackfillError, backfill
    from monitor.storage.influx import InfluxSink

    sink = InfluxSink(settings, SystemClock(), random.Random())
    await sink.start()
    try:
        if words := sink.trouble():  # the spool is in use, or cannot be read
            raise BackfillError(f"{words}; a running daemon sends its spool itself")
        return await backfill(
            sink,
            settings.spool.path,
            dead_letters=dead_letters,
            tell=lambda stats: click.echo(f"{stats.written} written, {stats.spool_points} to go", err=True),
        )
    finally:
        await sink.stop()
