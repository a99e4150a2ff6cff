"""``camwatch check``: is this configuration sound?"""

from __future__ import annotations

from pathlib import Path

import click

from monitor.check import examine, in_order, summary
from monitor.cli.common import config_option


@click.command()
@config_option
def check(path: Path) -> None:
    """Check configuration, rules, inventory and channels; name every fault, not only the first.

    Prints one line a problem, "file: path: message", and a summary. The exit status is 1 when there are
    errors; warnings alone leave it 0.
    """
    checked = examine(path)
    for problem in in_order(checked.problems):
        click.echo(str(problem))
    click.echo(f"{path}: {summary(checked)}")
    raise SystemExit(1 if checked.errors else 0)
