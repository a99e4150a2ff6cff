"""The fault statistics report (系统故障统计分析报告): by cause, area, kind, model, hour, weekday and
duration, beside the period before."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from monitor.books.outages import Fault, grouped
from monitor.books.tally import tally
from monitor.notifiers.headline import reason_word
from monitor.reports.charts import heat_map, pareto
from monitor.reports.document import (
    Block,
    Chart,
    Column,
    Document,
    Facts,
    Heading,
    Paragraph,
    Sort,
    Table,
    Value,
)
from monitor.reports.document import hours as hours_of
from monitor.reports.drawing import Drawing
from monitor.reports.figures import Figures
from monitor.reports.parts import head, kind_word, service_tables, subtitle
from monitor.words import N_, Words

TITLE = N_("Fault statistics and analysis")

_WEEKDAYS = (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun"))

_LENGTHS = (
    (600, N_("up to 10 min")),
    (3600, N_("10 min to 1 h")),
    (12 * 3600, N_("1 h to 12 h")),
    (24 * 3600, N_("12 h to 24 h")),
    (None, N_("longer than 24 h")),
)


def statistics(figures: Figures, earlier: Figures | None, words: Words) -> Document:
    """``earlier``: the period before, when the ledger reaches back so far."""
    return Document(
        words.text(TITLE),
        subtitle(figures, words),
        tuple(_blocks(figures, earlier, words)),
        figures.period.zone,
        words,
    )


def _blocks(f: Figures, earlier: Figures | None, words: Words) -> Iterator[Block]:
    t = words.text
    before = earlier.faults if earlier else None
    yield Facts(head(f, words))
    yield Heading(t("1. Trend"))
    yield _trend(f, earlier, words)
    if earlier is None:
        yield Paragraph(t("The ledger does not reach back to the period before: there is no trend yet."))
    yield Heading(t("2. Causes"))
    by_cause = sorted(grouped(f.faults, lambda x: _cause(x, words)).items(), key=lambda found: -len(found[1]))
    if by_cause:
        names, counts = [name for name, _ in by_cause][:10], [len(its) for _, its in by_cause][:10]
        yield Chart(t("Faults by cause"), pareto(names, counts))
    yield _by(
        f.faults, before, lambda x: _cause(x, words), t("Faults by cause, in figures"), t("Cause"), words
    )
    yield Heading(t("3. When"))
    yield Chart(t("Time below the required rate, by weekday and hour"), _heat(f, words))
    yield from _begun(f, words)
    yield _by_length(f.faults, words)
    yield Heading(t("4. Where and what"))
    none = t("(none)")
    yield _by(f.faults, before, lambda x: x.stretch.area or none, t("Faults by area"), t("Area"), words)
    yield _by(
        f.faults, before, lambda x: kind_word(x.stretch.kind, words), t("Faults by kind"), t("Kind"), words
    )
    yield _by(f.faults, before, lambda x: _model(x, none), t("Faults by model"), t("Model"), words)
    yield Heading(t("5. Handling"))
    yield from service_tables(f, words)


def _cause(fault: Fault, words: Words) -> str:
    return reason_word(words, fault.reason) if fault.own else words.text("what carries it was off line")


def _model(fault: Fault, none: str) -> str:
    return " ".join(part for part in (fault.stretch.vendor, fault.stretch.model) if part) or none


def _trend(f: Figures, earlier: Figures | None, words: Words) -> Table:
    t = words.text
    columns = (
        Column(t("Period")),
        Column(t("Online rate"), Sort.PERCENT),
        Column(t("Faults"), Sort.COUNT),
        Column(t("Of them own"), Sort.COUNT),
        Column(t("Offline"), Sort.SECONDS),
        Column(t("Excluded"), Sort.SECONDS),
        Column(t("Problems"), Sort.COUNT),
    )
    rows: list[tuple[Value, ...]] = [
        (
            subtitle(each, words),
            tally(each.cameras).rate(each.contract.unmeasured),
            len(each.faults),
            sum(x.own for x in each.faults),
            sum(x.offline for x in each.faults),
            sum(x.excluded for x in each.faults),
            len(each.problems),
        )
        for each in (earlier, f)
        if each is not None
    ]
    return Table(t("This period beside the one before"), columns, rows)


def _by(
    faults: Iterable[Fault],
    before: Iterable[Fault] | None,
    key: Callable[[Fault], str],
    title: str,
    name: str,
    words: Words,
) -> Table:
    t = words.text
    old = {value: len(its) for value, its in grouped(before or (), key).items()}
    rows: list[tuple[Value, ...]] = []
    for value, its in sorted(grouped(faults, key).items(), key=lambda found: (-len(found[1]), found[0]))[
        :100
    ]:
        offline = sum(x.offline for x in its)
        rows.append(
            (
                value,
                len(its),
                old.get(value, 0) if before is not None else None,
                len({x.stretch.device for x in its}),
                offline,
                offline // len(its),
                max(x.offline for x in its),
            )
        )
    columns = (
        Column(name, width=2.0),
        Column(t("Faults"), Sort.COUNT, sums=True),
        Column(t("Period before"), Sort.COUNT),
        Column(t("Devices"), Sort.COUNT),
        Column(t("Offline"), Sort.SECONDS, 1.3, sums=True),
        Column(t("Mean"), Sort.SECONDS),
        Column(t("Longest"), Sort.SECONDS),
    )
    return Table(title, columns, rows, total=t("Total"), empty=t("No faults."))


def _by_length(faults: Sequence[Fault], words: Words) -> Table:
    t = words.text
    rows: list[tuple[Value, ...]] = []
    least = 0
    for most, name in _LENGTHS:
        its = [x for x in faults if least < x.offline and (most is None or x.offline <= most)]
        rows.append((t(name), len(its), sum(x.own for x in its), sum(x.offline for x in its)))
        least = most or least
    columns = (
        Column(t("Duration")),
        Column(t("Faults"), Sort.COUNT, sums=True),
        Column(t("Of them own"), Sort.COUNT, sums=True),
        Column(t("Offline"), Sort.SECONDS, sums=True),
    )
    return Table(t("Faults by duration"), columns, rows, total=t("Total"))


_Begun = tuple[datetime, Fault]
"""A fault, and when it began in the contract's time zone."""


def _begun(f: Figures, words: Words) -> Iterator[Block]:
    """Faults by when they began; those that came into the period began at another time."""
    t = words.text
    begun = [(f.period.local(x.span.since), x) for x in f.faults if x.span.since > f.period.since]
    cells = [[0] * 24 for _ in range(7)]
    for at, _ in begun:
        cells[at.weekday()][at.hour] += 1
    days = [t(day) for day in _WEEKDAYS]
    most = t("{n} faults", n=max(map(max, cells)))
    yield Chart(t("Faults by when they began, by weekday and hour"), heat_map(days, cells, "0", most))
    yield Paragraph(t("Faults that lasted from before the period are not in it."))
    by_day = grouped(begun, lambda one: one[0].weekday())
    yield _when(
        t("Faults by weekday"), t("Weekday"), [(day, by_day.get(n, [])) for n, day in enumerate(days)], words
    )
    by_hour = grouped(begun, lambda one: one[0].hour)
    hours = [(f"{n:02}:00 – {n:02}:59", by_hour.get(n, [])) for n in range(24)]
    yield _when(t("Faults by hour"), t("Hour"), hours, words)


def _when(title: str, name: str, groups: Sequence[tuple[str, Sequence[_Begun]]], words: Words) -> Table:
    t = words.text
    rows: list[tuple[Value, ...]] = [
        (
            value,
            len(its),
            sum(x.own for x in its),
            len({x.stretch.device for x in its}),
            sum(x.offline for x in its),
        )
        for value, its in ((value, [x for _, x in found]) for value, found in groups)
    ]
    columns = (
        Column(name, width=2.0),
        Column(t("Faults"), Sort.COUNT, sums=True),
        Column(t("Of them own"), Sort.COUNT, sums=True),
        Column(t("Devices"), Sort.COUNT),
        Column(t("Offline"), Sort.SECONDS, 1.3, sums=True),
    )
    return Table(title, columns, rows, total=t("Total"))


def _heat(f: Figures, words: Words) -> Drawing:
    """Seconds below the line in each clock hour of each weekday."""
    cells = [[0] * 24 for _ in range(7)]
    breaches = f.moments.below(f.contract.line_bp)
    hours = list(f.period.hours())
    starts = [begin for begin, _ in hours]
    for breach in breaches:
        for begin, end in hours[max(0, bisect_right(starts, breach.since) - 1) :]:
            if begin >= breach.until:
                break
            local = f.period.local(begin)
            cells[local.weekday()][local.hour] += min(end, breach.until) - max(begin, breach.since)
    longest = hours_of(max(map(max, cells)))
    return heat_map([words.text(day) for day in _WEEKDAYS], cells, hours_of(0), longest)
