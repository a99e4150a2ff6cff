"""``camwatch demo``: the main job on a simulated city, in about a minute."""

from __future__ import annotations

import asyncio
import contextlib

import click
from rich.console import Console

from monitor.simulate.demo import Demo, choose_wires
from monitor.simulate.netns import NetworkNotPermitted, enter


@click.command()
@click.option("--cameras", default=1200, show_default=True, type=click.IntRange(100, 20_000))
@click.option("--tcp", is_flag=True, help="Check over TCP even where ICMP would be possible.")
@click.option(
    "--influxdb", "url", help="Instead: fill the database at URL with an hour of a fleet, for the dashboards."
)
@click.option(
    "--database", default="camwatch", show_default=True, help="With --influxdb: database or bucket."
)
@click.option("--org", default="", help="With --influxdb: organisation of 2.x.")
@click.option("--token-env", default="", help="With --influxdb: the variable that holds the token.")
@click.option("--keep", is_flag=True, help="Go on after the story, until Ctrl-C.")
def demo(
    cameras: int, tcp: bool, keep: bool, url: str | None, database: str, org: str, token_env: str
) -> None:
    """Watch a simulated city: real checks of real listeners on 127.x.y.z, real faults, real messages.

    Nothing leaves this machine, nothing is installed, and nothing is left behind.
    """
    if url is not None:
        from monitor.cli.demo_influx import fill_database

        fill_database(url, database=database, org=org, token_env=token_env)
        return
    console = Console()
    icmp = not tcp
    if icmp:
        try:
            enter()
        except NetworkNotPermitted as error:
            icmp = False
            console.print(f"[yellow]ICMP is not possible here ({error}): checking over TCP instead.[/]")
    console.print(
        f"Camwatch demo: {cameras} cameras on 127.x.y.z, checked over [bold]{'ICMP' if icmp else 'TCP'}[/]"
        + (", in a network namespace of its own" if icmp else "")
        + ". Messages arrive on the phone below as WeCom would show them.\n"
    )
    good = False
    with contextlib.suppress(KeyboardInterrupt):
        good = asyncio.run(Demo(cameras, choose_wires(icmp), console).run(keep))
    raise SystemExit(0 if good or keep else 1)
