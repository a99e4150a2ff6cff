"""``camwatch maintenance``: planned work, from the configuration."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.alerts.maintenance import MaintenanceSettings
from monitor.cli.common import config_of, config_option, when
from monitor.clock import SystemClock
from monitor.config import Config
from monitor.model import WallMs


@click.group()
def maintenance() -> None:
    """Planned work: what is covered now and next, and whether it was announced two working days ahead."""


@maintenance.command("list")
@config_option
def list_(path: Path) -> None:
    """All windows: when each is open now or next."""
    config, now = config_of(path), SystemClock().now().wall
    for window in config.policy.maintenance:
        click.echo(_line(window, config, now))
    if not config.policy.maintenance:
        click.echo("no planned work")


@maintenance.command()
@config_option
@click.argument("device", required=False)
def check(path: Path, device: str | None) -> None:
    """What planned work covers now (or DEVICE, now and next). Exit status 1 if any was announced too late."""
    config, now = config_of(path), SystemClock().now().wall
    late = False
    for window in config.policy.maintenance:
        covered = [d for d in config.inventory.devices.values() if window.select.selects(d)]
        if device is not None:
            covered = [d for d in covered if device in (d.id, d.name, d.address)]
        span = window.next_span(now)
        if not covered or span is None or (device is None and span[0] > now):
            continue
        late = late or not window.announced_before(span)
        click.echo(_line(window, config, now))
        if device is None:
            for one in covered[:20]:
                click.echo(f"  {one.id} {one.name}")
            if len(covered) > 20:
                click.echo(f"  and {len(covered) - 20} more")
    raise SystemExit(1 if late else 0)


def _line(window: MaintenanceSettings, config: Config, now: WallMs) -> str:
    devices = sum(1 for d in config.inventory.devices.values() if window.select.selects(d))
    span = window.next_span(now)
    if span is None:
        return f"{window.name}: over; {devices} devices"
    zone = config.daemon.zone
    state = "open" if span[0] <= now else "next"
    told = (
        f"announced {window.announced}"
        if window.announced_before(span)
        else f"announced {window.announced}, too late: two working days are asked for"
        if window.announced
        else "not announced"
    )
    return f"{window.name}: {state} {when(span[0], zone)} to {when(span[1], zone)}; {devices} devices; {told}"
