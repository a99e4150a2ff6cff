"""``camwatch watch-peer``: does the other instance live?"""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from monitor.cli.common import config_option, settings_of
from monitor.guard.peer import PeerError, ask
from monitor.guard.settings import PeerSettings
from monitor.secrets import SecretError


@click.command("watch-peer")
@config_option
@click.option("--once", is_flag=True, help="Ask once; the exit status is 1 when it does not live.")
@click.argument("address", required=False)
def watch_peer(path: Path, once: bool, address: str | None) -> None:
    """Ask the other instance (ADDRESS, or [daemon.peer] address) whether it lives; print every change.

    The running daemon does the same and raises an alert: this is for looking at it, and for machines that
    run no daemon.
    """
    peer = settings_of(path).peer
    where = address or peer.address
    if not where or peer.secret is None:
        raise click.ClickException("[daemon.peer] has no address or no secret: whom to ask, and how?")
    if not asyncio.run(_watch(where, peer, once)):
        raise SystemExit(1)


async def _watch(where: str, peer: PeerSettings, once: bool) -> bool:
    last: bool | None = None
    while True:
        try:
            if peer.secret is not None:
                await ask(where, peer.secret.read())
            why = ""
        except (PeerError, SecretError, ValueError) as error:
            why = str(error)
        if (alive := not why) is not last:
            click.echo(f"{where}: alive" if alive else f"{where}: no sign of life: {why}")
        last = alive
        if once:
            return alive
        await asyncio.sleep(peer.every)
