"""Likely to fail next: what stood foretold at the end of the period, why, and how often that came true."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.reports.document import Block, Column, Paragraph, Sort, Table, Value
from monitor.reports.figures import Figures
from monitor.signs.calls import Record
from monitor.signs.kinds import Sign
from monitor.signs.score import Finding
from monitor.words import N_, Words

_SIGNS = {
    Sign.FLAPS: N_("{recent} faults a week (before: {before})"),
    Sign.REBOOTS: N_("{recent} restarts a week (before: {before})"),
    Sign.ROUND_TRIP: N_("round trip {recent} ms (before: {before})"),
    Sign.LOSS: N_("packet loss {recent} % (before: {before})"),
    Sign.CLOCK: N_("clock off by {recent} s (before: {before})"),
    Sign.BIT_RATE: N_("video at {recent} bit/s (before: {before})"),
    Sign.POE: N_("PoE power {recent} W (before: {before})"),
    Sign.SECTORS: N_("{recent} bad sectors (before: {before})"),
}


def likely(f: Figures, words: Words) -> Iterator[Block]:
    t = words.text
    yield Paragraph(
        t(
            "Scored from 0 to 100 by what has grown worse in the last days against the weeks before. A call"
            " comes true when the device has a fault of its own of more than four hours within 30 days."
        )
    )
    yield Paragraph(record_words(f.foretold.record, words))
    names = {s.device: s for s in f.everything.stretches}
    rows: list[tuple[Value, ...]] = []
    for call in f.foretold.calls[:200]:
        stretch = names.get(call.device)
        rows.append(
            (
                stretch.name if stretch else call.device,
                stretch.area if stretch else "",
                stretch.site if stretch else "",
                call.score,
                call.at // 1000,
                t("; ").join(sign_words(finding, words) for finding in call.findings),
            )
        )
    columns = (
        Column(t("Device"), width=2.0),
        Column(t("Area"), width=1.2),
        Column(t("Site"), width=1.4),
        Column(t("Score"), Sort.COUNT, 0.6),
        Column(t("Since"), Sort.MOMENT, 1.3),
        Column(t("Signs"), width=3.0),
    )
    yield Table(t("Likely to fail next"), columns, rows, empty=t("None."))


def record_words(record: Record, words: Words) -> str:
    judged = record.failed + record.held
    if not judged:
        return words.text("No such call has been judged yet.")
    return words.text(
        "So far {failed} of {judged} such calls came true; {missed} failures came without one.",
        failed=record.failed,
        judged=judged,
        missed=record.missed,
    )


def sign_words(finding: Finding, words: Words) -> str:
    numbers = {"recent": f"{finding.recent:.3g}", "before": f"{finding.before:.3g}"}
    text = words.text(_SIGNS[finding.sign], **numbers)
    part = " ".join(value for _, value in finding.tags)
    return f"{part}: {text}" if part else text
