"""Watching ourselves: what could end the watching before anybody notices.

``Sample`` is what was seen, ``judge`` says what is wrong with it (pure), ``SelfWatch`` remembers: a trouble
ends once it has not been seen for a minute, so that one at its limit does not tell people every second.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from monitor.model import MonoMs
from monitor.settings import Duration, Section

QUIET_MS = 60_000
_GROWN_WITHIN_MS = 60_000
_PAGE = resource.getpagesize()


class SelfWatchSettings(Section):
    """Limits beyond which Camwatch raises an alert about itself."""

    disk_free: int = Field(default=1024**3, ge=0)
    """Bytes that must be free where ``state_dir`` is."""
    memory: int = Field(default=2 * 1024**3, ge=64 * 1024**2)
    """Bytes of memory that the daemon may use."""
    descriptors: int = Field(default=80, ge=1, le=100)
    """Percent of the file descriptors permitted that may be in use."""
    lag: Duration = 1.0
    """How late the event loop may be."""
    ntp: tuple[str, ...] = ()
    """Time servers to compare our clock with, every five minutes. Empty: the kernel's word is taken; where
    the service may not ask for it (the unit shipped), systemd-timesyncd's. With chrony or ntpd name a server
    here: it is the only way to know the offset."""
    clock_offset: Duration = 1.0
    """How far our clock may be from that of the time servers."""


@dataclass(frozen=True, slots=True)
class Sample:
    disk_free: int
    memory: int
    descriptors: int
    descriptors_permitted: int
    lag_ms: float
    overruns: int
    """Rounds skipped since the start."""
    task_failures: int
    """Tasks that died and were started again, since the start."""
    clock_offset_ms: float | None = None
    """By the time servers; ``None``: not known."""
    synchronised: bool | None = None
    """By the kernel or the program that keeps its clock; ``None``: not known."""


def judge(sample: Sample, limits: SelfWatchSettings) -> Iterator[tuple[str, str]]:
    """Name (of ``OWN_TROUBLES``) and detail of each limit broken now."""
    if sample.disk_free < limits.disk_free:
        yield "disk", f"{_mb(sample.disk_free)} free, {_mb(limits.disk_free)} wanted"
    if sample.memory > limits.memory:
        yield "memory", f"{_mb(sample.memory)} used, limit {_mb(limits.memory)}"
    if sample.descriptors * 100 > limits.descriptors * sample.descriptors_permitted:
        yield "descriptors", f"{sample.descriptors} of {sample.descriptors_permitted} in use"
    if sample.lag_ms > limits.lag * 1000:
        yield "lag", f"event loop {sample.lag_ms:.0f} ms late"
    if sample.clock_offset_ms is not None:
        if abs(sample.clock_offset_ms) > limits.clock_offset * 1000:
            yield "ntp", f"{-sample.clock_offset_ms / 1000:+.1f} s against the time server"
    elif sample.synchronised is False:
        yield "ntp", "the machine's clock is not synchronised"


@dataclass(slots=True)
class _Trouble:
    detail: str
    seen: MonoMs


@dataclass(slots=True)
class _Counter:
    """A count that should stand still: news of the last minute."""

    value: int = 0
    grown: list[tuple[MonoMs, int]] = field(default_factory=list)

    def news(self, value: int, now: MonoMs) -> int:
        if value > self.value:
            self.grown.append((now, value - self.value))
        self.value = value
        self.grown = [(at, by) for at, by in self.grown if now - at < _GROWN_WITHIN_MS]
        return sum(by for _, by in self.grown)


class SelfWatch:
    def __init__(self) -> None:
        self._troubles: dict[str, _Trouble] = {}
        self._overruns = _Counter()
        self._tasks = _Counter()
        self._was_synchronised = False

    def look(self, sample: Sample, limits: SelfWatchSettings, now: MonoMs) -> Mapping[str, str]:
        """Every trouble that holds at ``now``, with its detail: those not in it have ended."""
        seen = dict(judge(sample, limits))
        # In containers, and without a time service, the kernel never says yes: only losing it is news.
        self._was_synchronised = self._was_synchronised or bool(sample.synchronised)
        if sample.clock_offset_ms is None and not self._was_synchronised:
            seen.pop("ntp", None)
        if overruns := self._overruns.news(sample.overruns, now):
            seen["overrun"] = f"{overruns} rounds skipped in the last minute"
        if failures := self._tasks.news(sample.task_failures, now):
            seen["task"] = f"{failures} in the last minute"
        for name, detail in seen.items():
            self._troubles[name] = _Trouble(detail, now)
        self._troubles = {
            name: trouble for name, trouble in self._troubles.items() if now - trouble.seen < QUIET_MS
        }
        return {name: trouble.detail for name, trouble in self._troubles.items()}


WATCHED = ("disk", "memory", "descriptors", "lag", "ntp", "overrun", "task")
"""What ``SelfWatch`` tells of."""


def sample(
    state_dir: Path,
    *,
    lag_ms: float,
    overruns: int,
    task_failures: int,
    clock_offset_ms: float | None = None,
    synchronised: bool | None = None,
) -> Sample:
    """How things are now. ``OSError`` when /proc or the state directory cannot be read."""
    disk = os.statvfs(state_dir)
    permitted, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Sample(
        disk_free=disk.f_bavail * disk.f_frsize,
        memory=int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE,
        descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()),
        descriptors_permitted=permitted,
        lag_ms=lag_ms,
        overruns=overruns,
        task_failures=task_failures,
        clock_offset_ms=clock_offset_ms,
        synchronised=synchronised,
    )


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
