"""The figures of one period, read and computed once: every report of the period is made of these."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from monitor.books.exclusion import places_of
from monitor.books.moments import Moments, moments
from monitor.books.noisy import NoisySeries, read_noisy
from monitor.books.noted import Noted, read_noted
from monitor.books.outages import Fault, PowerCut, Problem, faults_of, power_cuts, problems_of
from monitor.books.period import Period, samples_of
from monitor.books.read import Records, read_records, snapshot
from monitor.books.service import Exceeded, Service, read_exceeded, read_services
from monitor.books.settings import ContractSettings, Terms
from monitor.books.tally import mask_of
from monitor.books.timeline import Segments, segments_of
from monitor.model import DeviceId, Kind
from monitor.signs.books import Foretold, read_foretold


class NothingBooked(Exception):
    """The ledger has no device in service in this period."""


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    period: Period
    """As far as it had passed at ``now``."""
    whole: Period
    """As asked for."""
    now: int
    terms: Terms
    records: Records
    everything: Segments
    """Of all devices."""
    cameras: Segments
    key_cameras: Segments
    moments: Moments
    """Of the cameras."""
    key_moments: Moments
    faults: Sequence[Fault]
    """Of all devices."""
    problems: Sequence[Problem]
    cuts: Sequence[PowerCut]
    services: Sequence[Service]
    exceeded: Sequence[Exceeded]
    noisy: Sequence[NoisySeries]
    noted: Mapping[DeviceId, Sequence[Noted]]
    """What rules spoke of each device, besides its being off line."""
    foretold: Foretold
    """As it stood at the end of the period."""

    @property
    def contract(self) -> ContractSettings:
        return self.terms.contract

    @property
    def samples(self) -> list[int]:
        """The sampling instants of the contract within the period."""
        return samples_of(self.period, self.contract.sample_times)


def only(
    devices: frozenset[DeviceId], records: Records, services: Sequence[Service]
) -> tuple[Records, list[Service]]:
    """What the books hold of some devices: incidents of theirs, or of a group that they stand in."""
    histories = tuple(h for h in records.histories if h.stretches[0].device in devices)
    places = {
        p for h in histories for s in h.stretches for p in places_of(s.device, s.site, s.area, s.feeder)
    }
    return replace(records, histories=histories), [s for s in services if s.places & places]


def read_figures(
    db: sqlite3.Connection,
    period: Period,
    terms: Terms,
    now: int,
    devices: frozenset[DeviceId] | None = None,
) -> Figures:
    """Of all devices, or of these. ``NothingBooked`` when none of them was in service in the period."""
    with _uncollected():
        return _read_figures(db, period, terms, now, devices)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Half a million small objects are made here, and all of them stay: the collector would walk them again
    and again, for a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _read_figures(
    db: sqlite3.Connection, period: Period, terms: Terms, now: int, devices: frozenset[DeviceId] | None
) -> Figures:
    contract = terms.contract
    cut = period.cut(now)
    with snapshot(db):
        records = read_records(db, cut)
        services = read_services(db, cut, records.exclusions)
        exceeded = read_exceeded(db, cut)
        noisy = read_noisy(db, cut)
        noted = read_noted(db, cut)
        foretold = read_foretold(db, cut.until * 1000)
    if devices is not None:
        records, services = only(devices, records, services)
        exceeded = [x for x in exceeded if x.device in devices]
    if not records.histories:
        raise NothingBooked(
            f"the ledger has no device in service from {period.first_day} to {period.last_day}:"
            " nothing to report"
        )
    everything = segments_of(records)
    cameras = everything.where(mask_of(everything, lambda stretch: stretch.kind is Kind.CAMERA))
    key_cameras = cameras.where(mask_of(cameras, lambda stretch: stretch.key_site))
    faults = faults_of(records, everything)
    return Figures(
        cut,
        period,
        now,
        terms,
        records,
        everything,
        cameras,
        key_cameras,
        moments(cameras, contract.unmeasured),
        moments(key_cameras, contract.unmeasured),
        faults,
        problems_of(faults, at_least=contract.recurring_faults, within_s=int(contract.recurring_within)),
        power_cuts(faults, everything.stretches),
        services,
        exceeded,
        noisy,
        noted,
        foretold,
    )
