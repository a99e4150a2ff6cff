"""``camwatch run`` and ``camwatch reload``."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
import sys
from pathlib import Path

import click
import structlog

from monitor.cli.common import ask_daemon, config_option
from monitor.config import Config, ConfigError, load
from monitor.control.wire import ControlError
from monitor.logs import configure_logging
from monitor.statedir import InUse, holding
from monitor.storage.ledger import LedgerTooNew

EXIT_CONFIG = 78
"""EX_CONFIG of sysexits.h, for what no restart can cure: systemd is told not to try."""


@click.command()
@config_option
@click.option(
    "--standby-of", default="", help="host:port of the instance that sends messages while it lives."
)
def run(path: Path, standby_of: str) -> None:
    """Run the daemon in the foreground, until SIGTERM or SIGINT. SIGHUP reloads the configuration."""
    try:
        config = load(path)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG)
    if standby_of and config.daemon.peer.secret is None:
        click.echo("--standby-of needs [daemon.peer] with the secret of both", err=True)
        sys.exit(EXIT_CONFIG)
    configure_logging(config.daemon.log)
    for problem in config.warnings:
        structlog.get_logger(room="config").warning(str(problem))
    try:
        with holding(config.daemon.state_dir):
            asyncio.run(serve(config, standby_of))
    except LedgerTooNew as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG)
    except (ControlError, InUse, PermissionError) as error:
        raise click.ClickException(str(error)) from None
    except (sqlite3.Error, OSError) as error:
        raise click.ClickException(f"{config.daemon.state_dir}: {error}") from None


async def serve(config: Config, standby_of: str = "") -> None:
    """The daemon until a signal stops it."""
    from monitor.clock import SystemClock
    from monitor.daemon import Daemon
    from monitor.jobs.traps import CannotListen
    from monitor.service.notify import from_environment
    from monitor.storage.build import build_sink

    daemon = Daemon(
        config,
        build_sink(config.sink),
        clock=SystemClock(),
        rng=random.Random(),
        notifier=from_environment(),
        standby_of=standby_of,
    )
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()

    def hang_up() -> None:
        task = loop.create_task(_reload(daemon))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    async def _reload(daemon: Daemon) -> None:
        with contextlib.suppress(ControlError):  # the daemon has logged it
            await daemon.reloader.reload()

    for stop in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop, daemon.stop)
    loop.add_signal_handler(signal.SIGHUP, hang_up)
    try:
        await daemon.run()
    except CannotListen as error:
        raise ControlError(str(error)) from error


@click.command()
@config_option
def reload(path: Path) -> None:
    """Let the running daemon take up the changed configuration; with an error the old one goes on."""
    result = ask_daemon(path, "reload")
    click.echo("reloaded: devices {added} added, {removed} removed, {changed} changed".format(**result))
    for line in result.get("lines", ()):  # a daemon from before an upgrade sends none
        click.echo(line)
    if result["restart_for"]:
        click.echo(
            f"changed, but only read at start-up: {', '.join(result['restart_for'])}; restart camwatch"
        )
