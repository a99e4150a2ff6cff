"""``camwatch backup`` and ``camwatch restore``."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import click

from monitor import backup as backups
from monitor.cli.common import config_option
from monitor.clock import SystemClock
from monitor.config import ConfigError
from monitor.config.layout import layout
from monitor.statedir import in_use
from monitor.storage.ledger import LedgerTooNew


@click.command()
@config_option
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/var/backups/camwatch"),
    show_default=True,
)
@click.option("--keep", type=click.IntRange(1), help="Remove all but so many of the newest backups there.")
def backup(path: Path, folder: Path, keep: int | None) -> None:
    """Save ledger, spool and configuration to one checked file; the daemon may go on meanwhile.

    Secrets are not in it: save what LoadCredential= and { file = … } name by other means.
    """
    made = datetime.fromtimestamp(SystemClock().now().wall / 1000, UTC).isoformat()
    try:
        target = backups.make(layout(path), folder, made)
        said = _said(target)
        pruned = backups.prune(folder, keep) if keep else []
    except (backups.BackupError, ConfigError, sqlite3.Error, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(said)
    if pruned:
        click.echo(f"{len(pruned)} old backups removed")


def _said(target: Path) -> str:
    """What was saved, read back from the file."""
    try:
        manifest = backups.read_manifest(target)
    except LedgerTooNew as error:  # after a downgrade: saved whole all the same
        return f"saved, but only a newer Camwatch can restore it: {error}"
    size = target.stat().st_size
    return f"{target}: {len(manifest.files)} files, {size / 1e6:.1f} MB, ledger schema {manifest.schema}"


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/"),
    show_default=True,
    help="Put the files below this folder instead of where they stood.",
)
@click.option("--replace", is_flag=True, help="Keep files in the way as NAME.before-restore, and go on.")
@click.option("--list", "only_list", is_flag=True, help="Check the backup and show what is in it.")
def restore(file: Path, root: Path, replace: bool, only_list: bool) -> None:
    """Put a backup back, on this or on a new machine. The daemon must be stopped.

    The whole file is checked before anything is written. Secrets are to be put in place by hand.
    """
    try:
        manifest = backups.read_manifest(file)
        click.echo(f"made {manifest.made} by Camwatch {manifest.camwatch}, ledger schema {manifest.schema}")
        if only_list:
            for kept in manifest.files:
                click.echo(f"{kept.size:>12}  {kept.path}")
            return
        for folder in backups.state_dirs(manifest, root):
            if in_use(folder):
                raise click.ClickException(
                    f"camwatch runs, its books in {folder}: stop it first (systemctl stop camwatch)"
                )
        written = backups.restore(file, root, replace=replace)
    except (backups.BackupError, LedgerTooNew, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{len(written)} files restored. Put the secrets in place, then: camwatch check")
