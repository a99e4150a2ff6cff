"""Advice (系统运维建议): what the books say should be looked into, replaced, stocked. Every line is counted
from the ledger; where it cannot know, it says nothing."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.books.outages import Fault, grouped
from monitor.books.tally import tallies
from monitor.model import DeviceId, Kind
from monitor.reports.document import Block, Column, Document, Facts, Heading, Paragraph, Sort, Table, Value
from monitor.reports.figures import Figures
from monitor.reports.likely import likely
from monitor.reports.parts import head, kind_word, problem_table, subtitle
from monitor.words import N_, Words

TITLE = N_("Advice on operation and maintenance")

_LONG_S = 4 * 3600
"""An own fault that lasted longer was no blip: somebody had to go there."""
_QUARTER_S = 90 * 86_400
_REPLACE_FAULTS, _REPLACE_S = 3, 24 * 3600


def advice(figures: Figures, words: Words) -> Document:
    return Document(
        words.text(TITLE),
        subtitle(figures, words),
        tuple(_blocks(figures, words)),
        figures.period.zone,
        words,
    )


def _blocks(f: Figures, words: Words) -> Iterator[Block]:
    t = words.text
    own = [fault for fault in f.faults if fault.own]
    yield Facts(head(f, words))
    yield Heading(t("1. Devices that keep failing"))
    yield problem_table(f, words, 200)
    yield Heading(t("2. Cameras to replace"))
    yield Paragraph(t("At least three own faults of more than 24 hours in all within the period."))
    yield _replace(own, words)
    yield Heading(t("3. Models and spare parts"))
    yield Paragraph(
        t(
            "Long faults are own faults of more than four hours. Expected in 90 days at the same rate,"
            " rounded up: so many spares should be in stock."
        )
    )
    yield _models(f, own, words)
    yield Heading(t("4. Feeders with power cuts"))
    yield Paragraph(
        t(
            "Devices of one feeder that fell within a minute, at least three and at least half of it."
            " They can be entered as exclusions once the utility has confirmed them."
        )
    )
    yield _feeders(f, words)
    yield Heading(t("5. Switches and links that take many with them"))
    yield _carriers(f, words)
    yield Heading(t("6. Weak sites"))
    yield _sites(f, words)
    yield Heading(t("7. Limits that were exceeded"))
    yield Paragraph(t("By the rules over measured values: disks that fill, links near their capacity, heat."))
    yield _exceeded(f, words)
    yield Heading(t("8. Likely to fail next"))
    yield from likely(f, words)


def _replace(own: list[Fault], words: Words) -> Table:
    t = words.text
    rows: list[tuple[Value, ...]] = []
    cameras = grouped((x for x in own if x.stretch.kind is Kind.CAMERA), lambda x: x.stretch.device)
    for its in sorted(cameras.values(), key=lambda its: -sum(x.offline for x in its)):
        offline, s = sum(x.offline for x in its), its[-1].stretch
        if len(its) >= _REPLACE_FAULTS and offline > _REPLACE_S:
            rows.append(
                (s.name, s.device, s.area, s.site, f"{s.vendor} {s.model}".strip(), len(its), offline)
            )
    columns = (
        Column(t("Camera"), width=2.0),
        Column(t("Number"), width=2.0),
        Column(t("Area"), width=1.2),
        Column(t("Site"), width=1.4),
        Column(t("Model"), width=1.6),
        Column(t("Own faults"), Sort.COUNT, 0.8),
        Column(t("Offline"), Sort.SECONDS, 1.2),
    )
    return Table(t("Cameras to replace"), columns, rows[:200], empty=t("None."))


def _models(f: Figures, own: list[Fault], words: Words) -> Table:
    t = words.text
    devices = grouped(f.everything.stretches, lambda s: (s.kind, s.vendor, s.model))
    faults = grouped(own, lambda x: (x.stretch.kind, x.stretch.vendor, x.stretch.model))
    service = tallies(f.everything, lambda s: (s.kind, s.vendor, s.model))
    rows: list[tuple[Value, ...]] = []
    for model, its in sorted(faults.items(), key=lambda found: (-len(found[1]), found[0])):
        kind, vendor, name = model
        long = sum(x.offline > _LONG_S for x in its)
        number = len({s.device for s in devices[model]})
        # ⌈long faults × 90 days ÷ period⌉, by the service time that the model really had.
        mean_service = max(1, service[model].service // number)
        rows.append(
            (
                kind_word(kind, words),
                f"{vendor} {name}".strip() or t("(none)"),
                number,
                len(its),
                long,
                service[model].online // len(its),
                -(-long * _QUARTER_S // mean_service),
            )
        )
    columns = (
        Column(t("Kind"), width=0.8),
        Column(t("Model"), width=2.0),
        Column(t("Devices"), Sort.COUNT),
        Column(t("Own faults"), Sort.COUNT, sums=True),
        Column(t("Long faults"), Sort.COUNT, sums=True),
        Column(t("Mean time between failures"), Sort.SECONDS, 1.5),
        Column(t("Spares for 90 days"), Sort.COUNT, 1.1, sums=True),
    )
    return Table(t("Failure rates by model"), columns, rows[:200], total=t("Total"), empty=t("No faults."))


def _feeders(f: Figures, words: Words) -> Table:
    t = words.text
    counts = {feeder: len(cuts) for feeder, cuts in grouped(f.cuts, lambda cut: cut.feeder).items()}
    rows: list[tuple[Value, ...]] = [
        (cut.feeder, counts[cut.feeder], cut.span.since, cut.span.until, cut.span.until - cut.span.since,
         cut.devices, cut.of)
        for cut in sorted(f.cuts, key=lambda cut: (-counts[cut.feeder], cut.feeder, cut.span.since))[:200]
    ]  # fmt: skip
    columns = (
        Column(t("Feeder"), width=1.6),
        Column(t("Power cuts"), Sort.COUNT, 0.8),
        Column(t("From"), Sort.MOMENT, 1.5),
        Column(t("To"), Sort.MOMENT, 1.5),
        Column(t("Duration"), Sort.SECONDS),
        Column(t("Devices fallen"), Sort.COUNT),
        Column(t("Devices on the feeder"), Sort.COUNT),
    )
    return Table(t("Suspected power cuts"), columns, rows, empty=t("None."))


def _carriers(f: Figures, words: Words) -> Table:
    t = words.text
    names = {s.device: s for s in f.everything.stretches}
    carried = grouped((x for x in f.faults if not x.own and x.parent), lambda x: str(x.parent))
    rows: list[tuple[Value, ...]] = []
    for parent, its in sorted(carried.items(), key=lambda found: -sum(x.offline for x in found[1])):
        stretch = names.get(DeviceId(parent))
        rows.append(
            (
                stretch.name if stretch else parent,
                stretch.area if stretch else "",
                len({x.stretch.device for x in its}),
                len({x.span.since for x in its}),
                sum(x.offline for x in its),
            )
        )
    columns = (
        Column(t("Device"), width=2.0),
        Column(t("Area"), width=1.2),
        Column(t("Devices taken along"), Sort.COUNT),
        Column(t("Times"), Sort.COUNT),
        Column(t("Offline time of those behind"), Sort.SECONDS, 1.4),
    )
    return Table(t("What takes others with it"), columns, rows[:50], empty=t("None."))


def _sites(f: Figures, words: Words) -> Table:
    t = words.text
    found = [
        (site, tally_)
        for site, tally_ in tallies(f.cameras, lambda s: (s.area, s.site)).items()
        if tally_.rate().below(f.contract.line_bp)
    ]
    rows: list[tuple[Value, ...]] = [
        (area, site, tally_.offline, tally_.rate())
        for (area, site), tally_ in sorted(found, key=lambda each: -each[1].offline)[:50]
    ]
    columns = (
        Column(t("Area"), width=1.4),
        Column(t("Site"), width=1.8),
        Column(t("Offline"), Sort.SECONDS),
        Column(t("Rate"), Sort.PERCENT),
    )
    return Table(t("Sites below the required rate"), columns, rows, empty=t("None."))


def _exceeded(f: Figures, words: Words) -> Table:
    t = words.text
    rows: list[tuple[Value, ...]] = [(x.rule, x.name, x.area, x.times, x.last, x.detail) for x in f.exceeded]
    columns = (
        Column(t("Rule"), width=1.4),
        Column(t("Device"), width=2.0),
        Column(t("Area"), width=1.2),
        Column(t("Times"), Sort.COUNT, 0.6),
        Column(t("Last time"), Sort.MOMENT, 1.3),
        Column(t("Last value"), width=2.2),
    )
    return Table(t("Limits that were exceeded"), columns, rows, empty=t("None."))
