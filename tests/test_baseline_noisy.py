"""A reading that alerts too often to page stands in the report of the week."""

from __future__ import annotations

from monitor.books.settings import Terms
from monitor.model import DeviceId, WallMs
from monitor.reports.document import Table
from monitor.reports.figures import read_figures
from monitor.reports.operations import operations
from monitor.storage.ledger.records import SeriesAlerted
from monitor.words import Language, words
from tests.reports_support import AFTER, JUNE, town


def test_noisy_readings_are_listed_and_those_that_were_told_are_not() -> None:
    db = town()
    begin = JUNE.since * 1000
    for n in range(7):
        at = WallMs(begin + n * 3_600_000)
        noisy = SeriesAlerted(at, "traffic", "interface.in_bps", DeviceId("sw"), "Gi0/1", n, 3.0, 4.0, n < 5)
        calm = SeriesAlerted(at, "traffic", "interface.in_bps", DeviceId("sw"), "Gi0/2", n, 3.0, 4.0, True)
        before = SeriesAlerted(
            WallMs(begin - 1), "traffic", "x.y", DeviceId("cam-1"), "", 1.0, 3.0, 4.0, False
        )
        for record in (noisy, calm, before):
            db.execute(record.sql, record.values())
    blocks = operations(read_figures(db, JUNE, Terms(), AFTER), words(Language.EN)).blocks
    [table] = [b for b in blocks if isinstance(b, Table) and b.title == "Readings that alerted too often"]
    [(rule, name, _, reading, times, untold, last, value)] = table.rows
    assert (rule, name, reading) == ("traffic", "汇聚交换机", "interface.in_bps Gi0/1")
    assert (times, untold, value) == (7, 2, "6 (3 … 4)")
    assert last == JUNE.since + 6 * 3600
