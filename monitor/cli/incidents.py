"""``camwatch incidents`` and ``camwatch ack``."""

from __future__ import annotations

import getpass
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


@click.command()
@config_option
@click.option("--by", "author", default=getpass.getuser, help="Who acknowledges; default: you.")
@click.argument("incident")
def ack(path: Path, author: str, incident: str) -> None:
    """Acknowledge an incident ("412" or "#412"): somebody works on it, it is not repeated any more."""
    number = incident.removeprefix("#")
    if not number.isdigit():
        raise click.BadParameter(f'not an incident\'s number: "{incident}"')
    result = ask_daemon(path, "ack", incident=int(number), author=author)
    click.echo(f"#{result['incident']} acknowledged by {author}")
