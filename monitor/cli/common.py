"""What several commands share: the configuration option, asking the daemon, how people read times."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any

import click

from monitor.config import Config, ConfigError, DaemonSettings, daemon_settings, load
from monitor.control.wire import ControlError, ask
from monitor.settings import parse_duration

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


def config_of(path: Path) -> Config:
    """The whole configuration, or a clean exit that says what is wrong with it."""
    try:
        return load(path)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None


def for_ms(text: str, zone: tzinfo) -> int:
    """How long until "2h" has passed, or until "08:30" or "2026-12-01 08:30" of the zone, in ms."""
    try:
        return int(parse_duration(text) * 1000)
    except ValueError:
        pass
    now = datetime.now(zone)
    try:
        if len(text) <= 5:
            end = datetime.combine(now.date(), time.fromisoformat(text), zone)
            end += timedelta(days=end <= now)
        else:
            end = datetime.fromisoformat(text)
            end = end if end.tzinfo is not None else end.replace(tzinfo=zone)
    except ValueError:
        raise click.BadParameter(f'"{text}": write "2h", "08:30" or "2026-12-01 08:30"') from None
    span_ms = int((end.timestamp() - now.timestamp()) * 1000)
    if span_ms <= 0:
        raise click.BadParameter(f'"{text}" is over already')
    return span_ms


def labels_of(pairs: Iterable[str]) -> dict[str, str]:
    """``area=East`` … as a mapping."""
    found = {}
    for pair in pairs:
        label, equals, value = pair.partition("=")
        if not equals or not label:
            raise click.BadParameter(f'"{pair}": write LABEL=VALUE, for example severity=critical')
        found[label] = value
    return found


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
