"""The engine of one address family: one socket, one table of echoes under way, one queue of time-outs.

Nothing here waits for a single host. A *volley* is what one system call sends; volleys time out in the
order they were sent, so one timer at the head of one queue serves them all.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import repeat

from monitor.clock import Clock
from monitor.collectors.icmp.ancillary import IcmpError
from monitor.collectors.icmp.packet import HEADER, describe_error, quoted_body
from monitor.collectors.icmp.plain import EchoIO, Reply
from monitor.collectors.icmp.sockets import EchoSocket
from monitor.collectors.icmp.sweep import UNTIMED, Sweep

SLICE_S = 0.001
"""The loop is given back after this long, whatever is left to do."""
BACK_OFF_S = 0.002
PATIENCE = 20
"""Back-offs for want of our own buffers, before a send is given up as failed; a good send earns one back."""
TRIES = 3
"""A send also reports errors of *earlier* packets: only one that stays is this packet's own."""
_NUMBERS = 1 << 32
_NO_NUMBER = 2 * _NUMBERS
_NO_ROOM = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM)


@dataclass(slots=True, eq=False)
class Volley:
    """Echoes sent together: ``bodies[i]`` went to device ``first + i`` of ``sweep``."""

    sweep: Sweep
    first: int
    bodies: list[bytes]
    sent_s: float
    """Loop time."""
    drops: int
    """The socket's count of lost datagrams when it was sent."""
    number: int
    """The kernel's number of the first packet."""
    sent_ns: list[int]
    """When each went out, UTC nanoseconds: ours, until the kernel tells better."""
    by_quote: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    """(address, sequence number) → index, for errors that quote no more; made when first needed."""


class Pinger:
    def __init__(
        self, echo: EchoSocket, io: EchoIO, clock: Clock, *, timeout_s: float, spacing_s: float, rate: float
    ) -> None:
        self._echo = echo
        self._io = io
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._timeout_s = timeout_s
        self._timeout_ns = int(timeout_s * 1e9)
        self._spacing_s = spacing_s
        self._rate = rate
        self._credit = 0.0
        self._credit_at = self._loop.time()
        self._number = 0
        self._patience = PATIENCE
        self._sending: deque[Sweep] = deque()
        self._volleys: deque[Volley] = deque()
        self._pending: dict[bytes, tuple[Volley, int]] = {}
        self._pump_timer: asyncio.TimerHandle | None = None
        self._expiry_timer: asyncio.TimerHandle | None = None
        self._loop.add_reader(echo.sock.fileno(), self._readable)

    def add(self, sweep: Sweep) -> None:
        self._sending.append(sweep)
        self._pump_at(self._loop.time())

    def remove(self, sweep: Sweep) -> None:
        """Send nothing more of it; what is under way is forgotten as it comes in or times out."""
        sweep.closed = True
        if sweep in self._sending:
            self._sending.remove(sweep)

    def close(self) -> None:
        self._loop.remove_reader(self._echo.sock.fileno())
        for timer in (self._pump_timer, self._expiry_timer):
            if timer is not None:
                timer.cancel()
        self._pending.clear()
        self._volleys.clear()
        self._sending.clear()
        self._echo.close()

    # Sending

    def _pump_at(self, when: float) -> None:
        if self._pump_timer is not None:
            if self._pump_timer.when() <= when:
                return
            self._pump_timer.cancel()
        self._pump_timer = self._loop.call_at(when, self._pump)

    def _pump(self) -> None:
        """Send what is due and what the rate allows, for at most one slice."""
        self._pump_timer = None
        until = self._loop.time() + SLICE_S
        while self._sending:
            now = self._loop.time()
            if now > until:
                self._pump_at(now)
                return
            sweep = self._next_due(now)
            if sweep is None:
                if self._sending:
                    self._pump_at(min(each.round_due for each in self._sending))
                return
            wanted = min(sweep.unsent, self._io.slots)
            wait = self._pace(now, wanted)
            if wait > 0:
                self._pump_at(now + wait)
                return
            if not self._fire(sweep, wanted, now):
                self._pump_at(now + BACK_OFF_S)
                return
            self._drain(until)

    def _next_due(self, now: float) -> Sweep | None:
        """The sweeps take turns, so that a re-probe of three suspects never waits for a whole fleet."""
        for _ in range(len(self._sending)):
            sweep = self._sending.popleft()
            if sweep.closed:
                continue
            self._sending.append(sweep)
            if sweep.round_due <= now:
                return sweep
        return None

    def _pace(self, now: float, wanted: int) -> float:
        """Seconds until ``wanted`` packets may go; 0 takes them. Time lost
        by waking late is made up for; idle time saves up two volleys at most."""
        gained = (now - self._credit_at) * self._rate
        self._credit = min(self._credit + gained, 2.0 * self._io.slots)
        self._credit_at = now
        if self._credit < wanted:
            return (wanted - self._credit) / self._rate
        self._credit -= wanted
        return 0.0

    def _fire(self, sweep: Sweep, count: int, now: float) -> bool:
        """Send the next ``count`` echoes of ``sweep``; false when our own buffers want a pause."""
        first = sweep.next
        if first == 0:
            sweep.round_began = now
        bodies = self._io.arm(sweep.names[first : first + count])
        drops = self._echo.drops()
        # Not the daemon's clock: this is compared with the kernel's stamps, which are on the machine's.
        started_ns = time.time_ns()
        sent, failed, pause = self._send(count)
        if sent:
            if sweep.round == 0:
                sweep.at += [self._clock.now().wall] * sent
            volley = Volley(sweep, first, bodies[:sent], now, drops, self._number, [started_ns] * sent)
            entries = zip(repeat(volley), range(sent), strict=False)
            self._pending.update(zip(volley.bodies, entries, strict=True))
            self._volleys.append(volley)
            self._number = (self._number + sent) % _NUMBERS
            self._wake_for_expiry()
        sweep.next += sent
        if failed:
            # The kernel may have counted them or not: do without its stamps this once.
            volley.number = _NO_NUMBER
            self._echo.restart_stamps()
            self._number = 0
            for index, code in failed:
                del self._pending[bodies[index]]
                sweep.not_sent(first + index, code)
        if sweep.next == len(sweep.targets):
            sweep.next = 0
            sweep.round += 1
            sweep.round_due = sweep.round_began + self._spacing_s
        if not sweep.unsent:
            self._sending.remove(sweep)
        return not pause

    def _send(self, count: int) -> tuple[int, list[tuple[int, int]], bool]:
        """How many of the armed packets are dealt with, which of them failed (index, errno), and whether
        to pause."""
        sent = tries = 0
        failed: list[tuple[int, int]] = []
        while sent < count:
            try:
                sent += self._io.send(sent, count - sent)
                tries = 0
                self._patience = min(self._patience + 1, PATIENCE)
                continue
            except OSError as error:
                code = error.errno or errno.EIO
            if code in _NO_ROOM and self._patience:
                self._patience -= 1
                return sent, failed, True
            tries += 1
            self._read_errors()
            if tries == TRIES:
                failed.append((sent, code))
                sent += 1
                tries = 0
        return sent, failed, False

    # Receiving

    def _readable(self) -> None:
        self._drain(self._loop.time() + SLICE_S)

    def _drain(self, until: float) -> bool:
        """Read what waits, for at most until ``until``; true if nothing is left."""
        self._read_errors()
        while True:
            replies, more = self._io.receive()
            self._match(replies)
            if not more:
                return True
            if self._loop.time() > until:
                return False

    def _match(self, replies: list[Reply]) -> None:
        pending = self._pending
        longest = self._timeout_ns
        for source, received_ns, body in replies:
            entry = pending.get(body)
            if entry is None:
                continue  # late, a duplicate, or made up
            volley, index = entry
            sweep = volley.sweep
            device = volley.first + index
            if sweep.addresses[device] != source:
                sweep.wrong_source(device, self._echo.family.text(source))
                continue
            rtt = received_ns - volley.sent_ns[index]
            if not 0 <= rtt <= longest:
                if self._late(rtt, volley):
                    continue
                rtt = UNTIMED
            del pending[body]
            if not sweep.closed:
                sweep.answered(device, rtt)

    def _late(self, rtt_ns: int, volley: Volley) -> bool:
        """Whether an odd round-trip time means a late reply; if not, the machine's clock was set."""
        return self._timeout_ns < rtt_ns <= (self._loop.time() - volley.sent_s) * 1e9 + 1e6

    def _read_errors(self) -> None:
        stamps, errors = self._io.errors()
        if stamps:
            self._stamp(stamps)
        for error in errors:
            self._remark(error)

    def _stamp(self, stamps: list[tuple[int, int]]) -> None:
        last = self._volleys[-1] if self._volleys else None
        if last is not None and stamps[0][0] == last.number and len(stamps) == len(last.sent_ns):
            # Nearly always: just the packets that have just been sent, in order.
            last.sent_ns = [sent_ns for _, sent_ns in stamps]
            return
        for number, sent_ns in stamps:
            volley = self._volley_of(number)
            if volley is not None:
                volley.sent_ns[number - volley.number] = sent_ns

    def _volley_of(self, number: int) -> Volley | None:
        for volley in reversed(self._volleys):
            if 0 <= number - volley.number < len(volley.sent_ns):
                return volley
        return None

    def _remark(self, error: IcmpError) -> None:
        """Find the echo that an ICMP error quotes; made-up ones are not found."""
        echo = self._echo
        length = HEADER + len(next(iter(self._pending), b"")) - 2
        quoted = quoted_body(echo.family, echo.ident, length, error.quoted)
        if not quoted:
            return
        entry = self._pending.get(quoted) or self._by_sequence(error.destination, quoted)
        if entry is None:
            return
        volley, index = entry
        device = volley.first + index
        if volley.sweep.addresses[device] == error.destination:
            what = describe_error(echo.family, error.kind, error.code)
            volley.sweep.unreachable(device, f"{what}, says {echo.family.text(error.offender)}")

    def _by_sequence(self, destination: bytes, quoted: bytes) -> tuple[Volley, int] | None:
        """The echo to ``destination`` whose body begins with ``quoted``, if it is still under way."""
        key = (destination, quoted[:2])
        for volley in self._volleys:
            if not volley.by_quote:
                addresses = volley.sweep.addresses
                for index, body in enumerate(volley.bodies):
                    volley.by_quote[addresses[volley.first + index], body[:2]] = index
            index = volley.by_quote.get(key, -1)
            if (
                index >= 0
                and volley.bodies[index].startswith(quoted)
                and volley.bodies[index] in self._pending
            ):
                return volley, index
        return None

    # Time-outs

    def _wake_for_expiry(self) -> None:
        if self._expiry_timer is None and self._volleys:
            self._expiry_timer = self._loop.call_at(self._volleys[0].sent_s + self._timeout_s, self._expire)

    def _expire(self) -> None:
        """Give up the volleys whose time is over, once everything that arrived in time has been read."""
        self._expiry_timer = None
        now = self._loop.time()
        until = now + SLICE_S
        if not self._drain(until):
            self._expiry_timer = self._loop.call_at(now, self._expire)
            return
        drops = self._echo.drops()
        while self._volleys and self._volleys[0].sent_s + self._timeout_s <= now:
            self._give_up(self._volleys.popleft(), drops)
            if self._loop.time() > until:
                break
        self._wake_for_expiry()

    def _give_up(self, volley: Volley, drops: int) -> None:
        sweep = volley.sweep
        lost_here = drops - volley.drops
        for index, body in enumerate(volley.bodies):
            if self._pending.pop(body, None) is None or sweep.closed:
                continue
            if lost_here:
                sweep.own_loss(volley.first + index, f"{lost_here} replies lost in our own receive buffer")
            else:
                sweep.lost(volley.first + index)
