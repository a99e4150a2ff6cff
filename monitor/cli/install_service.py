"""``camwatch install-service``: make this installation a service of the machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from monitor.datafiles import ETC
from monitor.service.install import Change, carry_out, plan, systemd_version


@click.command("install-service")
@click.option("--apply", is_flag=True, help="Do it; without this it is only shown.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/"),
    show_default=True,
    help="Another tree than this machine's: for building a package or an image.",
)
@click.option(
    "--command",
    "executable",
    type=click.Path(path_type=Path),
    help="The camwatch command that the unit runs; default: this one.",
)
def install_service(apply: bool, root: Path, executable: Path | None) -> None:
    """Put systemd units, user, directories and an example configuration in place.

    Shows what would be done; --apply does it. Nothing is started or enabled. A configuration that is there
    is left alone, and so are drop-ins (systemctl edit camwatch).
    """
    command = (executable or Path(sys.prefix) / "bin" / "camwatch").absolute()
    found = plan(root.absolute(), command, systemd_version())
    for file in found.files:
        click.echo(f"{file.change.value:<9}  {file.mode:04o}  {file.path}")
    if found.configured:
        click.echo(f"kept             {root / 'etc/camwatch'} is configured already")
    for line in found.commands:
        click.echo("run        " + " ".join(line))
    if not apply:
        click.echo("Nothing was changed. To do this: camwatch install-service --apply")
        return
    try:
        carry_out(found)
    except (OSError, subprocess.CalledProcessError) as error:
        raise click.ClickException(str(error)) from None
    done = sum(file.change is not Change.SAME for file in found.files)
    click.echo(f"{done} files written. Dashboards for Grafana: {ETC / 'grafana'}")
    if not command.exists():
        click.echo(f"warning: there is no {command}", err=True)
    click.echo("Next: edit /etc/camwatch, then camwatch check && systemctl enable --now camwatch.service")
