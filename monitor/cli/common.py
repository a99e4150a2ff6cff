"""What several commands share: the configuration option, asking the daemon, how people read times."""

from __future__ import annotations

from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import click

from monitor.config import ConfigError, DaemonSettings, daemon_settings
from monitor.control.wire import ControlError, ask

config_option = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/etc/camwatch/camwatch.toml"),
    show_default=True,
    help="The configuration's main file.",
)


def settings_of(path: Path) -> DaemonSettings:
    """``[daemon]`` of the configuration, or a clean exit that says what is wrong with it."""
    try:
        return daemon_settings(path)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None


def ask_daemon(path: Path, command: str, **arguments: Any) -> Any:
    """Ask the daemon that runs by this configuration."""
    try:
        return ask(settings_of(path).control_socket, command, **arguments)
    except ControlError as error:
        raise click.ClickException(str(error)) from None


def when(ms: int, zone: tzinfo) -> str:
    """A moment as people read it: the time today, else date and time."""
    moment = datetime.fromtimestamp(ms / 1000, zone)
    same_day = moment.date() == datetime.now(zone).date()
    return moment.strftime("%H:%M:%S" if same_day else "%m-%d %H:%M")


def span(ms: int) -> str:
    """A length of time, to two units."""
    seconds = max(0, ms // 1000)
    for unit, size, below, small in (("d", 86400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if seconds >= size:
            rest = seconds % size // small
            return f"{seconds // size}{unit}{rest}{below}" if rest else f"{seconds // size}{unit}"
    return f"{seconds}s"
