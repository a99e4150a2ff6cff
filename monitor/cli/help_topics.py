"""``camwatch help TOPIC``: the documentation, without a browser."""

from __future__ import annotations

import click

from monitor.datafiles import DOCS
from monitor.problems import suggest


@click.command("help")
@click.argument("topic", required=False)
def help_(topic: str | None) -> None:
    """Show the documentation on TOPIC; without one, the list of topics."""
    topics = {path.name.removesuffix(".md"): path for path in sorted(DOCS.glob("*.md"))}
    if topic is None:
        for name, path in topics.items():
            click.echo(f"{name:<20} {path.read_text('utf-8').splitlines()[0].lstrip('# ')}")
        return
    if topic not in topics:
        raise click.ClickException(f'no topic is called "{topic}"; {suggest(topic, topics)}')
    click.echo_via_pager(topics[topic].read_text("utf-8"))
