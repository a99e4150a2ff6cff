"""``camwatch silence``: hold messages back for a while."""

from __future__ import annotations

import json
from pathlib import Path

import click

from monitor.cli.common import ask_daemon, config_option, for_ms, labels_of, settings_of, when
from monitor.cli.handle import author_option


@click.group()
def silence() -> None:
    """Silences: for a while nobody is told of the alerts that match.

    They are measured and booked all the same; what is still open when a silence ends is told then, and ends
    of what was told before are never held back.
    """


@silence.command()
@config_option
@author_option
@click.option(
    "--match",
    "labels",
    multiple=True,
    required=True,
    metavar="LABEL=VALUE",
    help="area=城东, cause=device_down, severity=warning, id=CAM-1, name='~^Gate' ...; all must hold.",
)
@click.option("--until", required=True, help='"2h", "08:30" or "2026-12-01 08:30".')
@click.option("--reason", required=True, help="Why; kept in the record of what was held back.")
def add(path: Path, author: str, labels: tuple[str, ...], until: str, reason: str) -> None:  # fmt: skip
    """Begin a silence now."""
    zone = settings_of(path).zone
    found = ask_daemon(
        path, "silence", match=labels_of(labels), for_ms=for_ms(until, zone), author=author, text=reason
    )
    click.echo(f"silence {found['id']} until {when(found['ends'], zone)}")
    for odd in found["odd"]:
        click.echo(f"warning: {odd}", err=True)


@silence.command("list")
@config_option
@click.option("--json", "as_json", is_flag=True, help="For programs. Times are UTC milliseconds.")
def list_(path: Path, as_json: bool) -> None:
    """The silences in force."""
    found = ask_daemon(path, "silences")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    zone = settings_of(path).zone
    for one in found:
        match = " ".join(f"{label}={value}" for label, value in one["match"].items())
        click.echo(
            f"{one['id']}: {match} until {when(one['ends'], zone)} by {one['author']}: {one['reason']}"
        )
    if not found:
        click.echo("no silences")


@silence.command()
@config_option
@click.argument("number", type=int)
def end(path: Path, number: int) -> None:
    """End silence NUMBER now: what it held back and is still open is told."""
    ask_daemon(path, "end_silence", silence=number)
    click.echo(f"silence {number} ended")
