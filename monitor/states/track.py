"""What is held of one device, and what is said when it changes."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import Field

from monitor.model import Device, DeviceId, MonoMs, Reason, Standing, State, WallMs
from monitor.settings import Duration, Section


class StateSettings(Section):
    """When a device counts as off line."""

    confirm: int = Field(default=3, ge=1, le=20)
    """Failed probes in a row before ``down``."""
    recover: int = Field(default=2, ge=1, le=20)
    """Good probes in a row before ``up`` again."""
    recheck: Duration = 1.0
    """How soon a device in doubt is probed again."""
    settle: Duration = 10.0
    """The longest a verdict waits until the device's parents have been probed."""
    boot_grace: Duration = 120.0
    """How long cameras may take to boot after their switch is back, before they are ``down`` themselves."""
    start_grace: Duration = 60.0
    """After start-up: how long a device may stay unmeasured before rates are computed without it."""
    flap_start_percent: int = Field(default=30, ge=5, le=100)
    """Flapping begins when the state changed in this weighted share of the last 20 checks."""
    flap_stop_percent: int = Field(default=15, ge=0, le=99)
    """Flapping ends below this share."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A device's state changed. ``at`` is when it did (the first failed probe), not when we were sure."""

    device: DeviceId
    before: State
    after: State
    at: WallMs
    reason: Reason
    detail: str = ""
    parent: DeviceId | None = None
    """For ``unreachable``: the parent that is off line."""
    pending: bool = False
    """For ``unknown``: it is expected to be measured shortly."""
    was_pending: bool = False
    excluded: bool = False
    """From now on it is under an exclusion that counts: says nothing of its state."""
    was_excluded: bool = False

    @property
    def standing_before(self) -> Standing:
        return Standing.of(self.before, self.was_pending, self.was_excluded)

    @property
    def standing(self) -> Standing:
        return Standing.of(self.after, self.pending, self.excluded)


@dataclass(frozen=True, slots=True)
class Flap:
    """A device began or ended flapping."""

    device: DeviceId
    flapping: bool
    at: WallMs


@dataclass(slots=True)
class Changes:
    transitions: list[Transition] = field(default_factory=list)
    flaps: list[Flap] = field(default_factory=list)
    rechecks: set[tuple[DeviceId, str]] = field(default_factory=set)


@dataclass(slots=True)
class Failing:
    """A liveness check that has failed and not recovered."""

    since: WallMs
    fails: int = 0
    goods: int = 0
    first_good: WallMs | None = None
    ours: int = 0
    reason: Reason = Reason.TIMEOUT
    detail: str = ""


class Track:
    """What is held of one device. ``failing`` is ``None`` in the common case, to stay small."""

    __slots__ = (
        "detail",
        "device",
        "excluded",
        "failing",
        "flapping",
        "grace_until",
        "history",
        "last_ok",
        "pending",
        "reason",
        "since",
        "state",
        "waiting_since",
    )  # fmt: skip

    def __init__(self, device: Device) -> None:
        self.device = device
        self.state = State.UNKNOWN
        self.since = WallMs(0)
        self.reason = Reason.OK
        self.detail = ""
        self.pending = True
        self.excluded = False
        self.last_ok = WallMs(0)
        self.failing: dict[str, Failing] | None = None
        self.history = 0
        self.flapping = False
        self.waiting_since: MonoMs | None = None
        self.grace_until: MonoMs | None = None

    def alive_since(self, at: WallMs) -> bool:
        """Seen alive by a probe sent at or after ``at``, and nothing speaks against it since."""
        return self.last_ok >= at and self.failing is None and not self.state.offline

    @property
    def standing(self) -> Standing:
        return Standing.of(self.state, self.pending, self.excluded)

    @property
    def settled(self) -> bool:
        """More of the same results would change nothing."""
        if self.state is State.UP:
            return self.failing is None and self.history == ALL_UP and not self.flapping
        return (
            self.state.offline
            and self.history == MASK
            and not self.flapping
            and self.waiting_since is None
            and self.failing is not None
            and all(failing.goods == 0 for failing in self.failing.values())
        )


_WINDOW = 20
MASK = (1 << _WINDOW) - 1
_WEIGHTS = tuple(1.2 - 0.4 * age / (_WINDOW - 2) for age in range(_WINDOW - 1))
ALL_UP = 0


def flap_percent(history: int) -> float:
    """Weighted share (0–100) of state changes in a history of the last 20 checks, newest in bit 0, where a
    set bit is "off line"; recent changes weigh 1.2, the oldest 0.8 (Nagios' scheme)."""
    changes = (history ^ (history >> 1)) & (MASK >> 1)
    total = 0.0
    while changes:
        low = changes & -changes
        total += _WEIGHTS[low.bit_length() - 1]
        changes ^= low
    return 100.0 * total / (_WINDOW - 1)
