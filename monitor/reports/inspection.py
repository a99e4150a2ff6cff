"""The inspection report (系统巡检报告): every device with its state and findings, by area, to be signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from monitor.books.noted import Noted
from monitor.books.outages import Fault, grouped
from monitor.books.records import StateRow, Stretch
from monitor.books.tally import Tally, tallies
from monitor.model import DeviceId, State
from monitor.notifiers.clean import clean
from monitor.notifiers.headline import DETAIL, reason_word
from monitor.reports.document import (
    Block,
    Column,
    Document,
    Facts,
    Heading,
    Sort,
    Table,
    Value,
    hours,
)
from monitor.reports.figures import Figures
from monitor.reports.parts import head, kind_word, natural, signatures, subtitle
from monitor.words import N_, Words

TITLE = N_("System inspection report")

_FRESH_S = 60
"""The daemon gives a sign of life every few seconds."""

_RULES = {
    "threshold": N_("limit exceeded"),
    "baseline": N_("a reading not as usual"),
    "forecast": N_("a limit will be reached before long"),
}
"""What rules over readings found; what a device's own protocols show has its word in the messages."""

_STATES = {
    State.UP: N_("online"),
    State.DOWN: N_("offline"),
    State.UNREACHABLE: N_("cannot be reached"),
    State.UNKNOWN: N_("not measured"),
}


def inspection(figures: Figures, words: Words) -> Document:
    return Document(
        words.text(TITLE),
        subtitle(figures, words),
        tuple(_blocks(figures, words)),
        figures.period.zone,
        words,
    )


def _blocks(f: Figures, words: Words) -> Iterator[Block]:
    t = words.text
    present = _present(f)
    states = {h.stretches[0].device: _last_state(f, h.states) for h in f.records.histories}
    yield Facts(head(f, words))
    yield Heading(t("1. Summary"))
    yield _summary(present, states, words)
    yield Heading(t("2. Devices"))
    faults = grouped(f.faults, lambda fault: fault.stretch.device)
    found = tallies(f.everything, lambda s: s.device)
    for area, stretches in sorted(
        grouped(present, lambda s: s.area).items(), key=lambda found: natural(found[0])
    ):
        yield _area(area or t("(none)"), stretches, states, faults, found, f.noted, words)
    yield Heading(t("3. Signatures"))
    yield signatures(
        words,
        t("Customer: {name}", name=f.contract.customer),
        t("Inspected by: {name}", name=f.contract.provider),
    )


def _present(f: Figures) -> list[Stretch]:
    """The devices in service at the end of the period."""
    return [h.stretches[-1] for h in f.records.histories if h.stretches[-1].span.until >= f.period.until]


def _last_state(f: Figures, states: Sequence[StateRow]) -> State:
    """What was held of it when the books were last written: not measured if nobody was watching by then."""
    watched = f.records.watched and f.period.until - f.records.watched[-1].until <= _FRESH_S
    return states[-1].state if states and watched else State.UNKNOWN


def _summary(present: list[Stretch], states: dict[DeviceId, State], words: Words) -> Table:
    t = words.text
    rows: list[tuple[Value, ...]] = []
    for kind, stretches in grouped(present, lambda s: s.kind).items():
        counts = {state: sum(states[s.device] is state for s in stretches) for state in State}
        rows.append((kind_word(kind, words), len(stretches), *counts.values()))
    columns = (
        Column(t("Kind")),
        Column(t("Devices"), Sort.COUNT, sums=True),
        *(Column(t(_STATES[state]), Sort.COUNT, sums=True) for state in State),
    )
    return Table(t("Devices by kind and state at the end of the period"), columns, rows, total=t("Total"))


def _area(
    area: str,
    stretches: list[Stretch],
    states: dict[DeviceId, State],
    faults: dict[DeviceId, list[Fault]],
    found: dict[DeviceId, Tally],
    noted: Mapping[DeviceId, Sequence[Noted]],
    words: Words,
) -> Table:
    t = words.text
    rows: list[tuple[Value, ...]] = []
    bad = set()
    for s in sorted(stretches, key=lambda s: (natural(s.site), s.kind, natural(s.name))):
        tally_, its = found[s.device], faults.get(s.device, [])
        if states[s.device].offline:
            bad.add(len(rows))
        rows.append(
            (
                s.site,
                s.name,
                s.device,
                kind_word(s.kind, words),
                s.address,
                t("yes") if s.key_site else "",
                s.checks.upper(),
                t(_STATES[states[s.device]]),
                tally_.gross(),
                _findings(its, tally_, noted.get(s.device, ()), words),
            )
        )
    columns = (
        Column(t("Site"), width=1.3),
        Column(t("Device"), width=1.7),
        Column(t("Number"), width=1.8),
        Column(t("Kind"), width=0.7),
        Column(t("Address"), width=1.1),
        Column(t("Key site"), width=0.75),
        Column(t("Checks"), width=1.3),
        Column(t("State"), width=0.8),
        Column(t("Rate"), Sort.PERCENT, 0.8),
        Column(t("Findings"), width=4.0),
    )
    return Table(area, columns, rows, frozenset(bad))


def _findings(faults: list[Fault], tally_: Tally, noted: Sequence[Noted], words: Words) -> str:
    """What the books say of the device; nothing is made up: no finding is an empty cell."""
    t = words.text
    found = []
    if faults:
        last = faults[-1]
        reason = reason_word(words, last.reason) if last.own else t("what carries it was off line")
        found.append(
            words.many(
                "{n} time off line, {time} in all, last: {reason}",
                "{n} times off line, {time} in all, last: {reason}",
                len(faults),
                time=hours(sum(fault.offline for fault in faults)),
                reason=reason,
            )
        )
    found += [_spoken(one, words) for one in noted]
    if tally_.all_unmeasured * 10 > tally_.service:
        found.append(t("measured only {share}", share=tally_.coverage.percent()))
    return words.text("; ").join(found)


def _spoken(noted: Noted, words: Words) -> str:
    rule = _RULES.get(noted.cause)
    what = words.text(rule) if rule else reason_word(words, noted.cause)
    text = words.many("{what}: {n} time", "{what}: {n} times", noted.times, what=what)
    if noted.detail:
        text = words.text("{text} ({detail})", text=text, detail=clean(noted.detail, DETAIL))
    return words.text("{text}, still so", text=text) if noted.open else text
