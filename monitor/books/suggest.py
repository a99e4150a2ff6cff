"""Exclusions that the books and announced outages suggest: for a person to look at and enter."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path

from monitor.books.exclude import Draft
from monitor.books.exclusion import Cause, Exclusion, Reach
from monitor.books.outages import faults_of, power_cuts
from monitor.books.period import parse_moment
from monitor.books.read import Records
from monitor.books.records import Span
from monitor.books.timeline import segments_of

COLUMNS = ("reach", "name", "from", "to", "cause", "note")


def suggestions(records: Records, announced: Iterable[Draft], entered: Sequence[Exclusion]) -> list[Draft]:
    """Suspected power cuts of the period, and what was announced, as far as not yet excluded."""
    segments = segments_of(records)
    cuts = power_cuts(faults_of(records, segments), segments.stretches)
    drafts = [
        Draft(
            Reach.FEEDER,
            cut.feeder,
            cut.span,
            Cause.POWER_CUT,
            f"{cut.devices} of {cut.of} devices fell together",
        )
        for cut in cuts
    ]
    drafts.extend(announced)
    return [draft for draft in drafts if not any(_covers(e, draft) for e in entered)]


def _covers(exclusion: Exclusion, draft: Draft) -> bool:
    """The exclusion leaves nothing for the draft to add."""
    same = exclusion.reach is Reach.ALL or (exclusion.reach, exclusion.name) == (draft.reach, draft.name)
    within = exclusion.span.since <= draft.span.since and draft.span.until <= exclusion.span.until
    return same and within and exclusion.counts


def read_announcements(path: Path, zone: tzinfo) -> list[Draft]:
    """A CSV file (UTF-8) with the headings of ``COLUMNS``; ``ValueError`` names the line that is wrong."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise ValueError(
                f"{path}: the headings {', '.join(missing)} are missing; it has {', '.join(COLUMNS)}"
            )
        return [_announced(row, zone, f"{path}:{number}") for number, row in enumerate(rows, start=2)]


def _announced(row: Mapping[str, str | None], zone: tzinfo, place: str) -> Draft:
    cells = {name: (row[name] or "").strip() for name in COLUMNS}
    try:
        span = Span(parse_moment(cells["from"], zone), parse_moment(cells["to"], zone))
        draft = Draft(Reach(cells["reach"]), cells["name"], span, Cause(cells["cause"]), cells["note"])
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    if span.until <= span.since:
        raise ValueError(f"{place}: it ends before it begins")
    return draft
