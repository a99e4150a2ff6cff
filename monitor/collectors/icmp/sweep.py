"""The book of one ``collect`` call: what came back from each device, and the result that makes."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Sequence

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
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def take(self) -> list[Result]:
        """The results that are ready; waits for at least one. Only one task may take."""
        if not self._ready:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        batch, self._ready = self._ready, []
        return batch

    @property
    def all_taken(self) -> bool:
        return not self.missing and not self._ready


class Sweep:
    """``echoes`` echoes to each of ``targets``, sent in rounds; device ``i`` is ``targets[i]``.

    Each echo is told of once: ``answered``, ``lost``, ``own_loss`` or ``not_sent``. After the last of a
    device its result goes to ``answers``. An honest time-out of one echo is a measurement; a device none
    of whose echoes was measured fails for our own reason.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        names: list[bytes],
        addresses: list[bytes],
        echoes: int,
        answers: Answers,
    ) -> None:
        self.targets = targets
        self.names = names
        self.addresses = addresses
        self.echoes = echoes
        self.closed = False
        self.round = 0
        self.next = 0
        self.round_due = 0.0
        """Not to begin this round before (loop time)."""
        self.at: list[WallMs] = []
        self.rtts: list[list[int]] = [[] for _ in targets]
        self._open = [echoes] * len(targets)
        self._lost = [0] * len(targets)
        self._own_loss: dict[int, str] = {}
        self._not_sent: dict[int, str] = {}
        self._wrong_source: dict[int, str] = {}
        self._unreachable: dict[int, str] = {}
        self._answers = answers

    @property
    def unsent(self) -> int:
        """How many echoes of this round are still to be sent; 0 when no round is left."""
        return len(self.targets) - self.next if self.round < self.echoes else 0

    def answered(self, device: int, rtt_ns: int) -> None:
        self.rtts[device].append(rtt_ns)
        self._conclude(device)

    def lost(self, device: int) -> None:
        self._lost[device] += 1
        self._conclude(device)

    def own_loss(self, device: int, why: str) -> None:
        self._own_loss[device] = why
        self._conclude(device)

    def not_sent(self, device: int, error: int) -> None:
        self._not_sent[device] = os.strerror(error)
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
        for device, still_open in enumerate(self._open):
            if still_open:
                if device >= len(self.at):
                    self.at += [now] * (device + 1 - len(self.at))
                    self._not_sent.setdefault(device, "its turn did not come before the deadline")
                self._open[device] = 0
                self._answers.put(self._result(device))
        self.closed = True

    def _conclude(self, device: int) -> None:
        self._open[device] -= 1
        if not self._open[device]:
            self._answers.put(self._result(device))

    def _result(self, device: int) -> Result:
        reason, detail = self._judge(device)
        target = self.targets[device]
        return Result(target.device.id, CHECK, self.at[device], reason, self._readings(device, reason), detail)

    def _judge(self, device: int) -> tuple[Reason, str]:
        if self.rtts[device]:
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
        rtts = self.rtts[device]
        if not rtts:
            return _DEAD
        measured = len(rtts) + self._lost[device]
        loss = 100.0 * self._lost[device] / measured
        return (*_round_trip(rtts), Reading("ping.percent_packet_loss", loss), _GOOD)


_GOOD = Reading("ping.result_code", 0)
_DEAD = (Reading("ping.percent_packet_loss", 100.0), Reading("ping.result_code", 1))


def _round_trip(rtts: list[int]) -> tuple[Reading, ...]:
    """Telegraf's names, in milliseconds. The deviation (jitter) needs two echoes."""
    least = min(rtts)
    if least < 0:
        rtts = [rtt for rtt in rtts if rtt >= 0]
        if not rtts:
            return ()
        least = min(rtts)
    count = len(rtts)
    mean = sum(rtts) / count
    readings = (
        Reading("ping.average_response_ms", mean / 1e6),
        Reading("ping.minimum_response_ms", least / 1e6),
        Reading("ping.maximum_response_ms", max(rtts) / 1e6),
    )
    if count == 1:
        return readings
    variance = sum([(rtt - mean) ** 2 for rtt in rtts]) / count
    return (*readings, Reading("ping.standard_deviation_ms", math.sqrt(variance) / 1e6))
