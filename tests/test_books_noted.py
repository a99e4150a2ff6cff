"""What rules spoke of a device: how often within the period, the last detail, whether it goes on."""

from __future__ import annotations

from monitor.books.noted import Noted, read_noted
from monitor.model import DeviceId, IncidentId, WallMs
from monitor.storage.ledger import commit
from monitor.storage.ledger.records import AlertSaved, IncidentSaved, Record
from tests.books_support import empty_ledger
from tests.reports_support import DAY, JUNE

CAM = DeviceId("cam")


def alert(
    number: int, day: float, until: float | None, cause: str, detail: str, rule: str = "r"
) -> list[Record]:
    id_, at = IncidentId(number), WallMs(int((JUNE.since + day * DAY) * 1000))
    end = None if until is None else WallMs(int((JUNE.since + until * DAY) * 1000))
    return [
        IncidentSaved(id_, at, at, end, cause, 20, "x", "", "", (), None, "", None, ""),
        AlertSaved(id_, rule, "[]", at, end, cause, 20, "[]", "x", "", CAM, detail),
    ]


def noted(*alerts: list[Record]) -> list[Noted]:
    db = empty_ledger()
    commit(db, [record for one in alerts for record in one])
    found = read_noted(db, JUNE)
    db.close()
    return found.get(CAM, [])


def test_each_cause_once_with_its_number_and_its_last_detail() -> None:
    assert noted(
        alert(1, 1, 2, "threshold", "90 %"),
        alert(2, 9, 10, "threshold", "99 %"),
        alert(3, 5, 6, "threshold", "95 %"),
        alert(4, 3, 4, "no_video", ""),
    ) == [Noted("no_video", 1, False, ""), Noted("threshold", 3, False, "99 %")]


def test_what_is_not_over_by_the_end_of_the_period_is_open_whatever_came_later() -> None:
    assert noted(alert(1, 5, None, "no_video", ""))[0].open
    assert noted(alert(1, 5, 40, "no_video", ""))[0].open
    assert not noted(alert(1, 5, 29, "no_video", ""))[0].open


def test_other_months_being_off_line_and_our_own_alerts_are_not_in_it() -> None:
    assert not noted(
        alert(1, -5, -1, "no_video", ""),
        alert(2, 31, 32, "no_video", ""),
        alert(3, 5, 6, "device_down", ""),
        alert(4, 5, 6, "threshold", "", rule="camwatch.x"),
    )
    assert noted(alert(1, -5, 3, "no_video", "")), "it began before and lasted into the month"
