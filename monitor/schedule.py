"""When each check is due: spread evenly, no bursts, overruns counted.

The devices of a check are dealt into slots by a hash of their id, one slot after another over the interval,
so that a device keeps its place across restarts and reloads. A slot whose last round is still under way is
skipped and counted as an overrun. Devices in doubt are probed again by ``soon``, outside their slot.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from monitor.model import DeviceId, Instant, MonoMs

_SLOT_MS = 500
_FIRST_ROUND_MS = 2000
_QUICK_MS = 60_000


@dataclass(frozen=True, slots=True)
class Round:
    """Devices that are due for a check now. ``slot`` is given back to ``done``; ``None`` for re-probes."""

    check: str
    devices: Sequence[DeviceId]
    slot: int | None
    part: str = ""
    """Of the check, for devices at a pace of their own: ``icmp@2s``."""
    interval_s: float | None = None
    """How long until their next turn; ``None`` for re-probes."""


@dataclass(slots=True)
class _Slot:
    devices: list[DeviceId]
    due: MonoMs
    busy: bool = False


@dataclass(slots=True)
class _Check:
    interval_ms: int
    base: MonoMs
    slots: list[_Slot]
    next: int = 0
    overruns: int = 0


@dataclass(slots=True)
class _Soon:
    due: list[tuple[MonoMs, str, DeviceId]] = field(default_factory=list)
    queued: set[tuple[str, DeviceId]] = field(default_factory=set)


class Schedule:
    def __init__(self) -> None:
        self._checks: dict[str, _Check] = {}
        self._soon = _Soon()

    def load(self, checks: Mapping[str, tuple[float, Iterable[DeviceId]]], now: Instant) -> None:
        """Interval in seconds and devices of each check; the devices of a check that have a pace of their own
        stand under a part of it (``icmp@2s``). At first every quick check (up to a minute) goes
        through its devices within two seconds; later loads keep the pace."""
        old, self._checks = self._checks, {}
        for name, (interval_s, devices) in checks.items():
            interval = int(interval_s * 1000)
            count = max(1, min(interval // _SLOT_MS, 1200))
            slots = [_Slot([], now.mono) for _ in range(count)]
            for device in devices:
                slots[zlib.crc32(device.encode()) % count].devices.append(device)
            known = old.get(name)
            if known is not None and known.interval_ms == interval:
                for slot, before in zip(slots, known.slots, strict=True):
                    slot.due, slot.busy = before.due, before.busy
                self._checks[name] = _Check(interval, known.base, slots, known.next, known.overruns)
                continue
            spread = min(_FIRST_ROUND_MS, interval) if interval <= _QUICK_MS else interval
            for index, slot in enumerate(slots):
                slot.due = MonoMs(now.mono + index * spread // count)
            self._checks[name] = _Check(interval, now.mono, slots, overruns=known.overruns if known else 0)

    def due(self, now: Instant) -> list[Round]:
        """What is due now. Call every tenth of a second or so."""
        rounds = []
        for name, check in self._checks.items():
            count = len(check.slots)
            for _ in range(count):
                index = check.next
                slot = check.slots[index]
                if slot.due > now.mono:
                    break
                check.next = (index + 1) % count
                self._advance(check, slot, index, now)
                if not slot.devices:
                    continue
                if slot.busy:
                    check.overruns += 1
                    continue
                slot.busy = True
                rounds.append(
                    Round(name.partition("@")[0], slot.devices, index, name, check.interval_ms / 1000)
                )
        rounds.extend(self._rounds_soon(now))
        return rounds

    def _advance(self, check: _Check, slot: _Slot, index: int, now: Instant) -> None:
        """The slot's next turn: on the check's grid, so that slots stay spread, and never in the past."""
        phase = check.base + index * check.interval_ms // len(check.slots)
        turns = max(0, (now.mono - phase) // check.interval_ms)
        slot.due = MonoMs(phase + (turns + 1) * check.interval_ms)

    def skip(self, now: Instant) -> None:
        """Pass over every turn until now: a replay knows that they would have brought nothing new."""
        for check in self._checks.values():
            for index, slot in enumerate(check.slots):
                if slot.due <= now.mono:
                    self._advance(check, slot, index, now)
            check.next = min(range(len(check.slots)), key=lambda i: check.slots[i].due)

    def next_turn(self, devices: Iterable[DeviceId]) -> MonoMs | None:
        """None of these devices has its turn before then."""
        numbers = [zlib.crc32(device.encode()) for device in devices]
        dues = [check.slots[n % len(check.slots)].due for check in self._checks.values() for n in numbers]
        return min(dues, default=None)

    @property
    def waiting_soon(self) -> bool:
        """Devices in doubt wait to be probed again."""
        return bool(self._soon.due)

    def done(self, round_: Round) -> None:
        """The round has been carried out."""
        check = self._checks.get(round_.part or round_.check)
        if round_.slot is not None and check is not None and round_.slot < len(check.slots):
            check.slots[round_.slot].busy = False

    def soon(self, device: DeviceId, check: str, in_ms: int, now: Instant) -> None:
        """Probe the device again, once, after ``in_ms``."""
        key = (check, device)
        if key not in self._soon.queued and check in self._checks:
            self._soon.queued.add(key)
            heapq.heappush(self._soon.due, (MonoMs(now.mono + in_ms), check, device))

    def _rounds_soon(self, now: Instant) -> list[Round]:
        by_check: dict[str, list[DeviceId]] = {}
        due = self._soon.due
        while due and due[0][0] <= now.mono:
            _, check, device = heapq.heappop(due)
            self._soon.queued.discard((check, device))
            by_check.setdefault(check, []).append(device)
        return [Round(check, devices, None) for check, devices in by_check.items() if check in self._checks]

    def overruns(self) -> dict[str, int]:
        return {name: check.overruns for name, check in self._checks.items()}

    def sizes(self) -> dict[str, tuple[float, int]]:
        """Interval in seconds and number of devices of each check."""
        return {
            name: (check.interval_ms / 1000, sum(len(slot.devices) for slot in check.slots))
            for name, check in self._checks.items()
        }
