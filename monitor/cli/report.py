"""``camwatch report``: the contract's figures as files that can be signed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import click

from monitor.books.period import Length, before, parse_day, period_of
from monitor.books.settings import Terms
from monitor.cli.books import ledger
from monitor.cli.common import config_option, settings_of
from monitor.clock import SystemClock
from monitor.config import ConfigError, contract_terms
from monitor.reports.build import Order, make
from monitor.reports.figures import NothingBooked
from monitor.reports.fonts import NoFont
from monitor.reports.kinds import USUAL, Format, ReportKind
from monitor.words import Language, words


@click.group()
def report() -> None:
    """Reports from the ledger: contract statement, inspection, fault statistics, advice, operation ledger.

    Written whole or not at all, as HTML, PDF and XLSX. Can be made again at any time: the figures follow from
    the ledger, and exclusions entered since are in them.
    """


def _options(length: Length) -> Callable[[Callable[..., None]], Callable[..., None]]:
    kinds, formats = [kind.value for kind in ReportKind], [format_.value for format_ in Format]
    usual = ", ".join(kind.value for kind in USUAL[length])

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in (
            click.option(
                "--font", type=click.Path(path_type=Path), help="For PDF: a font with Chinese characters."
            ),
            click.option(
                "--language",
                type=click.Choice([lang.value for lang in Language]),
                help="By default that of [daemon].",
            ),
            click.option(
                "-o",
                "--output",
                type=click.Path(path_type=Path),
                default=Path(),
                help="The folder.",
                show_default="the current folder",
            ),
            click.option(
                "-f",
                "--format",
                "formats",
                type=click.Choice(formats),
                multiple=True,
                help="By default all three.",
            ),
            click.option(
                "-r",
                "--report",
                "kinds",
                type=click.Choice(kinds),
                multiple=True,
                help=f"By default {usual}.",
            ),
            click.option(
                "--of", "day", help=f"Any day of the {length.value}; by default the last whole one."
            ),
            config_option,
        ):
            function = option(function)
        return function

    return decorate


@report.command()
@_options(Length.DAY)
def daily(**options: object) -> None:
    """Reports of a day."""
    _write(Length.DAY, **options)  # type: ignore[arg-type]


@report.command()
@_options(Length.WEEK)
def weekly(**options: object) -> None:
    """Reports of a week, from Monday."""
    _write(Length.WEEK, **options)  # type: ignore[arg-type]


@report.command()
@_options(Length.MONTH)
def monthly(**options: object) -> None:
    """Reports of a month."""
    _write(Length.MONTH, **options)  # type: ignore[arg-type]


@report.command()
@_options(Length.QUARTER)
def quarterly(**options: object) -> None:
    """Reports of a quarter."""
    _write(Length.QUARTER, **options)  # type: ignore[arg-type]


def _write(
    length: Length,
    *,
    path: Path,
    day: str | None,
    kinds: tuple[str, ...],
    formats: tuple[str, ...],
    output: Path,
    language: str | None,
    font: Path | None,
) -> None:
    settings = settings_of(path)
    now = SystemClock().now().wall // 1000
    today = datetime.fromtimestamp(now, UTC).astimezone(settings.zone).date()
    period = period_of(length, _day(day) if day else today, settings.zone)
    if day is None:
        period = before(length, period)
    if period.since >= now:
        raise click.BadParameter(f"{period.first_day} is in the future", param_hint="--of")
    order = Order(
        length,
        period,
        tuple(map(ReportKind, kinds)) or USUAL[length],
        tuple(map(Format, formats)) or tuple(Format),
        output,
        font,
    )
    spoken = words(Language(language) if language else settings.language)
    terms = _terms(path)
    with ledger(settings, read_only=True) as db:
        try:
            for file in make(db, order, terms, spoken, now):
                click.echo(file)
        except (NothingBooked, NoFont, OSError) as error:
            raise click.ClickException(str(error)) from None


def _day(text: str) -> date:
    try:
        return parse_day(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--of") from None


def _terms(path: Path) -> Terms:
    try:
        return contract_terms(path)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
