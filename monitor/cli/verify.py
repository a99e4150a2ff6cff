"""``camwatch verify``: somebody has seen that what was repaired works."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.books import verify as books
from monitor.cli.books import ledger
from monitor.cli.common import config_option, settings_of
from monitor.cli.handle import author_option, number_of
from monitor.clock import SystemClock
from monitor.model import IncidentId


@click.command()
@config_option
@author_option
@click.argument("incident")
@click.argument("text", default="")
def verify(path: Path, author: str, incident: str, text: str) -> None:
    """Verify a repaired incident ("412" or "#412"): somebody has seen that it works, or the customer said so.

    Works on the ledger, with or without the daemon. Checks verify too, once they have held for [contract]
    proof; the first of both counts.
    """
    settings, number = settings_of(path), IncidentId(number_of(incident))
    with ledger(settings) as db:
        try:
            books.verify(db, number, author, text[:500], SystemClock().now().wall // 1000)
        except books.VerifyRefused as error:
            raise click.ClickException(str(error)) from None
    click.echo(f"#{number} verified by {author}")
