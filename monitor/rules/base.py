"""What a rule is: a condition over states or readings, evaluated as they change.

A rule answers with signals: this condition began to hold, or ended. It knows nothing of incidents, routes
or channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Protocol, runtime_checkable

from pydantic import BeforeValidator, Field, PlainSerializer

from monitor.model import Device, DeviceId, Instant, Point, Reading, Severity, Standing, State, Tags, WallMs
from monitor.notifiers.attachment import Attachment
from monitor.notifiers.evidence import Evidence
from monitor.settings import Duration, Section
from monitor.states import Changes


def _severity(value: Any) -> Severity:
    if isinstance(value, Severity):
        return value
    try:
        return Severity[str(value).upper()]
    except KeyError:
        names = ", ".join(severity.label for severity in Severity)
        raise ValueError(f'not a severity: "{value}"; one of {names}') from None


SeverityName = Annotated[
    Severity, BeforeValidator(_severity), PlainSerializer(lambda severity: severity.label, return_type=str)
]


class RuleSettings(Section):
    """What every ``[[rule]]`` has; a rule type's own ``Settings`` adds to it."""

    name: str
    """Unique; part of every alert's fingerprint, so renaming a rule ends its alerts."""
    type: str
    """Which sort of rule: a name of the registry."""
    severity: SeverityName = Severity.WARNING
    """info, warning, major or critical."""
    for_: Duration = Field(default=0.0, alias="for")
    """How long the condition must hold before it fires (written ``for``)."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Added to the alert's labels, for routes to match on."""


@dataclass(frozen=True, slots=True)
class Rate:
    """``online`` of ``counted`` devices; ``pending`` more are in service but not measured yet."""

    online: int
    counted: int
    pending: int
    threshold_percent: float


@dataclass(frozen=True, slots=True)
class Signal:
    """A rule's condition began (``firing``) or ended to hold for one group or device."""

    rule: str
    cause: str
    """The closed list of ``notifiers.notice.Notice.cause``."""
    severity: Severity
    key: Tags
    """With ``rule`` the identity of the alert: the group's labels."""
    firing: bool
    since: WallMs
    labels: Tags = ()
    """What routes match on, beyond ``key``."""
    subject: str = ""
    place: str = ""
    device: DeviceId | None = None
    """The one device it is about, if it is about one."""
    rate: Rate | None = None
    final: bool = False
    """An end that nothing can follow: what it was about is gone from the inventory."""
    unreported: bool = False
    """An end without evidence: the device answers, but no longer reports what the alert was about."""
    offline: tuple[DeviceId, ...] = ()
    """The group's devices off line when the signal was made."""
    excused: tuple[DeviceId, ...] = ()
    """At the end of a breach: the devices that are off line still, and left out by an exclusion; without it
    the breach would go on."""
    detail: str = ""
    attachments: tuple[Attachment, ...] = ()
    """Files that go with the first message, such as a picture of the curve."""
    evidence: Evidence | None = None
    """For a rule over readings: what was seen and what was usual, to be worded for people."""


class Fleet(Protocol):
    """What rules see of the fleet."""

    @property
    def devices(self) -> Mapping[DeviceId, Device]: ...

    def standing(self, device: DeviceId) -> Standing: ...

    def state(self, device: DeviceId) -> tuple[State, WallMs]:
        """The state and since when it holds."""
        ...


@runtime_checkable
class Learning(Protocol):
    """A rule with a memory worth keeping over restarts and reloads."""

    settings: Any

    @property
    def memory(self) -> str:
        """Names what the memory is of: a rule of another name, metric or resolution cannot use it."""
        ...

    def snapshot(self) -> Any: ...

    def points(self, at: WallMs) -> Iterable[Point]:
        """What is usual now, for the sink."""
        ...

    def adopt(self, snapshot: Any) -> bool:
        """Take up what was learned, in place of what is here; ``False`` when it is of another layout."""
        ...


class Rule(Protocol):
    """One ``[[rule]]`` at work. The book (``rules.book``) hands it only what it asked for."""

    Settings: ClassVar[type[RuleSettings]]
    rank: ClassVar[int]
    """Rules with a lower rank are evaluated first: 0 for causes, 1 for devices, 2 for groups."""
    metrics: Sequence[str]
    """The readings it wants to see; empty for rules over states."""

    def __init__(self, settings: Any) -> None: ...

    def reload(self, fleet: Fleet) -> Iterable[Signal]:
        """Take up the inventory. What goes on firing stays; what has lost its devices ends."""
        ...

    def restore(self, firing: Iterable[tuple[Tags, WallMs]]) -> Iterable[Signal]:
        """After a restart: these keys were firing since then; those that no longer can, end."""
        ...

    def on_changes(self, changes: Changes, now: Instant) -> Iterable[Signal]: ...

    def on_reading(
        self, device: DeviceId, reading: Reading, at: WallMs, now: Instant
    ) -> Iterable[Signal]: ...

    def on_tick(self, now: Instant) -> Iterable[Signal]:
        """Time has passed: conditions that had to hold ``for`` a while, or that a reload left to review."""
        ...
