"""``camwatch incidents``: what is open."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from monitor.cli.common import ask_daemon, config_option, settings_of
from monitor.cli.status import incident_table


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="For programs. Times are UTC milliseconds.")
def incidents(path: Path, as_json: bool) -> None:
    """The open incidents."""
    found = ask_daemon(path, "status")
    if as_json:
        click.echo(json.dumps(found["incidents"], ensure_ascii=False, indent=2))
    elif not found["incidents"]:
        click.echo("no open incidents")
    else:
        Console().print(incident_table(found["incidents"], found["now"], settings_of(path).zone))
