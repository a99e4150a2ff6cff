"""The nouns of Camwatch: small, typed, no I/O.

Times inside are integers: ``WallMs`` is UTC milliseconds since 1970 and never decreases within one run
of the daemon (see ``clock``), ``MonoMs`` counts elapsed milliseconds for timers. The two are never mixed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import NamedTuple, NewType

DeviceId = NewType("DeviceId", str)
IncidentId = NewType("IncidentId", int)
WallMs = NewType("WallMs", int)
MonoMs = NewType("MonoMs", int)

Tags = tuple[tuple[str, str], ...]
NO_TAGS: Mapping[str, str] = MappingProxyType({})


class Instant(NamedTuple):
    """One moment on both clocks: ``wall`` for the books, ``mono`` for timers."""

    wall: WallMs
    mono: MonoMs

    def plus(self, ms: int) -> Instant:
        return Instant(WallMs(self.wall + ms), MonoMs(self.mono + ms))


class Kind(StrEnum):
    CAMERA = "camera"
    RECORDER = "recorder"
    SWITCH = "switch"
    SERVER = "server"
    UPS = "ups"
    PLATFORM = "platform"


class State(StrEnum):
    UP = "up"
    DOWN = "down"
    UNREACHABLE = "unreachable"
    """Its parent is down: off line, but not the cause."""
    UNKNOWN = "unknown"
    """Not measured: start-up, or our own uplink is lost. Never counts as downtime."""

    @property
    def offline(self) -> bool:
        return self in (State.DOWN, State.UNREACHABLE)


class Standing(Enum):
    """How a device counts in a rate at this moment."""

    ONLINE = "online"
    OFFLINE = "offline"
    PENDING = "pending"
    """Expected to be measured shortly: may yet turn out either way."""
    LEFT_OUT = "left_out"
    """Not measured, through our own fault or its name's: counts neither way."""
    EXCLUDED = "excluded"
    """Under an exclusion that counts: left out of the contract's rates, whatever its state."""

    @staticmethod
    def of(state: State, pending: bool, excluded: bool = False) -> Standing:
        if excluded:
            return Standing.EXCLUDED
        if state is State.UP:
            return Standing.ONLINE
        if state is State.UNKNOWN:
            return Standing.PENDING if pending else Standing.LEFT_OUT
        return Standing.OFFLINE


class Severity(IntEnum):
    INFO = 10
    WARNING = 20
    MAJOR = 30
    CRITICAL = 40

    @property
    def label(self) -> str:
        return self.name.lower()


class Reason(StrEnum):
    """Why a check came out as it did. Closed: a collector maps everything it meets onto these."""

    OK = "ok"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    """A router or host on the way said so (ICMP error); ``detail`` names who and what."""
    REFUSED = "refused"
    AUTH = "auth"
    PROTOCOL = "protocol"
    """The answer is not what the protocol allows: garbage, truncated, of another service."""
    OVERSIZE = "oversize"
    BUSY = "busy"
    """It lives but serves no more sessions now."""
    NO_VIDEO = "no_video"
    WRONG_SOURCE = "wrong_source"
    """Our probe was answered, with our cookie, from another address."""
    UNEXPECTED = "unexpected"
    """A well-formed answer that is not the one asked for (status, text, certificate)."""
    SEND_FAILED = "send_failed"
    """Our own side could not send: no buffer, no route, no permission."""
    OWN_LOSS = "own_loss"
    """Our own side lost replies (socket drops, overrun): the device is not to blame."""
    RESOLVE = "resolve"
    """The host name does not resolve."""

    @property
    def ours(self) -> bool:
        """The failure lies with the monitor: the device was not measured."""
        return self in (Reason.SEND_FAILED, Reason.OWN_LOSS, Reason.RESOLVE)


@dataclass(frozen=True, slots=True)
class Device:
    """One thing with an address, as the inventory has it."""

    id: DeviceId
    name: str
    kind: Kind
    address: str
    """IPv4, IPv6 or host name, as written in the book."""
    site: str = ""
    area: str = ""
    key_site: bool = False
    parents: tuple[DeviceId, ...] = ()
    """Redundant ways in: unreachable only when all are off line."""
    checks: tuple[str, ...] = ("icmp",)
    liveness: tuple[str, ...] = ("icmp",)
    """The checks that must all hold for the device to be online; a subset of ``checks``."""
    vendor: str = ""
    model: str = ""
    longitude: float | None = None
    latitude: float | None = None
    feeder: str = ""
    """Power feeder: devices on one fall together in a power cut."""
    tags: Mapping[str, str] = field(default_factory=lambda: NO_TAGS, hash=False)


class Target(NamedTuple):
    """A device that is due for a check, with its address resolved."""

    device: Device
    ip: str


class Reading(NamedTuple):
    """One measured value. ``metric`` is ``measurement.field`` of docs/metrics.md, for example
    ``ping.average_response_ms``; device and time are those of the result that carries it."""

    metric: str
    value: float | int | bool | str
    tags: Tags = ()


@dataclass(slots=True)
class Result:
    """What one check of one device came to. Immutable by convention: built by the ten thousand."""

    device: DeviceId
    check: str
    at: WallMs
    """When the first probe of the check was sent: a span of failure begins here."""
    reason: Reason
    readings: tuple[Reading, ...] = ()
    detail: str = ""
    """A few words for a person, from us, never raw bytes of the device; at most 200 characters."""

    @property
    def ok(self) -> bool:
        return self.reason is Reason.OK


class Point(NamedTuple):
    """One line for the sink that is not a device's reading: rates, incidents, our own health."""

    measurement: str
    tags: Tags
    fields: tuple[tuple[str, float | int | bool | str], ...]
    at: WallMs
