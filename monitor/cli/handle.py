"""``camwatch ack``, ``resolve``, ``note`` and ``cause``: what people do about an incident."""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from monitor.cli.common import ask_daemon, config_option, for_ms, settings_of, when

author_option = click.option("--by", "author", default=getpass.getuser, help="Who; default: you.")


def number_of(text: str) -> int:
    """``412`` or ``#412``, as messages carry it."""
    number = text.removeprefix("#")
    if not number.isdecimal():
        raise click.BadParameter(f'not an incident\'s number: "{text}"')
    return int(number)


@click.command()
@config_option
@author_option
@click.option("--until", help='"2h", "08:30" or "2026-12-01 08:30": from then on it is told again.')
@click.argument("incident")
def ack(path: Path, author: str, until: str | None, incident: str) -> None:
    """Acknowledge an incident ("412" or "#412"): somebody works on it, nothing is repeated or escalated.

    Without --until that holds to the end of the incident; with it, repetitions and the ladder of escalation
    go on from then.
    """
    zone = settings_of(path).zone
    span = for_ms(until, zone) if until else None
    found = ask_daemon(path, "ack", incident=number_of(incident), author=author, for_ms=span)
    till = f" until {when(found['until'], zone)}" if found["until"] is not None else ""
    click.echo(f"#{found['incident']} acknowledged by {author}{till}")


@click.command()
@config_option
@author_option
@click.argument("incident")
@click.argument("text", default="")
def resolve(path: Path, author: str, incident: str, text: str) -> None:
    """Say that an incident is over. Everybody who was told of it is told so.

    What is still broken opens a new incident after the route's repeat_interval.
    """
    found = ask_daemon(path, "resolve", incident=number_of(incident), author=author, text=text)
    click.echo(f"#{found['incident']} resolved by {author}")


@click.command()
@config_option
@author_option
@click.argument("incident")
@click.argument("text")
def note(path: Path, author: str, incident: str, text: str) -> None:
    """Add a note to the record of an incident: who went there, what was found, what was done."""
    found = ask_daemon(path, "note", incident=number_of(incident), author=author, text=text, kind="note")
    click.echo(f"#{found['incident']}: noted")


@click.command()
@config_option
@author_option
@click.argument("incident")
@click.argument("text")
def cause(path: Path, author: str, incident: str, text: str) -> None:
    """Enter the cause that was found, for the record and the reports."""
    found = ask_daemon(path, "note", incident=number_of(incident), author=author, text=text, kind="cause")
    click.echo(f"#{found['incident']}: cause entered")
