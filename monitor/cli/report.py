"""``camwatch report``: the contract's figures as files that can be signed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import click

from monitor.books.period import Length, Period, before, parse_day, period_of
from monitor.cli.books import devices_with, ledger, span_of, terms_of
from monitor.cli.common import config_option, labels_of, settings_of
from monitor.clock import SystemClock
from monitor.config import DaemonSettings
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


@dataclass(frozen=True, slots=True)
class _Wish:
    """What every report command is told."""

    path: Path
    kinds: tuple[ReportKind, ...]
    formats: tuple[Format, ...]
    output: Path
    language: Language | None
    font: Path | None


def _options(function: Callable[..., None]) -> Callable[..., None]:
    kinds, formats = [kind.value for kind in ReportKind], [format_.value for format_ in Format]
    for option in (
        click.option("--font", type=click.Path(path_type=Path), help="For PDF: a font with Chinese letters."),
        click.option(
            "--language", type=click.Choice([lang.value for lang in Language]), help="By default [daemon]'s."
        ),
        click.option(
            "-o", "--output", type=click.Path(path_type=Path), default=Path(), help="The folder.",
            show_default="the current folder",
        ),
        click.option("-f", "--format", "formats", type=click.Choice(formats), multiple=True,
                     help="By default all three."),
        click.option("-r", "--report", "kinds", type=click.Choice(kinds), multiple=True,
                     help="By default what a contract asks for in such a period."),
        config_option,
    ):  # fmt: skip
        function = option(function)
    return function


def _add(name: str, length: Length) -> None:
    """``camwatch report NAME``."""

    @report.command(name, help=f"Reports of a {length.value}{', from Monday' * (length is Length.WEEK)}.")
    @_options
    @click.option("--of", "day", help=f"Any day of the {length.value}; by default the last whole one.")
    def command(
        path: Path, day: str | None, kinds: tuple[str, ...], formats: tuple[str, ...], output: Path,
        language: str | None, font: Path | None,
    ) -> None:  # fmt: skip
        settings = settings_of(path)
        today = datetime.fromtimestamp(_now(), settings.zone).date()
        period = period_of(length, _day(day) if day else today, settings.zone)
        if day is None:
            period = before(length, period)
        wish = _wish(path, kinds or [kind.value for kind in USUAL[length]], formats, output, language, font)
        _write(settings, length, period, wish, None)


for _name, _length in (
    ("daily", Length.DAY), ("weekly", Length.WEEK), ("monthly", Length.MONTH), ("quarterly", Length.QUARTER)
):  # fmt: skip
    _add(_name, _length)


@report.command()
@_options
@click.option("--from", "since", required=True, help='For example "2026-07-01 08:30" (configured zone).')
@click.option("--to", "until", required=True, help="The first moment that is not in it.")
@click.option("-s", "--select", "labels", multiple=True, help="Only devices with LABEL=VALUE; repeatable.")
def span(
    path: Path, since: str, until: str, labels: tuple[str, ...], kinds: tuple[str, ...],
    formats: tuple[str, ...], output: Path, language: str | None, font: Path | None,
) -> None:  # fmt: skip
    """Reports of any span of time, of all devices or of some."""
    settings = settings_of(path)
    period = span_of(since, until, settings.zone)
    wish = _wish(path, kinds or [ReportKind.STATEMENT.value], formats, output, language, font)
    _write(settings, None, period, wish, labels_of(labels) if labels else None)


def _wish(
    path: Path, kinds: Iterable[str], formats: Iterable[str], output: Path, language: str | None,
    font: Path | None,
) -> _Wish:  # fmt: skip
    return _Wish(
        path,
        tuple(map(ReportKind, kinds)),
        tuple(map(Format, formats)) or tuple(Format),
        output,
        Language(language) if language else None,
        font,
    )


def _write(
    settings: DaemonSettings, length: Length | None, period: Period, wish: _Wish,
    labels: Mapping[str, str] | None,
) -> None:  # fmt: skip
    now = _now()
    if period.since >= now:
        raise click.ClickException(f"{period.first_day} is in the future")
    terms, spoken = terms_of(wish.path), words(wish.language or settings.language)
    with ledger(settings, read_only=True) as db:
        devices = devices_with(db, labels) if labels is not None else None
        order = Order(length, period, wish.kinds, wish.formats, wish.output, wish.font, devices=devices)
        try:
            for file in make(db, order, terms, spoken, now):
                click.echo(file)
        except (NothingBooked, NoFont, OSError) as error:
            raise click.ClickException(str(error)) from None


def _now() -> int:
    return SystemClock().now().wall // 1000


def _day(text: str) -> date:
    try:
        return parse_day(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--of") from None
