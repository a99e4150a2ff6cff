"""``camwatch help TOPIC``: the documentation, without a browser."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from monitor.datafiles import DOCS
from monitor.problems import suggest


def _topics() -> dict[str, Path]:
    return {path.name.removesuffix(".md"): path for path in sorted(DOCS.glob("*.md"))}


def _complete(context: click.Context, argument: click.Parameter, begun: str) -> list[CompletionItem]:
    return [CompletionItem(topic) for topic in _topics() if topic.startswith(begun)]


@click.command("help")
@click.argument("topic", required=False, shell_complete=_complete)
@click.pass_context
def help_(context: click.Context, topic: str | None) -> None:
    """Show the documentation on TOPIC, or the options of a command; without one, the list of topics."""
    topics = _topics()
    if topic is None:
        for name, path in topics.items():
            click.echo(f"{name:<20} {path.read_text('utf-8').splitlines()[0].lstrip('# ')}")
        return
    main = context.parent
    command = main.command if main else None
    if topic not in topics and main and isinstance(command, click.Group):
        found = command.get_command(main, topic)
        if found is not None:
            click.echo(found.get_help(click.Context(found, main, topic)))
            return
    if topic not in topics:
        raise click.ClickException(f'no topic is called "{topic}"; {suggest(topic, topics)}')
    click.echo_via_pager(topics[topic].read_text("utf-8"))
