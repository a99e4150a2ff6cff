"""The contract statement: met or not met, with and without exclusions, and everything it rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from monitor.books.exclusion import Exclusion
from monitor.books.moments import Moment, Moments
from monitor.books.records import Stretch
from monitor.books.tally import Fraction, Tally, mask_of, tallies, tally
from monitor.books.timeline import Class, Segments
from monitor.reports.charts import bars, rate_by_day
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
    hours,
)
from monitor.reports.figures import Figures
from monitor.reports.parts import (
    cause_word,
    head,
    limit,
    natural,
    scope_word,
    service_tables,
    signatures,
    subtitle,
)
from monitor.words import N_, Words

TITLE = N_("Contract statement of the video network")


def statement(figures: Figures, words: Words) -> Document:
    return Document(
        words.text(TITLE),
        subtitle(figures, words),
        tuple(_blocks(figures, words)),
        figures.period.zone,
        words,
    )


def _blocks(f: Figures, words: Words) -> Iterator[Block]:
    t = words.text
    yield Facts(head(f, words))
    yield Heading(t("1. Result"))
    yield _result(f, words)
    yield Paragraph(_policy(f, words))
    yield _by_day(f, words)
    yield Heading(t("2. Momentary rate"))
    yield _momentary(f, words)
    yield Heading(t("3. By area"))
    yield _scopes(
        f, words, t("Online rate by area"), t("Area"), f.cameras, lambda s: s.area, f.contract.line_bp
    )
    yield Heading(t("4. Key sites"))
    yield _scopes(
        f,
        words,
        t("Online rate by key site"),
        t("Site"),
        f.key_cameras,
        lambda s: s.site,
        f.contract.key_line_bp,
    )
    yield Heading(t("5. Exclusions"))
    yield _exclusions(f, words)
    yield Heading(t("6. Cameras that were off line longest"))
    yield from _worst(f, words)
    yield Heading(t("7. Service"))
    yield from service_tables(f, words)
    yield signatures(
        words,
        t("Customer: {name}", name=f.contract.customer),
        t("Maintenance: {name}", name=f.contract.provider),
    )


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    segments: Segments
    line_bp: int


def _result(f: Figures, words: Words) -> Table:
    t = words.text
    lines = (
        _Line(t("All cameras"), f.cameras, f.contract.line_bp),
        _Line(t("Cameras at key sites"), f.key_cameras, f.contract.key_line_bp),
    )
    rows: list[tuple[Value, ...]] = []
    bad = set()
    for n, line in enumerate(lines):
        tally_ = tally(line.segments)
        verdict = met(tally_, line.line_bp, f, words)
        if tally_.rate(f.contract.unmeasured).below(line.line_bp):
            bad.add(n)
        required = Fraction(line.line_bp, 10_000)
        rows.append((line.name, cameras_of(line.segments), *_rates(tally_, f), required, verdict))
    columns = (
        Column(t("Scope"), width=1.5),
        Column(t("Cameras"), Sort.COUNT, 0.9),
        *_rate_columns(words),
        Column(t("Required"), Sort.PERCENT, 1.0),
        Column(t("Verdict"), width=0.75),
    )
    return Table(t("Online rate, time-weighted"), columns, rows, frozenset(bad))


def _rate_columns(words: Words) -> tuple[Column, ...]:
    """Columns 2 to 11 of a table whose first two are name and cameras."""
    t = words.text
    return (
        Column(t("In service"), Sort.SECONDS, 1.45, sums=True),
        Column(t("Not measured"), Sort.SECONDS, 1.15, sums=True),
        Column(t("Excluded"), Sort.SECONDS, 1.15, sums=True),
        Column(t("Online"), Sort.SECONDS, 1.45, sums=True),
        Column(t("Counted"), Sort.SECONDS, 1.45, sums=True),
        Column(t("Rate"), Sort.PERCENT, 0.75, of=(5, 6)),
        Column(t("Online, nothing excluded"), Sort.SECONDS, 1.45, sums=True),
        Column(t("Counted, nothing excluded"), Sort.SECONDS, 1.45, sums=True),
        Column(t("Rate without exclusions"), Sort.PERCENT, 1.1, of=(8, 9)),
        Column(t("Coverage"), Sort.PERCENT, 0.95),
    )


def _rates(tally_: Tally, f: Figures) -> tuple[Value, ...]:
    net, gross = tally_.rate(f.contract.unmeasured), tally_.gross(f.contract.unmeasured)
    return (
        tally_.service,
        tally_.all_unmeasured,
        tally_.excluded,
        net.online,
        net.counted,
        net,
        gross.online,
        gross.counted,
        gross,
        tally_.coverage,
    )


def met(tally_: Tally, line_bp: int, f: Figures, words: Words) -> str:
    rate = tally_.rate(f.contract.unmeasured)
    if not rate.counted:
        return words.text("nothing counted")
    return words.text("not met") if rate.below(line_bp) else words.text("met")


def cameras_of(segments: Segments) -> int:
    """Devices with a second in service among these segments."""
    return len({segments.stretches[n].device for n in np.unique(segments.stretch)})


def _policy(f: Figures, words: Words) -> str:
    texts = {
        "left_out": N_("Time that was not measured is left out of the rates and shown as coverage."),
        "online": N_("By contract, time that was not measured counts as online."),
        "offline": N_("By contract, time that was not measured counts as offline."),
    }
    cut_off = words.text(
        "Percentages are cut off, not rounded. Times are hours:minutes:seconds of all cameras."
    )
    return words.text(texts[f.contract.unmeasured.value]) + " " + cut_off


def _by_day(f: Figures, words: Words) -> Chart:
    days = [f"{day:%m-%d}" for day in f.period.days()]
    rates = f.moments.sums(f.period.day_bounds())
    text = words.text("required: {limit}", limit=limit(f.contract.line_bp))
    return Chart(words.text("Online rate by day"), rate_by_day(days, rates, f.contract.line_bp, text))


def _momentary(f: Figures, words: Words) -> Table:
    t = words.text
    rows = [
        _moment_row(t("All cameras"), f.moments, f.contract.line_bp, f),
        _moment_row(t("Cameras at key sites"), f.key_moments, f.contract.key_line_bp, f),
    ]
    columns = (
        Column(t("Scope"), width=1.4),
        Column(t("As sampled at {times}", times=", ".join(f.contract.sample_at)), Sort.PERCENT, 1.4),
        Column(t("Worst"), Sort.PERCENT, 0.8),
        Column(t("Worst moment"), Sort.MOMENT, 1.6),
        Column(t("Online then"), width=1.2),
        Column(t("Best"), Sort.PERCENT, 0.8),
        Column(t("Best moment"), Sort.MOMENT, 1.6),
        Column(t("Time below the line"), Sort.SECONDS, 1.2),
        Column(t("Breaches"), Sort.COUNT, 0.8),
    )
    return Table(t("Online rate at each moment"), columns, rows)


def _moment_row(name: str, found: Moments, line_bp: int, f: Figures) -> tuple[Value, ...]:
    worst, best = found.worst(), found.best()
    below = found.below(line_bp)
    return (
        name,
        found.sampled(f.samples),
        *_moment(worst),
        f"{worst.rate.online:,} / {worst.rate.counted:,}" if worst else None,
        *_moment(best),
        sum(span.until - span.since for span in below),
        len(below),
    )


def _moment(found: Moment | None) -> tuple[Value, Value]:
    return (found.rate, found.at) if found else (None, None)


def _scopes(
    f: Figures,
    words: Words,
    title: str,
    name: str,
    segments: Segments,
    key: Callable[[Stretch], str],
    line_bp: int,
) -> Table:
    t = words.text
    counts: dict[str, set[str]] = {}
    for n in np.unique(segments.stretch):
        stretch = segments.stretches[n]
        counts.setdefault(key(stretch), set()).add(stretch.device)
    rows: list[tuple[Value, ...]] = []
    bad = set()
    found = tallies(segments, key)
    for scope in sorted(counts, key=natural):
        tally_ = found[scope]
        if tally_.rate(f.contract.unmeasured).below(line_bp):
            bad.add(len(rows))
        verdict = met(tally_, line_bp, f, words)
        rows.append((scope or t("(none)"), len(counts[scope]), *_rates(tally_, f), verdict))
    columns = (
        Column(name, width=1.5),
        Column(t("Cameras"), Sort.COUNT, 0.9),
        *_rate_columns(words),
        Column(t("Verdict"), width=0.75),
    )
    return Table(title, columns, rows, frozenset(bad), total=t("Total"), empty=t("None."))


def _exclusions(f: Figures, words: Words) -> Table:
    t = words.text
    rows: list[tuple[Value, ...]] = []
    for exclusion in f.records.exclusions:
        seconds, offline = _effect(exclusion, f.cameras)
        cause = cause_word(exclusion.cause, words)
        rows.append(
            (
                exclusion.id,
                scope_word(exclusion.reach, exclusion.name, words),
                cause if exclusion.counts else t("{cause} (not confirmed, does not count)", cause=cause),
                exclusion.span.since,
                exclusion.span.until,
                seconds,
                offline,
                exclusion.author,
                exclusion.confirmed_by,
                exclusion.note,
            )
        )
    columns = (
        Column(t("No."), Sort.COUNT, 0.5),
        Column(t("Scope"), width=1.5),
        Column(t("Cause"), width=1.3),
        Column(t("From"), Sort.MOMENT, 1.6),
        Column(t("To"), Sort.MOMENT, 1.6),
        Column(t("Camera time"), Sort.SECONDS, 1.2),
        Column(t("Of it offline"), Sort.SECONDS, 1.2),
        Column(t("Entered by"), width=0.9),
        Column(t("Confirmed by"), width=0.9),
        Column(t("Evidence"), width=2.0),
    )
    title = t("Exclusions (where they overlap, the time counts once in the rates)")
    return Table(title, columns, rows, empty=t("None."))


def _effect(exclusion: Exclusion, segments: Segments) -> tuple[int, int]:
    """Camera-seconds within the exclusion by itself, and those of them that were off line."""
    inside = segments.where(mask_of(segments, exclusion.covers)).within(exclusion.span)
    offline = inside.seconds[inside.standing == Class.OFFLINE]
    return int(inside.seconds.sum()), int(offline.sum())


def _worst(f: Figures, words: Words) -> Iterator[Block]:
    t = words.text
    last = {s.device: s for s in f.cameras.stretches}
    ranked = sorted(
        tallies(f.cameras, lambda s: s.device).items(), key=lambda found: (-found[1].offline, found[0])
    )
    worst = [(last[device], tally_) for device, tally_ in ranked[:20] if tally_.offline]
    rows: list[tuple[Value, ...]] = [
        (
            s.name,
            s.device,
            s.area,
            s.site,
            tally_.offline,
            tally_.online,
            tally_.online + tally_.offline,
            tally_.rate(),
        )
        for s, tally_ in worst
    ]
    if worst:
        yield Chart(
            t("Time off line that counts: the worst twenty"),
            bars(
                [s.name for s, _ in worst],
                [w.offline for _, w in worst],
                [hours(w.offline) for _, w in worst],
            ),
        )
    columns = (
        Column(t("Camera"), width=2.0),
        Column(t("Number"), width=2.0),
        Column(t("Area"), width=1.2),
        Column(t("Site"), width=1.4),
        Column(t("Offline"), Sort.SECONDS, 1.2),
        Column(t("Online"), Sort.SECONDS, 1.2),
        Column(t("Counted"), Sort.SECONDS, 1.2),
        Column(t("Rate"), Sort.PERCENT, 0.9, of=(5, 6)),
    )
    yield Table(t("The worst twenty cameras"), columns, rows, empty=t("No camera was off line."))
