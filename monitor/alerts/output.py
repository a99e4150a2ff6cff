"""What one step of the incident desk made."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.alerts.incident import Incident
from monitor.notifiers.notice import OutboxEntry
from monitor.storage.ledger.records import Record


@dataclass(slots=True)
class Output:
    """For the ledger, in one transaction; and, once that has committed, for the lanes."""

    records: list[Record] = field(default_factory=list)
    messages: list[OutboxEntry] = field(default_factory=list)
    opened: list[Incident] = field(default_factory=list)
    resolved: list[Incident] = field(default_factory=list)
