"""The book of one ``collect`` call: what came back from each device, and the result that makes."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Sequence
from functools import partial

from monitor.collectors.icmp.packet import Family
from monitor.model import Reading, Reason, Result, Target, WallMs

CHECK = "icmp"
UNTIMED = -1
"""An echo that came back while the machine's clock was being set: alive, round-trip time not known."""


class Answers:
    """Results on their way out, handed over in batches."""

    def __init__(self, expected: int) -> None:
        self.missing = expected
        self._ready: list[Result] = []
        self._waiter: asyncio.Future[None] | None = None

    def put(self, result: Result) -> None:
        self.missing -= 1
        self._ready.append(result)
        if self._waiter is not None:
            self._waiter.set_result(None)
            self._waiter = None

    async def take(self) -> list[Result]:
        """The results that are ready; waits for at least one. Only one task may take."""
        if not self._ready:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None  # of a taker that was cancelled
        batch, self._ready = self._ready, []
        return batch

    @property
    def all_taken(self) -> bool:
        return not self.missing and not self._ready


class Sweep:
    """``echoes`` echoes to each of the ``targets`` added, sent in rounds; device ``i`` is ``targets[i]``.

    Each echo is told of once: ``answered``, ``lost``, ``own_loss`` or ``not_sent``. After the last of a
    device its result goes to ``answers``. An honest time-out of one echo is a measurement; a device none
    of whose echoes was measured fails for our own reason.
    """

    def __init__(self, family: Family, echoes: int, answers: Answers) -> None:
        self.family = family
        self.targets: list[Target] = []
        self.names: list[bytes] = []
        self.addresses: list[bytes] = []
        self.echoes = echoes
        self.closed = False
        self.round = 0
        self.next = 0
        self.round_began = 0.0
        self.round_due = 0.0
        """Nothing of this round is to be sent before (loop time)."""
        self.at: list[WallMs] = []
        self._rtts: list[tuple[int, ...]] = []
        self._lost: list[int] = []
        self._unmeasured: list[int] = []
        self._own_loss: dict[int, str] = {}
        self._not_sent: dict[int, str] = {}
        self._wrong_source: dict[int, str] = {}
        self._unreachable: dict[int, str] = {}
        self._answers = answers

    def add(self, targets: Sequence[Target]) -> None:
        """More devices, before the sweep is begun; ``ValueError`` adds none of them."""
        name_of, address_of = self.family.name, self.family.address
        names = [name_of(target.ip) for target in targets]
        self.targets += targets
        self.names += names
        self.addresses += [address_of(name) for name in names]
        self._rtts += [()] * len(targets)
        self._lost += [0] * len(targets)
        self._unmeasured += [0] * len(targets)

    @property
    def unsent(self) -> int:
        """How many echoes of this round are still to be sent; 0 when no round is left."""
        return len(self.targets) - self.next if self.round < self.echoes else 0

    def answered(self, device: int, rtt_ns: int) -> None:
        rtts = self._rtts[device] = (*self._rtts[device], rtt_ns)
        if len(rtts) == self.echoes:
            # What happens to nearly every device in nearly every sweep, so the short way.
            good = (*_round_trip(rtts), _NO_LOSS, _GOOD)
            self._answers.put(Result(self.targets[device][0].id, CHECK, self.at[device], _OK, good))
        else:
            self._conclude(device)

    def lost(self, device: int) -> None:
        self._lost[device] += 1
        self._conclude(device)

    def own_loss(self, device: int, why: str) -> None:
        self._own_loss[device] = why
        self._unmeasured[device] += 1
        self._conclude(device)

    def not_sent(self, device: int, error: int) -> None:
        self._not_sent[device] = os.strerror(error)
        self._unmeasured[device] += 1
        self._conclude(device)

    def wrong_source(self, device: int, source: str) -> None:
        """A remark: our echo came back from elsewhere. The right answer may still come."""
        self._wrong_source[device] = source

    def unreachable(self, device: int, what: str) -> None:
        """A remark: an ICMP error quotes our echo. It words a failure, and never makes one, since
        anybody on the way can write it."""
        self._unreachable[device] = what

    def end(self, now: WallMs) -> None:
        """The deadline: answer for every device with what is known of it."""
        self.closed = True
        for device in range(len(self.targets)):
            if self._concluded(device) < self.echoes:
                if device >= len(self.at):
                    self.at.append(now)
                    self._not_sent.setdefault(device, "its turn did not come before the deadline")
                self._answers.put(self._result(device))

    def _concluded(self, device: int) -> int:
        return len(self._rtts[device]) + self._lost[device] + self._unmeasured[device]

    def _conclude(self, device: int) -> None:
        if self._concluded(device) == self.echoes:
            self._answers.put(self._result(device))

    def _result(self, device: int) -> Result:
        reason, detail = self._judge(device)
        target = self.targets[device]
        return Result(
            target.device.id, CHECK, self.at[device], reason, self._readings(device, reason), detail
        )

    def _judge(self, device: int) -> tuple[Reason, str]:
        if self._rtts[device]:
            return Reason.OK, ""
        if device in self._wrong_source:
            return Reason.WRONG_SOURCE, f"answered by {self._wrong_source[device]}"
        if device in self._unreachable:
            return Reason.UNREACHABLE, self._unreachable[device]
        if self._lost[device]:
            return Reason.TIMEOUT, ""
        if device in self._not_sent:
            return Reason.SEND_FAILED, self._not_sent[device]
        return Reason.OWN_LOSS, self._own_loss.get(device, "the deadline came before the time-out")

    def _readings(self, device: int, reason: Reason) -> tuple[Reading, ...]:
        if reason.ours:
            return ()
        rtts = self._rtts[device]
        if not rtts:
            return _DEAD
        measured = len(rtts) + self._lost[device]
        loss = 100.0 * self._lost[device] / measured
        return (*_round_trip(rtts), Reading("ping.percent_packet_loss", loss), _GOOD)


_OK = Reason.OK
_GOOD = Reading("ping.result_code", 0)
_NO_LOSS = Reading("ping.percent_packet_loss", 0.0)
_DEAD = (Reading("ping.percent_packet_loss", 100.0), Reading("ping.result_code", 1))
_reading = partial(tuple.__new__, Reading)
"""A ``Reading`` without the named tuple's own constructor, which takes three times as long."""


def _round_trip(rtts: tuple[int, ...]) -> tuple[Reading, ...]:
    """Telegraf's names, in milliseconds. One echo has no least, most and deviation (jitter)."""
    count = len(rtts)
    if count == 1 and rtts[0] >= 0:
        return (_reading(("ping.average_response_ms", rtts[0] / 1e6, ())),)
    least = min(rtts)
    if least < 0:
        timed = tuple(rtt for rtt in rtts if rtt >= 0)
        return _round_trip(timed) if timed else ()
    mean = sum(rtts) / count
    variance = sum([(rtt - mean) ** 2 for rtt in rtts]) / count
    return (
        _reading(("ping.average_response_ms", mean / 1e6, ())),
        _reading(("ping.minimum_response_ms", least / 1e6, ())),
        _reading(("ping.maximum_response_ms", max(rtts) / 1e6, ())),
        _reading(("ping.standard_deviation_ms", math.sqrt(variance) / 1e6, ())),
    )
