"""Exclusions that the books and announced outages suggest: for a person to look at and enter."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from operator import attrgetter
from pathlib import Path

from monitor.alerts.maintenance import MaintenanceSettings
from monitor.books.exclude import Draft
from monitor.books.exclusion import Cause, Exclusion, Place, Reach
from monitor.books.outages import faults_of, grouped, power_cuts
from monitor.books.period import Period, parse_moment
from monitor.books.read import Records
from monitor.books.records import Span
from monitor.books.timeline import segments_of
from monitor.model import Device, WallMs

COLUMNS = ("reach", "name", "from", "to", "cause", "note")


def suggestions(records: Records, announced: Iterable[Draft], entered: Sequence[Exclusion]) -> list[Draft]:
    """Suspected power cuts of the period, and what was announced or planned, as far as not yet excluded."""
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


def planned(windows: Iterable[MaintenanceSettings], devices: Iterable[Device], period: Period) -> list[Draft]:
    """The ``[[maintenance]]`` windows of the period, each over the scopes that are just its devices.

    Only what was announced two working days ahead, as the contract asks, is announced maintenance.
    """
    found = []
    everything = list(devices)
    for window in windows:
        chosen = [device for device in everything if window.select.selects(device)]
        scopes = scopes_of(chosen, everything)
        for span in _spans(window, period):
            if window.announced_before((WallMs(span.since * 1000), WallMs(span.until * 1000))):
                note = f"[[maintenance]] {window.name}, announced {window.announced}"
                found += [Draft(*place, span, Cause.MAINTENANCE, note) for place in scopes]
    return found


def _spans(window: MaintenanceSettings, period: Period) -> Iterator[Span]:
    at = WallMs(period.since * 1000)
    while at < period.until * 1000 and (found := window.next_span(at)) is not None:
        begin, end = found
        if begin < period.until * 1000:
            yield Span(begin // 1000, -(-end // 1000))
        at = WallMs(max(end, at + 1000))


def scopes_of(chosen: Sequence[Device], everything: Sequence[Device]) -> list[Place]:
    """These devices as exclusions name them: all, else whole areas, else whole sites, else one by one."""
    if not chosen:
        return []
    left = {device.id: device for device in chosen}
    if len(left) == len(everything):
        return [(Reach.ALL, "")]
    found: list[Place] = []
    for reach, name_of in ((Reach.AREA, attrgetter("area")), (Reach.SITE, attrgetter("site"))):
        sizes = Counter(name_of(device) for device in everything)
        groups = grouped(left.values(), name_of)
        for name, its in groups.items():
            if name and len(its) == sizes[name]:
                found.append((reach, name))
                for device in its:
                    del left[device.id]
    return [*found, *((Reach.DEVICE, id_) for id_ in left)]


def _covers(exclusion: Exclusion, draft: Draft) -> bool:
    """The exclusion leaves nothing for the draft to add."""
    same = exclusion.reach is Reach.ALL or (exclusion.reach, exclusion.name) == (draft.reach, draft.name)
    within = exclusion.span.since <= draft.span.since and draft.span.until <= exclusion.span.until
    return same and within and exclusion.counts


def read_announcements(path: Path, zone: tzinfo) -> list[Draft]:
    """A CSV file (UTF-8, or GB18030 as Excel saves it) headed as ``COLUMNS``; ``ValueError`` names the
    line that is wrong."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = raw.decode("gb18030")
        except UnicodeDecodeError:
            raise ValueError(f"{path}: neither UTF-8 nor GB18030: save it as CSV UTF-8") from None
    rows = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise ValueError(
            f"{path}: the headings {', '.join(missing)} are missing; they are to be {', '.join(COLUMNS)}"
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
