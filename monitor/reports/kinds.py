"""Which reports there are, in which formats. Apart from the making of them, which needs heavy libraries that
the daemon's own process never loads."""

from __future__ import annotations

from enum import StrEnum

from monitor.books.period import Length


class ReportKind(StrEnum):
    STATEMENT = "statement"
    INSPECTION = "inspection"
    STATISTICS = "statistics"
    ADVICE = "advice"
    LEDGER = "ledger"


class Format(StrEnum):
    HTML = "html"
    PDF = "pdf"
    XLSX = "xlsx"


USUAL = {
    Length.DAY: (ReportKind.INSPECTION, ReportKind.LEDGER),
    Length.WEEK: (ReportKind.STATEMENT, ReportKind.LEDGER),
    Length.MONTH: (ReportKind.STATEMENT, ReportKind.INSPECTION, ReportKind.LEDGER),
    Length.QUARTER: (ReportKind.STATEMENT, ReportKind.STATISTICS, ReportKind.ADVICE),
}
"""What a contract asks for by the day, week, month and quarter."""
