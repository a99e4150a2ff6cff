"""What people are told: the facts of one message, and what became of sending it.

A notice holds everything a template needs; a notifier knows nothing else of devices or rules. It is kept
in the outbox as JSON (``to_json``/``from_json``), so a message that waited over a restart or an upgrade can
still be rendered.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pydantic import RootModel

from monitor.model import IncidentId, Severity, WallMs
from monitor.notifiers.attachment import Attachment
from monitor.notifiers.evidence import Evidence


class NoticeKind(StrEnum):
    OPENED = "opened"
    CHANGED = "changed"
    """The incident has grown or shrunk since the last message."""
    REPEATED = "repeated"
    ESCALATED = "escalated"
    """The time allowed runs out: the next ones are told."""
    PROGRESS = "progress"
    """How things stand, for the customer."""
    RESOLVED = "resolved"
    REPORT = "report"
    """Paper: a report that is sent along, not trouble."""
    DIGEST = "digest"
    """A storm: many incidents in one message."""
    TEST = "test"


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """One device as a person wants it named: where it is, since when, what is wrong."""

    name: str
    address: str
    site: str
    since: WallMs
    reason: str
    """A ``Reason`` or ``ladder.DeviceFault`` value; the template words it."""


@dataclass(frozen=True, slots=True)
class RateLine:
    """A breached (or restored) online rate: of ``counted`` devices in ``scope``, ``online`` are on line."""

    scope: str
    online: int
    counted: int
    threshold_percent: float


@dataclass(frozen=True, slots=True)
class AlsoLine:
    """Another reading of the incident."""

    subject: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class ExcuseLine:
    """An exclusion that ended a breach: its number, and its cause (``books.exclusion.Cause``)."""

    exclusion: int
    cause: str


@dataclass(frozen=True, slots=True)
class Notice:
    kind: NoticeKind
    severity: Severity
    cause: str
    """What it is about, from a closed list that templates word: ``device_down``, ``online_rate``,
    ``threshold``, ``power_cut``, ``storm``, ``blind``, ``ledger``, ``sink``, ``channel``, ``clock``,
    ``overrun``, ``no_video``, ``wrong_clock``, ``credential``, ``test`` …"""
    subject: str
    """The name of what broke: a device, a site, an area."""
    at: WallMs
    """When this message was written."""
    place: str = ""
    """Area and site, as people call them."""
    incident: IncidentId | None = None
    since: WallMs | None = None
    until: WallMs | None = None
    offline: int = 0
    counted: int = 0
    affected: int = 0
    """Devices that are on line and have a fault: ``devices`` names them where none is off line."""
    rates: tuple[RateLine, ...] = ()
    devices: tuple[DeviceLine, ...] = ()
    """The worst first, at most ten; ``offline`` says how many there are in all."""
    detail: str = ""
    """Free words where no field fits (a threshold's value, our own trouble)."""
    acked_by: str = ""
    closed_by: str = ""
    """Who said that it is over; empty when it was seen to be. ``detail`` is what they said of it."""
    unreported: bool = False
    """It ended since the device no longer reports what it was about: not seen to be over."""
    restless: bool = False
    """It comes and goes: its end is told once it has been calm for a while."""
    places: int = 0
    """For a power cut: how many feeders and sites it took; ``subject`` is the largest."""
    incidents: int = 0
    """For a digest: how many incidents it speaks of; ``ended`` how many have ended."""
    ended: int = 0
    areas: tuple[str, ...] = ()
    """For a digest: where they are, the hardest hit first; ``subject`` is the worst incident."""
    clock: str = ""
    """For an escalation or a progress message: which clock of the contract, ``response`` or ``repair``."""
    used_ms: int = 0
    allowed_ms: int = 0
    paused: str = ""
    """Why the contract's clocks stand still now: ``weather`` or ``power_cut``; empty when they run."""
    paused_until: WallMs | None = None
    evidence: Evidence | None = None
    also: tuple[AlsoLine, ...] = ()
    """What else of the same incident is beyond its limit."""
    """For alerts over readings: what was seen, what was usual or is to come."""
    attachments: tuple[Attachment, ...] = ()
    """Files that go with it (see ``attachment``)."""
    remedy: str = ""
    """What cured it from afar, proven: ``reboot`` or ``poe_cycle``."""
    excuses: tuple[ExcuseLine, ...] = ()
    """The breach has ended by these exclusions, not because devices came back: ``excused`` of them are off
    line still."""
    excused: int = 0

    def to_json(self) -> str:
        return _JSON(self).model_dump_json(exclude_defaults=True)

    @staticmethod
    def from_json(text: str) -> Notice:
        return _JSON.model_validate_json(text).root


_JSON = RootModel[Notice]


class Outcome(StrEnum):
    DELIVERED = "delivered"
    TEMPORARY = "temporary"
    """Worth trying again: time-out, connection trouble, 5xx, 429, "too often"."""
    PERMANENT = "permanent"
    """The same message will never be taken: wrong key, unknown recipient, content refused."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """What came back from one attempt. ``code`` is the channel's own (HTTP status, errcode, SMTP reply)."""

    outcome: Outcome
    code: str = ""
    detail: str = ""
    """In the channel's words, cut to 300 characters and free of secrets."""
    retry_after_s: float | None = None
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One message for one channel, durable before anybody tries to send it."""

    id: int
    channel: str
    notice: Notice
    created: WallMs
    attempts: int = 0


class OutboxBooks(Protocol):
    """What a lane needs of the ledger: to book what became of an entry. Calls return at once; the ledger
    writes in order."""

    def delivered(self, entry: OutboxEntry, result: SendResult) -> None: ...

    def postponed(self, entry: OutboxEntry, result: SendResult, retry_in_s: float) -> None: ...

    def dead(self, entry: OutboxEntry, result: SendResult) -> None: ...
