"""The operation ledger (运维工作台账): every incident as a work record."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.books.service import Kept, Service
from monitor.books.verify import BY_CHECK
from monitor.notifiers.headline import severity_word
from monitor.reports.document import (
    Block,
    Column,
    Document,
    Facts,
    Heading,
    Paragraph,
    Sort,
    Table,
    Value,
    moment,
)
from monitor.reports.figures import Figures
from monitor.reports.parts import head, incident_word, kept_word, subtitle
from monitor.words import N_, Words

TITLE = N_("Operation and maintenance ledger")


def operations(figures: Figures, words: Words) -> Document:
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
    yield Heading(t("1. Work records"))
    yield Paragraph(
        t(
            "Told: the first message that a channel took. The clocks stand still while exclusions excuse all"
            " that is to be repaired."
        )
    )
    yield _records(f, words)
    yield Heading(t("2. Times when nothing was measured"))
    yield _gaps(f, words)
    yield Heading(t("3. Readings that alerted too often"))
    yield Paragraph(
        t(
            "A reading that is not as usual five times within seven days is told no more, but listed here: it"
            " changes too often for its rule, or something comes and goes."
        )
    )
    yield _noisy(f, words)


def _records(f: Figures, words: Words) -> Table:
    t = words.text
    rows: list[tuple[Value, ...]] = []
    bad = set()
    for s in f.services:
        limits = f.terms.deadlines(s.level)
        responded, mended = s.responded(limits.respond), s.in_time(limits.repair)
        if Kept.NO in (responded, mended):
            bad.add(len(rows))
        rows.append(
            (
                f"#{s.id}",
                incident_word(words, s.cause, s.subject),
                s.place,
                severity_word(words, s.severity),
                s.since,
                s.found,
                s.told,
                _taken(s, f, words),
                s.repaired,
                _verified(s, f, words),
                s.record,
                s.paused,
                s.repair,
                f"{kept_word(responded, words)} / {kept_word(mended, words)}",
            )
        )
    columns = (
        Column(t("No."), width=0.7),
        Column(t("Incident"), width=2.0),
        Column(t("Place"), width=1.3),
        Column(t("Severity"), width=0.9),
        Column(t("Began"), Sort.MOMENT, 1.3),
        Column(t("Found"), Sort.MOMENT, 1.3),
        Column(t("Told"), Sort.MOMENT, 1.3),
        Column(t("Acknowledged"), width=1.55),
        Column(t("Repaired"), Sort.MOMENT, 1.3),
        Column(t("Verified"), width=1.4),
        Column(t("Cause and notes"), width=1.6),
        Column(t("Clock paused"), Sort.SECONDS, 0.9),
        Column(t("Time to repair"), Sort.SECONDS, 1.0),
        Column(t("Response / repair"), width=1.2),
    )
    return Table(t("Work records"), columns, rows, frozenset(bad), empty=t("No incidents."))


def _taken(s: Service, f: Figures, words: Words) -> str:
    if s.acknowledged is None:
        return "–"
    return f"{moment(s.acknowledged, f.period.zone)} {s.acknowledged_by}".strip()


def _verified(s: Service, f: Figures, words: Words) -> str:
    if s.verified is None:
        return "–"
    who = words.text("by check") if s.verified_by == BY_CHECK else s.verified_by
    return f"{moment(s.verified, f.period.zone)} {who}".strip()


def _noisy(f: Figures, words: Words) -> Table:
    t = words.text
    rows: list[tuple[Value, ...]] = [
        (n.rule, n.name, n.area, f"{n.metric} {n.part}".strip(), n.times, n.untold, n.last,
         f"{n.value:.4g} ({n.low:.4g} … {n.high:.4g})")
        for n in f.noisy
    ]  # fmt: skip
    columns = (
        Column(t("Rule"), width=1.2),
        Column(t("Device"), width=2.0),
        Column(t("Area"), width=1.2),
        Column(t("Reading"), width=2.0),
        Column(t("Times"), Sort.COUNT, 0.6),
        Column(t("Not told"), Sort.COUNT, 0.7),
        Column(t("Last time"), Sort.MOMENT, 1.3),
        Column(t("Last value (usual)"), width=1.6),
    )
    return Table(t("Readings that alerted too often"), columns, rows, empty=t("None."))


def _gaps(f: Figures, words: Words) -> Table:
    """The daemon was not running: between its runs, and up to the time of the report."""
    t = words.text
    edges = [f.period.since, *(edge for span in f.records.watched for edge in span), f.period.until]
    rows: list[tuple[Value, ...]] = [
        (since, until, until - since)
        for since, until in zip(edges[::2], edges[1::2], strict=True)
        if until - since >= _SHORTEST_S
    ]
    columns = (
        Column(t("From"), Sort.MOMENT),
        Column(t("To"), Sort.MOMENT),
        Column(t("Duration"), Sort.SECONDS, sums=True),
    )
    title = t("Times when the monitoring system was not running")
    return Table(title, columns, rows, total=t("Total"), empty=t("None."))


_SHORTEST_S = 60
"""Shorter gaps are restarts; they are in the coverage all the same."""
