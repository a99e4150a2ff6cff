"""``camwatch snmp ports``: what hangs on which port, by the switches' own tables."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor.cli.common import ask_daemon, config_option

_STYLES = {"new": "yellow", "differs": "bold red", "agrees": "green"}


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--all", "every", is_flag=True, help="Also what the inventory has already.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write the proposals as a table (CSV): id, parents, port.",
)
def ports(path: Path, as_json: bool, every: bool, output: Path | None) -> None:
    """Parents proposed for the inventory, and unknown addresses in the cameras' VLANs.

    Nothing is changed: enter in the inventory what is right.
    """
    if output is not None and output.exists():
        raise click.BadParameter(f"{output} exists already; name a new file")
    found = ask_daemon(path, "ports")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        show(found, Console(), every)
    if output is not None:
        write(found, output)
        click.echo(f"written: {output}", err=True)


def show(found: dict[str, Any], console: Console, every: bool) -> None:
    shown = [seen for seen in found["attachments"] if every or seen["book"] != "agrees"]
    table = Table("device", "hangs on", "port", "address", "inventory", box=None, pad_edge=False)
    for seen in shown:
        book = seen["book"] if seen["book"] != "differs" else f"says {', '.join(seen['parents'])}"
        table.add_row(
            Text(f"{seen['device']} {seen['name']}"),
            Text(f"{seen['switch']} {seen['switch_name']}"),
            Text(seen["port"]),
            seen["mac"],
            Text(book, style=_STYLES[seen["book"]]),
        )
    if shown:
        console.print(table)
    for stranger in found["strangers"]:
        console.print(
            f"unknown address {stranger['mac']} in VLAN {stranger['vlan']} at {stranger['switch_name']} "
            f"port {stranger['port']}",
            style="bold red", markup=False, highlight=False,
        )  # fmt: skip
    console.print(
        f"{found['surveyed']} switches surveyed: {len(found['attachments'])} devices seen, "
        f"{len(shown)} shown, {len(found['strangers'])} unknown addresses",
        highlight=False,
    )


def write(found: dict[str, Any], output: Path) -> None:
    """With a mark of order, so that spreadsheet programs read it as UTF-8."""
    with output.open("x", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "name", "parents", "port", "mac", "inventory"))
        for seen in found["attachments"]:
            rows.writerow(
                (
                    seen["device"],
                    seen["name"],
                    seen["switch"],
                    seen["port"],
                    seen["mac"],
                    ";".join(seen["parents"]),
                )
            )
