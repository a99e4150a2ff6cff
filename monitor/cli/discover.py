"""``camwatch discover``: what is on the network, and what of it is in the book?"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from monitor.clock import SystemClock
from monitor.collectors import COLLECTORS, collector_class
from monitor.collectors.base import CheckSettings, Collector, Env
from monitor.collectors.onvif.wsd import PORT, Prober
from monitor.config import ConfigError, load
from monitor.model import Device, DeviceId
from monitor.secrets import SecretError
from monitor.survey.discover import (
    Comparison,
    Found,
    Looks,
    Stage,
    Standing,
    compare,
    discover,
    parse_ranges,
    write_inventory,
)

_STYLES = {Standing.NEW: "yellow", Standing.MOVED: "cyan", Standing.REPLACED: "bold red", Standing.KNOWN: ""}


@click.command("discover")
@click.argument("ranges", nargs=-1, required=True, metavar="CIDR...")
@click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="Compare with this inventory, and use its passwords and communities.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write what was found as an inventory (CSV)."
)
@click.option(
    "--per-second",
    default=1000.0,
    show_default=True,
    type=click.FloatRange(1, 100_000),
    help="Addresses asked in a second, at most.",
)
@click.option("--wsd-port", default=PORT, show_default=True, type=click.IntRange(1, 65535))
def discover_command(
    ranges: tuple[str, ...], path: Path | None, output: Path | None, per_second: float, wsd_port: int
) -> None:
    """Search the ranges CIDR... for devices: echoes, WS-Discovery, ONVIF, and SNMP where it is configured.

    Nothing outside the named ranges is touched.
    """
    try:
        networks = parse_ranges(ranges)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if output is not None and output.exists():
        raise click.BadParameter(f"{output} exists already; name a new file")
    try:
        config = load(path) if path else None
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    devices: Mapping[DeviceId, Device] = config.inventory.devices if config else {}
    settings: Mapping[str, CheckSettings] = config.checks if config else {}
    try:
        found = asyncio.run(_search(networks, settings, per_second, wsd_port))
    except (OSError, SecretError) as error:
        raise click.ClickException(str(error)) from error
    compared = compare(found, devices.values(), networks)
    show(found, compared, Console(), booked=bool(devices))
    if output is not None:
        write_inventory(output, found, compared)
        click.echo(f"written: {output}")


async def _search(
    networks: list[IPv4Network], settings: Mapping[str, CheckSettings], per_second: float, wsd_port: int
) -> list[Found]:
    env = Env(SystemClock(), random.SystemRandom())
    started: dict[str, Collector] = {}
    prober = Prober(env.random, wsd_port)
    try:
        for name in ("icmp", "onvif", "snmp"):
            # SNMP without a community finds nothing: only where it is configured.
            if name in COLLECTORS and (name in settings or name != "snmp"):
                kind = collector_class(name)
                started[name] = kind(settings.get(name) or kind.Settings(), env)
                await started[name].start()
        looks = Looks(started.get("icmp"), started.get("onvif"), started.get("snmp"), prober, per_second)
        with Progress(transient=True) as bars:
            tasks = {stage: bars.add_task(stage.value, total=None) for stage in Stage}

            def progress(stage: Stage, done: int, total: int) -> None:
                bars.update(tasks[stage], completed=done, total=total)

            return await discover(networks, looks, progress)
    finally:
        prober.close()
        for collector in started.values():
            await collector.stop()


def show(found: list[Found], compared: Comparison, console: Console, booked: bool) -> None:
    table = Table("address", "book", "kind", "vendor", "model", "serial", "answers to", box=None)
    for each in found:
        standing = compared.found[each.address]
        ways = ", ".join(sorted(each.by))
        row = (
            each.address,
            standing if booked else "",
            each.kind,
            each.vendor,
            each.model,
            each.serial,
            ways,
        )
        table.add_row(*row, style=_STYLES[standing] if booked else "")
    console.print(table)
    if booked:
        for device in compared.missing:
            console.print(f"missing: {device.id} {device.name} {device.address}", style="red", markup=False)
    console.print(f"{len(found)} found, {len(compared.missing) if booked else 0} of the book missing")
