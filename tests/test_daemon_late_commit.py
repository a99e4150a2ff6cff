"""A message whose commit comes while we are stopping stays in the outbox: it is not given up."""

from __future__ import annotations

from types import SimpleNamespace

from monitor.clock import ManualClock
from monitor.deliveries import Deliveries
from monitor.model import Severity, WallMs
from monitor.notifiers.notice import Notice, NoticeKind, OutboxEntry
from monitor.words import Language


class SlowLedger:
    """Commits when it is told to."""

    def __init__(self, path) -> None:
        self.path = path
        self.records = []
        self.callbacks = []

    def write(self, records, then=None):
        self.records.extend(records)
        if then is not None:
            self.callbacks.append(then)

    def trouble(self):
        return ""


async def test_a_late_commit_leaves_the_message_for_the_next_start(tmp_path):
    import random

    ledger = SlowLedger(tmp_path / "ledger.db")
    deliveries = Deliveries(ledger, ManualClock(), random.Random(1), lambda *_: None)
    daemon = SimpleNamespace(language=Language.EN, zone=None)
    await deliveries.start(SimpleNamespace(daemon=daemon), [])
    notice = Notice(NoticeKind.RESOLVED, Severity.MAJOR, "device_down", "Camera 1", WallMs(0))
    deliveries.queue([], [OutboxEntry(1, "phone", notice, WallMs(0))])
    await deliveries.stop(0.1)
    for committed in ledger.callbacks:
        committed()
    assert ledger.records == []  # neither delivered nor dead: pending, as the outbox has it
