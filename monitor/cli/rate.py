"""``camwatch rate``: the online rate of any scope over any span, both ways, from the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor.books.moments import Moment
from monitor.books.period import Length, Period, parse_period, period_of, samples_of
from monitor.books.rates import Rates, rates
from monitor.books.read import read_records, snapshot
from monitor.books.records import Stretch
from monitor.books.tally import mask_of
from monitor.books.timeline import segments_of
from monitor.cli.books import ledger, span_of, terms_of
from monitor.cli.common import config_option, labels_of, settings_of
from monitor.clock import SystemClock
from monitor.config import DaemonSettings

_WIDTH = 130
_LABELS = ("device", "name", "kind", "address", "site", "area", "key_site", "vendor", "model", "feeder")


@click.command()
@config_option
@click.option("--of", "period", help='"2026-07-01", "2026-W27", "2026-07", "2026Q3"; by default this month.')
@click.option("--from", "since", help='Any span: "2026-07-01 08:30", with --to.')
@click.option("--to", "until")
@click.option(
    "-s",
    "--select",
    "labels",
    multiple=True,
    help="LABEL=VALUE, repeatable; by default kind=camera. Key sites: key_site=true.",
)
@click.option("--by", type=click.Choice(_LABELS), help="One line for each value of this label.")
@click.option("--json", "as_json", is_flag=True, help="For programs: seconds, and times as UTC seconds.")
def rate(
    path: Path, period: str | None, since: str | None, until: str | None, labels: tuple[str, ...],
    by: str | None, as_json: bool,
) -> None:  # fmt: skip
    """The online rate of a scope: time-weighted with and without exclusions, and at each moment.

    Exact to the second, by the definitions of docs/contract.md (`camwatch help contract`). Percentages are
    cut off, not rounded.
    """
    settings, wanted = settings_of(path), {"kind": "camera", **labels_of(labels)}
    for label in wanted:
        if label not in _LABELS:
            raise click.BadParameter(f'no label "{label}": {", ".join(_LABELS)}', param_hint="--select")
    now = SystemClock().now().wall // 1000
    span = _span(settings, period, since, until, now)
    if span.since >= now:
        raise click.ClickException(f"{span.first_day} is in the future")
    contract = terms_of(path).contract
    line = contract.key_line_bp if wanted.get("key_site") == "true" else contract.line_bp
    with ledger(settings, read_only=True) as db, snapshot(db):
        everything = segments_of(read_records(db, span.cut(now)))
    chosen = everything.where(mask_of(everything, lambda s: _matches(s, wanted)))
    found = rates(
        chosen, lambda s: _label(s, by) if by else "", line, samples_of(span.cut(now), contract.sample_times),
        contract.unmeasured,
    )  # fmt: skip
    if not found:
        raise click.ClickException("the ledger has no such device in service in that time")
    if as_json:
        click.echo(json.dumps([_plain(one) for one in found], ensure_ascii=False, indent=2))
    else:
        # Whatever the terminal: a rate that is cut short is a wrong one.
        Console(width=max(Console().width, _WIDTH)).print(_table(found, by, span))


def _span(
    settings: DaemonSettings, period: str | None, since: str | None, until: str | None, now: int
) -> Period:
    if since and until and period is None:
        return span_of(since, until, settings.zone)
    if since or until:
        raise click.UsageError("give --from and --to together, and no --of")
    if period is None:
        return period_of(Length.MONTH, datetime.fromtimestamp(now, settings.zone).date(), settings.zone)
    try:
        return parse_period(period, settings.zone)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--of") from None


def _label(stretch: Stretch, label: str) -> str:
    match label:
        case "key_site":
            return "true" if stretch.key_site else "false"
        case "kind":
            return stretch.kind.value
    return str(getattr(stretch, label))


def _matches(stretch: Stretch, wanted: Mapping[str, str]) -> bool:
    return all(_label(stretch, label) == value for label, value in wanted.items())


def _plain(one: Rates) -> dict[str, object]:
    return {
        **asdict(one.tally),
        "name": one.name,
        "devices": one.devices,
        "rate": one.rate.percent(),
        "rate_without_exclusions": one.gross.percent(),
        "coverage": one.tally.coverage.percent(),
        "sampled": one.sampled.percent(),
        "worst": _moment(one.worst),
        "best": _moment(one.best),
        "below_s": one.below,
        "breaches": one.breaches,
    }


def _moment(found: Moment | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {
        "at": found.at,
        "seconds": found.seconds,
        "online": found.rate.online,
        "counted": found.rate.counted,
    }


def _table(found: list[Rates], by: str | None, span: Period) -> Table:
    table = Table(
        title=f"{span.local(span.since):%Y-%m-%d %H:%M:%S} – {span.local(span.until):%Y-%m-%d %H:%M:%S}"
    )
    table.add_column(by or "", overflow="fold")
    for title in ("devices", "rate", "without exclusions", "measured", "as sampled", "worst", "best",
                  "below the line", "breaches"):  # fmt: skip
        table.add_column(title, justify="right", overflow="fold")
    for one in found:
        table.add_row(
            Text(one.name or ("–" if by else "all")), str(one.devices), one.rate.percent() or "–",
            one.gross.percent() or "–", one.tally.coverage.percent() or "–", one.sampled.percent() or "–",
            _shown(one.worst, span), _shown(one.best, span), _hours(one.below), str(one.breaches),
        )  # fmt: skip
    return table


def _shown(found: Moment | None, span: Period) -> str:
    return f"{found.rate.percent()} ({span.local(found.at):%m-%d %H:%M:%S})" if found else "–"


def _hours(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
