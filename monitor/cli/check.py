"""``camwatch check``: is this configuration sound?"""

from __future__ import annotations

from pathlib import Path

import click

from monitor.check import examine, in_order, summary


@click.command()
@click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/etc/camwatch/camwatch.toml"),
    show_default=True,
    help="The configuration's main file.",
)
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
