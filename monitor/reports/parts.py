"""What several reports share: their heads, the words of closed lists, the tables of service times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from statistics import mean

from monitor.books.exclusion import Cause, Reach
from monitor.books.outages import grouped, repair
from monitor.books.service import Kept, Service
from monitor.books.tally import Fraction, tallies, tally
from monitor.model import Kind
from monitor.notifiers.clean import clean
from monitor.notifiers.headline import BROKEN, NAME, severity_word
from monitor.reports.document import Block, Column, Signatures, Sort, Table, Value, moment
from monitor.reports.figures import Figures
from monitor.words import N_, Words

_CAUSES = {
    Cause.POWER_CUT: N_("utility power cut"),
    Cause.CONSTRUCTION: N_("construction"),
    Cause.FORCE_MAJEURE: N_("force majeure"),
    Cause.WEATHER: N_("weather"),
    Cause.MAINTENANCE: N_("announced maintenance"),
    Cause.THIRD_PARTY: N_("third-party damage"),
}
_REACHES = {
    Reach.AREA: N_("area {name}"),
    Reach.SITE: N_("site {name}"),
    Reach.FEEDER: N_("feeder {name}"),
    Reach.DEVICE: N_("device {name}"),
}
_KINDS = {
    Kind.CAMERA: N_("camera"),
    Kind.RECORDER: N_("recorder"),
    Kind.SWITCH: N_("switch"),
    Kind.SERVER: N_("server"),
    Kind.UPS: N_("UPS"),
    Kind.PLATFORM: N_("platform"),
}
_KEPT = {Kept.YES: N_("in time"), Kept.NO: N_("late"), Kept.RUNNING: N_("running")}


def cause_word(cause: Cause, words: Words) -> str:
    return words.text(_CAUSES[cause])


def kind_word(kind: Kind, words: Words) -> str:
    return words.text(_KINDS[kind])


def kept_word(kept: Kept, words: Words) -> str:
    return words.text(_KEPT[kept])


def scope_word(reach: Reach, name: str, words: Words) -> str:
    return words.text("all devices") if reach is Reach.ALL else words.text(_REACHES[reach], name=name)


def natural(text: str) -> tuple[tuple[int, str], ...]:
    """To sort names as people count: 2号 before 10号."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text))


def limit(line_bp: int) -> str:
    return f"{line_bp // 100}%" if line_bp % 100 == 0 else f"{line_bp / 100:g}%"


def subtitle(f: Figures, words: Words) -> str:
    first, last = f.whole.first_day, f.whole.last_day
    if first == last:
        return f"{first:%Y-%m-%d}"
    return words.text("{first} to {last}", first=first, last=last)


def head(f: Figures, words: Words) -> tuple[tuple[str, str], ...]:
    """What it is about, over which time, as of when, and how far it was measured."""
    t, zone = words.text, f.period.zone
    coverage = tally(f.everything).coverage
    state = (
        t("complete") if f.whole.until <= f.now else t("still running: figures up to the time of the report")
    )
    return (
        (t("Customer"), f.contract.customer or "–"),
        (t("Maintenance"), f.contract.provider or "–"),
        (
            t("Period"),
            t("{first} to {last}", first=moment(f.period.since, zone), last=moment(f.period.until, zone)),
        ),
        (t("Time zone"), str(zone)),
        (t("State"), state),
        (t("Drawn up"), moment(f.now, zone)),
        (t("Devices"), f"{len({s.device for s in f.everything.stretches}):,}"),
        (t("Measured"), coverage.percent()),
    )


def signatures(words: Words, *parties: str) -> Signatures:
    return Signatures(parties, words.text("Signature and seal:"), words.text("Date:"))


def service_tables(f: Figures, words: Words) -> Iterator[Block]:
    """Response and repair against the deadlines, mean times, and what keeps failing."""
    t = words.text
    yield _deadlines(
        f,
        words,
        t("Response and repair by level"),
        t("Level"),
        grouped(f.services, lambda s: s.level or t("(none)")),
    )
    yield _deadlines(
        f,
        words,
        t("Response and repair by severity"),
        t("Severity"),
        grouped(f.services, lambda s: severity_word(words, s.severity)),
    )
    yield _deadlines(
        f,
        words,
        t("Response and repair by place"),
        t("Place"),
        grouped(f.services, lambda s: s.place or t("(none)")),
    )
    yield _deadlines(
        f,
        words,
        t("Response and repair by team"),
        t("Team"),
        grouped(f.services, lambda s: ", ".join(s.receivers) or t("(none)")),
    )
    yield _repairs(f, words)
    yield problem_table(f, words, 20)


def _deadlines(f: Figures, words: Words, title: str, name: str, groups: dict[str, list[Service]]) -> Table:
    t = words.text
    rows: list[tuple[Value, ...]] = []
    for group, services in sorted(groups.items()):
        responded = [s.responded(f.terms.deadlines(s.level).respond) for s in services]
        repaired = [s.in_time(f.terms.deadlines(s.level).repair) for s in services]
        times = [s.repair for s in services if s.repair is not None]
        done, kept = sum(r is not Kept.RUNNING for r in responded), responded.count(Kept.YES)
        mended, in_time = sum(r is not Kept.RUNNING for r in repaired), repaired.count(Kept.YES)
        rows.append(
            (
                group,
                len(services),
                kept,
                done,
                Fraction(kept, done),
                in_time,
                mended,
                Fraction(in_time, mended),
                sum(s.verified is not None for s in services),
                int(mean(times)) if times else None,
                sum(s.paused for s in services),
            )
        )
    columns = (
        Column(name, width=1.6),
        Column(t("Incidents"), Sort.COUNT, sums=True),
        Column(t("Responded in time"), Sort.COUNT, 1.2, sums=True),
        Column(t("Due"), Sort.COUNT, 0.7, sums=True),
        Column(t("Share"), Sort.PERCENT, of=(2, 3)),
        Column(t("Repaired in time"), Sort.COUNT, 1.2, sums=True),
        Column(t("Due"), Sort.COUNT, 0.7, sums=True),
        Column(t("Share"), Sort.PERCENT, of=(5, 6)),
        Column(t("Of them verified"), Sort.COUNT, 0.8, sums=True),
        Column(t("Mean time to repair"), Sort.SECONDS, 1.3),
        Column(t("Clock paused"), Sort.SECONDS, 1.2),
    )
    return Table(title, columns, rows, total=t("Total"), empty=t("No incidents."))


def _repairs(f: Figures, words: Words) -> Table:
    t = words.text
    faults = grouped(f.faults, lambda fault: fault.stretch.kind)
    rows: list[tuple[Value, ...]] = []
    for kind, tally_ in tallies(f.everything, lambda s: s.kind).items():
        found = repair(faults.get(kind, ()), tally_.online + tally_.excluded_online)
        rows.append((kind_word(kind, words), found.faults, found.ended, found.to_repair, found.between))
    columns = (
        Column(t("Kind")),
        Column(t("Own faults"), Sort.COUNT, sums=True),
        Column(t("Ended"), Sort.COUNT, sums=True),
        Column(t("Mean time to repair"), Sort.SECONDS),
        Column(t("Mean time between failures"), Sort.SECONDS),
    )
    return Table(t("Mean times by kind of device"), columns, rows, total=t("Total"))


def problem_table(f: Figures, words: Words, most: int) -> Table:
    t = words.text
    rows: list[tuple[Value, ...]] = [
        (
            p.stretch.name,
            p.stretch.device,
            p.stretch.area,
            p.stretch.site,
            p.stretch.model,
            len(p.faults),
            p.offline,
        )
        for p in f.problems[:most]
    ]
    columns = (
        Column(t("Device"), width=2.0),
        Column(t("Number"), width=2.0),
        Column(t("Area"), width=1.2),
        Column(t("Site"), width=1.4),
        Column(t("Model"), width=1.4),
        Column(t("Own faults"), Sort.COUNT, 0.8),
        Column(t("Offline"), Sort.SECONDS, 1.2),
    )
    title = t("Recurring faults: {n} devices to look into", n=len(f.problems))
    return Table(title, columns, rows, empty=t("None."))


def incident_word(words: Words, cause: str, subject: str) -> str:
    """What an incident was about, in one line; the same words as its messages."""
    text = BROKEN.get(cause)
    name = clean(subject, NAME) or words.text("Whole network")
    return words.text(text, subject=name) if text else f"{name} {clean(cause, NAME)}"
