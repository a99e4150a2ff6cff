"""Who logs in where, and how not to try a wrong password five thousand times.

A credential that is not known to be right is tried on ``_CANARIES`` devices at once, no more; the others
wait for the outcome. After ``_REFUSALS`` devices have refused it with no success between, it is suspended
(for ``back_off``, doubling up to ``back_off_max``) and one device at a time is tried after that. A single
device that refuses a good credential is left alone on the same scale: cameras lock accounts after a
handful of wrong passwords.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple, Protocol, runtime_checkable

from pydantic import Field

from monitor.clock import Clock
from monitor.collectors.http1 import WireError
from monitor.model import Device, DeviceId, Reading, Reason
from monitor.secrets import Secret, SecretRef
from monitor.select import DeviceSelector
from monitor.settings import Duration, Section

_CANARIES = 3
_REFUSALS = 3
_NO_ACCOUNT = "-"
_PATIENCE_S = 0.5
"""A canary that has said nothing for so long makes room for another: one stalled camera must not keep all
others waiting."""


class CredentialSettings(Section):
    """One ``[[checks.NAME.credentials]]`` entry. The first whose ``match`` selects a device is used."""

    name: str
    """How messages call it."""
    match: DeviceSelector = Field(default_factory=DeviceSelector)
    user: str
    password: SecretRef


class BackOff(Section):
    first: Duration = 300.0
    """How long a refused password is not tried again; doubles at each further refusal."""
    longest: Duration = 3600.0

    def after(self, refusals: int) -> int:
        """Milliseconds to wait after so many refusals in a row (1 or more)."""
        return int(1000 * min(self.longest, self.first * 2 ** min(refusals - 1, 20)))


class Account(NamedTuple):
    """How an account stands with the devices."""

    name: str
    trouble: str
    """In a few words why it is not tried for a while; empty while it is."""
    proven: bool
    """The last device that judged it took it."""


@runtime_checkable
class HasAccounts(Protocol):
    """A collector that logs in."""

    def accounts(self) -> list[Account]: ...


class Admission(Enum):
    GRANTED = auto()
    DEVICE_HELD = auto()
    """This device refused it lately."""
    SUSPENDED = auto()
    """Several devices in a row refused it."""
    TOO_LATE = auto()
    """Its worth did not turn out before the deadline."""


@dataclass(slots=True)
class _Held:
    refusals: int = 0
    until: int = 0


@dataclass(slots=True)
class Credential:
    """One account. Every ``admit`` that is granted is followed by exactly one of ``accepted``, ``refused``
    and ``undecided``."""

    name: str
    user: str
    password: Secret
    clock: Clock
    back_off: BackOff
    _proven: bool = False
    _trying: dict[DeviceId, float] = field(default_factory=dict)
    """Devices that are judging it now, with the loop time until which the others wait for them."""
    _refusers: set[DeviceId] = field(default_factory=set)
    """The devices that refused it, with no success between."""
    _suspensions: int = 0
    _until: int = 0
    _held: dict[DeviceId, _Held] = field(default_factory=dict)
    _waiters: list[asyncio.Future[None]] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"Credential({self.name})"

    @property
    def trouble(self) -> str:
        """In a few words why it is suspended; empty while it works. One alert, not one per device."""
        if not self._suspensions:
            return ""
        return (
            f'password of "{self.name}" refused by {len(self._refusers)} devices in a row; '
            "not tried for a while"
        )

    @property
    def proven(self) -> bool:
        """The last device that judged it took it."""
        return self._proven

    def blames(self, device: DeviceId) -> bool:
        """The device refuses it and others take it; or it has refused twice, and others are too few to
        tell. While the account itself is in doubt no device is to blame."""
        held = self._held.get(device)
        return held is not None and not self._suspensions and (self._proven or held.refusals > 1)

    async def admit(self, device: DeviceId, deadline: float) -> Admission:
        """May ``device`` be logged in to now? Waits while others find out, till ``deadline`` (loop time)."""
        while True:
            now = self.clock.now().mono
            held = self._held.get(device)
            if held is not None and now < held.until:
                return Admission.DEVICE_HELD
            if now < self._until:
                return Admission.SUSPENDED
            canaries = 1 if self._suspensions else max(1, _CANARIES - len(self._refusers))
            loop = asyncio.get_running_loop()
            waited_for = [until for until in self._trying.values() if until > loop.time()]
            if self._proven or len(waited_for) < canaries:
                self._trying[device] = loop.time() + _PATIENCE_S
                return Admission.GRANTED
            if loop.time() >= deadline:
                return Admission.TOO_LATE
            waiter = loop.create_future()
            self._waiters.append(waiter)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(deadline, *waited_for)):
                    await waiter

    def accepted(self, device: DeviceId) -> None:
        self._held.pop(device, None)
        if self._suspensions:
            self._held.clear()  # who refused it while nobody took it has said nothing of himself
        self._refusers.clear()
        self._suspensions = 0
        self._proven = True
        self._done(device)

    def refused(self, device: DeviceId) -> None:
        now = self.clock.now().mono
        held = self._held.setdefault(device, _Held())
        held.refusals += 1
        held.until = now + self.back_off.after(held.refusals)
        self._proven = False
        self._refusers.add(device)
        # Whoever was asked before the suspension and refuses late tells nothing new: it is not made longer.
        if len(self._refusers) >= _REFUSALS and now >= self._until:
            self._suspensions += 1
            self._until = now + self.back_off.after(self._suspensions)
        self._done(device)

    def undecided(self, device: DeviceId) -> None:
        """The device did not get so far as to judge it."""
        self._done(device)

    def _done(self, device: DeviceId) -> None:
        self._trying.pop(device, None)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


_HELD = {
    Admission.DEVICE_HELD: "refused the password lately; not tried again yet",
    Admission.SUSPENDED: "password refused by several devices; not tried for a while",
    Admission.TOO_LATE: "the password's worth did not turn out in time",
}


async def admit(credential: Credential, device: DeviceId, deadline: float) -> None:
    """Returns when ``device`` may be logged in to; else ``WireError``: ``auth`` when the account is held
    back, ``own_loss`` when it was we who could not find out in time."""
    admission = await credential.admit(device, deadline)
    if admission is not Admission.GRANTED:
        reason = Reason.OWN_LOSS if admission is Admission.TOO_LATE else Reason.AUTH
        raise WireError(reason, f'account "{credential.name}": {_HELD[admission]}')


class CredentialBook:
    """The credentials of one collector, secrets read. ``SecretError`` when one cannot be."""

    def __init__(self, entries: Iterable[CredentialSettings], back_off: BackOff, clock: Clock) -> None:
        self._entries = [
            (entry.match, Credential(entry.name, entry.user, entry.password.read(), clock, back_off))
            for entry in entries
        ]
        self._chosen: dict[DeviceId, tuple[Device, Credential | None]] = {}
        self._lacking: set[DeviceId] = set()
        """Devices that want a password and have no account."""

    def for_device(self, device: Device) -> Credential | None:
        known = self._chosen.get(device.id)
        if known is not None and known[0] is device:  # a reload brings new Device objects
            return known[1]
        chosen = next((credential for match, credential in self._entries if match.selects(device)), None)
        self._chosen[device.id] = (device, chosen)
        return chosen

    def accounts(self) -> list[Account]:
        """How each account stands, for one alert each."""
        found = [Account(each.name, each.trouble, each.proven) for _, each in self._entries]
        if self._lacking:
            words = f"{len(self._lacking)} devices ask for a password and no account is configured for them"
            found.append(Account(_NO_ACCOUNT, words, proven=False))
        return found

    def asked(self, device: Device, reason: Reason) -> None:
        """How a check of ``device`` came out: one that wants a password that nobody has is told of."""
        if reason is Reason.AUTH and self.for_device(device) is None:
            self._lacking.add(device.id)
        elif self._lacking:
            self._lacking.discard(device.id)


def refusal_reading(check: str, credential: Credential | None, device: DeviceId) -> tuple[Reading, ...]:
    """``CHECK.password_refused`` after a failure for ``auth``: true where the device is to blame; nothing
    while the account itself is in doubt."""
    if credential is None or not credential.blames(device):
        return ()
    return (Reading(f"{check}.password_refused", True),)
