"""``[[report]]``: reports that are made by themselves; and when each is due."""

from __future__ import annotations

from datetime import datetime, time, tzinfo
from pathlib import Path

from monitor.books.period import Length, Period, before, period_of
from monitor.books.settings import TimeOfDay
from monitor.reports.kinds import USUAL, Format, ReportKind
from monitor.settings import Section
from monitor.words import Language

CATCH_UP = 31
"""So many missed periods of one report are made afterwards; the older ones only by command."""


class ReportSettings(Section):
    """One ``[[report]]``: papers that are made once for each period, into a folder, and sent to people.

    A period that was missed since the last one (the daemon was not running) is made up for. A report that is
    new in the configuration begins with the last whole period.
    """

    name: str
    """Unique; by it the ledger knows which periods have been made."""
    every: Length
    """day, week, month or quarter (of the configured time zone; weeks begin on Monday)."""
    at: TimeOfDay = "07:00"
    """The time of day at which it is made, on the first day after the period."""
    reports: tuple[ReportKind, ...] = ()
    """Which; by default what a contract asks for: by the day inspection and ledger, by the week statement and
    ledger, by the month statement, inspection and ledger, by the quarter statement, statistics and advice."""
    formats: tuple[Format, ...] = (Format.PDF, Format.XLSX)
    """html, pdf, xlsx."""
    folder: Path | None = None
    """Where the files go; by default ``reports`` in the daemon's ``state_dir``."""
    receivers: tuple[str, ...] = ()
    """Who gets them as attachments."""
    language: Language | None = None
    """By default that of ``[daemon]``."""

    @property
    def kinds(self) -> tuple[ReportKind, ...]:
        return self.reports or USUAL[self.every]


def due_periods(report: ReportSettings, zone: tzinfo, now: int, made_until: int | None) -> list[Period]:
    """The whole periods to be made now, the oldest first. ``made_until``: where the last one that was made
    ends, in seconds since 1970; ``None``: there is none yet."""
    at = time.fromisoformat(report.at)
    running = period_of(report.every, datetime.fromtimestamp(now, zone).date(), zone)
    found: list[Period] = []
    period = before(report.every, running)
    while len(found) < (CATCH_UP if made_until is not None else 1):
        if made_until is not None and period.until <= made_until:
            break
        opens = datetime.combine(datetime.fromtimestamp(period.until, zone).date(), at, zone)
        if opens.timestamp() <= now:
            found.append(period)
        elif made_until is None:
            break
        period = before(report.every, period)
    return found[::-1]
