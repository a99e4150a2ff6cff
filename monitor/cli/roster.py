"""``camwatch roster``: who is on duty now and in the coming weeks."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.common import config_of, config_option, when
from monitor.clock import SystemClock


@click.command()
@config_option
@click.option("--days", default=28, show_default=True, type=click.IntRange(1, 366))
def roster(path: Path, days: int) -> None:
    """Who is on duty now, and who takes over when, for each receiver that is a roster."""
    config, now = config_of(path), SystemClock().now().wall
    policy = config.policy
    for name, turns in ((n, r.turns(now, days)) for n, r in policy.rosters.items()):
        for index, turn in enumerate(turns):
            since = "now" if index == 0 else when(turn.begins, config.daemon.zone)
            channels = ", ".join(policy.receivers.get(turn.member, ()))
            click.echo(f"{name}: {since} {turn.member} ({channels})")
    if not policy.rosters:
        click.echo("no receiver is a roster")
