"""``camwatch exclude``: spans of time that do not count against the contract."""

from __future__ import annotations

import getpass
import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor.books import exclude as books
from monitor.books.exclude import Audit, Draft, ExclusionRefused
from monitor.books.exclusion import Cause, Exclusion, Reach
from monitor.books.period import Period
from monitor.books.read import read_exclusions, read_records
from monitor.books.records import Span
from monitor.books.suggest import planned, read_announcements, suggestions
from monitor.cli.books import ledger, moment
from monitor.cli.common import config_option, settings_of
from monitor.clock import SystemClock
from monitor.config import ConfigError, load

_WIDTH = 130
_CAUSES = click.Choice([cause.value for cause in Cause])
_AUTHOR = click.option("--by", "author", default=getpass.getuser, help="Who answers for it; default: you.")


def _scope_options(function: Callable[..., None]) -> Callable[..., None]:
    for reach in (Reach.DEVICE, Reach.FEEDER, Reach.SITE, Reach.AREA):
        function = click.option(f"--{reach.value}", reach.value, help=f"Devices of this {reach.value}.")(
            function
        )
    return click.option("--all", "everything", is_flag=True, help="All devices.")(function)


@click.group()
def exclude() -> None:
    """Exclusions: time that does not count against the contract, with cause, author and evidence.

    Can be entered before or after the fact; every change is kept, with who made it and when.
    """


@exclude.command()
@config_option
@_scope_options
@click.option(
    "--from", "since", required=True, help='For example "2026-07-01 08:30", in the configured zone.'
)
@click.option("--to", "until", required=True, help="The first moment that counts again.")
@click.option("--cause", required=True, type=_CAUSES)
@click.option("--note", default="", help="Evidence: announcement number, photographs, who was called.")
@click.option("--confirmed-by", default="", help="Who confirmed it for the customer.")
@_AUTHOR
def add(
    path: Path, everything: bool, area: str | None, site: str | None, feeder: str | None, device: str | None,
    since: str, until: str, cause: str, note: str, confirmed_by: str, author: str,
) -> None:  # fmt: skip
    """Add an exclusion over a scope and a span."""
    settings = settings_of(path)
    scope = _scope(everything, area, site, feeder, device)
    if scope is None:
        raise click.UsageError("name a scope: --all, --area, --site, --feeder or --device")
    span = Span(moment("--from", since, settings.zone), moment("--to", until, settings.zone))
    draft = Draft(*scope, span, Cause(cause), note, confirmed_by)
    with ledger(settings) as db, _refusals():
        id_ = books.add(db, draft, author, _now())
    click.echo(f"exclusion {id_} added")
    if Cause(cause) is Cause.THIRD_PARTY and not confirmed_by:
        click.echo(f"it counts once the customer has confirmed it: exclude edit {id_} --confirmed-by NAME")


@exclude.command()
@config_option
@_scope_options
@click.option("--from", "since")
@click.option("--to", "until")
@click.option("--cause", type=_CAUSES)
@click.option("--note")
@click.option("--confirmed-by")
@_AUTHOR
@click.argument("number", type=int)
def edit(
    path: Path, everything: bool, area: str | None, site: str | None, feeder: str | None, device: str | None,
    since: str | None, until: str | None, cause: str | None, note: str | None, confirmed_by: str | None,
    author: str, number: int,
) -> None:  # fmt: skip
    """Change what is named of exclusion NUMBER; the rest stays."""
    settings = settings_of(path)
    with ledger(settings) as db, _refusals():
        old = books.find(db, number)
        scope = _scope(everything, area, site, feeder, device) or (old.reach, old.name)
        span = Span(
            moment("--from", since, settings.zone) if since else old.span.since,
            moment("--to", until, settings.zone) if until else old.span.until,
        )
        draft = Draft(*scope, span, Cause(cause) if cause else old.cause, old.note, old.confirmed_by)
        if note is not None:
            draft = replace(draft, note=note)
        if confirmed_by is not None:
            draft = replace(draft, confirmed_by=confirmed_by)
        books.edit(db, number, draft, author, _now())
    click.echo(f"exclusion {number} changed")


@exclude.command()
@config_option
@_AUTHOR
@click.argument("number", type=int)
def remove(path: Path, author: str, number: int) -> None:
    """Remove exclusion NUMBER: its time counts again. Its history is kept."""
    with ledger(settings_of(path)) as db, _refusals():
        books.remove(db, number, author, _now())
    click.echo(f"exclusion {number} removed")


@exclude.command("list")
@config_option
@click.option("--history", is_flag=True, help="Every change: who, when, before, after.")
@click.option("--json", "as_json", is_flag=True, help="For programs. Times are UTC seconds.")
def list_(path: Path, history: bool, as_json: bool) -> None:
    """The exclusions, by their begin."""
    settings = settings_of(path)
    with ledger(settings, read_only=True) as db:
        exclusions, changes = read_exclusions(db), books.history(db) if history else []
    if as_json:
        click.echo(json.dumps([asdict(o) for o in changes or exclusions], ensure_ascii=False, indent=2))
        return
    if history:
        for change in changes:
            click.echo(_told(change, settings.zone))
    elif not exclusions:
        click.echo("no exclusions")
    else:
        # Whatever the terminal: a time that is cut short is a wrong one.
        Console(width=max(Console().width, _WIDTH)).print(_table(exclusions, settings.zone))


@exclude.command()
@config_option
@click.option("--from", "since", help="By default 31 days ago.")
@click.option("--to", "until", help="By default now.")
@click.option(
    "--announcements",
    type=click.Path(path_type=Path),
    help="A CSV file of outages announced by the utility: scope, name, from, to, cause, note.",
)
def suggest(path: Path, since: str | None, until: str | None, announcements: Path | None) -> None:
    """Suggest exclusions: commands to look at, correct and run. Nothing is entered by itself.

    From feeders whose devices fell together, from announced outages (the file's columns are reach, name,
    from, to, cause, note), and from [[maintenance]] windows that were announced in time. What an exclusion
    covers already is not suggested again.
    """
    settings = settings_of(path)
    zone, now = settings.zone, _now()
    period = Period(
        moment("--from", since, zone) if since else now - 31 * 86_400,
        moment("--to", until, zone) if until else now,
        zone,
    )
    with ledger(settings, read_only=True) as db:
        records, entered = read_records(db, period), read_exclusions(db)
    try:
        announced = read_announcements(announcements, zone) if announcements else []
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    drafts = suggestions(records, [*announced, *_planned(path, period)], entered)
    for draft in drafts:
        scope = ["--all"] if draft.reach is Reach.ALL else [f"--{draft.reach.value}", draft.name]
        command = [
            "camwatch", "exclude", "add", *scope, "--from", _local(draft.span.since, zone), "--to",
            _local(draft.span.until, zone), "--cause", draft.cause.value, "--note", draft.note,
        ]  # fmt: skip
        click.echo(shlex.join(command))
    if not drafts:
        click.echo("nothing to suggest")


def _planned(path: Path, period: Period) -> list[Draft]:
    """From the configuration, as far as it can be read: the books do not depend on it."""
    try:
        config = load(path)
    except ConfigError:
        click.echo(
            "the configuration is not sound (see camwatch check): [[maintenance]] windows are left aside",
            err=True,
        )
        return []
    return planned(config.policy.maintenance, config.inventory.devices.values(), period)


def _told(change: Audit, zone: ZoneInfo) -> str:
    """One line: who, when, and what was changed from what to what."""
    before, after = (_plain(text, zone) for text in (change.before, change.after))
    if before and after:
        parts = [
            f"{key}: {before[key] or '–'} → {after[key] or '–'}" for key in after if before[key] != after[key]
        ]
    else:
        parts = [f"{key}: {value}" for key, value in (after or before).items() if value]
    head = f"{_local(change.at, zone)} {change.author} {change.action} exclusion {change.exclusion}"
    return f"{head}; {'; '.join(parts)}"


def _plain(draft: str, zone: ZoneInfo) -> dict[str, str]:
    """An exclusion as the audit keeps it, in the words of ``exclude add``."""
    if not draft:
        return {}
    found = json.loads(draft)
    since, until = found["span"]
    return {
        "scope": f"{found['reach']} {found['name']}".strip(),
        "from": _local(since, zone),
        "to": _local(until, zone),
        "cause": found["cause"],
        "note": found["note"],
        "confirmed by": found["confirmed_by"],
    }


def _table(exclusions: list[Exclusion], zone: ZoneInfo) -> Table:
    table = Table()
    for title in ("no.", "scope", "from", "to", "cause", "author", "confirmed by", "note"):
        table.add_column(title, overflow="fold", no_wrap=title in ("no.", "from", "to"))
    for e in exclusions:
        cause = e.cause.value if e.counts else f"{e.cause.value} (not confirmed)"
        table.add_row(
            *map(
                Text,
                (str(e.id), f"{e.reach.value} {e.name}".strip(), _local(e.span.since, zone),
                 _local(e.span.until, zone), cause, e.author, e.confirmed_by, e.note),
            )
        )  # fmt: skip
    return table


def _scope(
    everything: bool, area: str | None, site: str | None, feeder: str | None, device: str | None
) -> tuple[Reach, str] | None:
    named = [
        (reach, name)
        for reach, name in (
            (Reach.AREA, area), (Reach.SITE, site), (Reach.FEEDER, feeder), (Reach.DEVICE, device)
        )
        if name is not None
    ]  # fmt: skip
    if everything:
        named.append((Reach.ALL, ""))
    if len(named) > 1:
        raise click.UsageError("name one scope only: --all, --area, --site, --feeder or --device")
    return named[0] if named else None


@contextmanager
def _refusals() -> Iterator[None]:
    """A refusal of the books ends the command with its words."""
    try:
        yield
    except ExclusionRefused as error:
        raise click.ClickException(str(error)) from None


def _now() -> int:
    return SystemClock().now().wall // 1000


def _local(at: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at, UTC).astimezone(zone):%Y-%m-%d %H:%M:%S}"
