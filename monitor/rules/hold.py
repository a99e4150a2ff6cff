"""``for``: a condition must hold for a while before it fires. One place for all rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Generic, TypeVar

from monitor.model import Instant, MonoMs, WallMs

K = TypeVar("K")


class Step(Enum):
    """What became of a condition."""

    NOTHING = auto()
    FIRED = auto()
    GOES_ON = auto()
    ENDED = auto()


@dataclass(slots=True)
class _Held:
    since: WallMs
    due: MonoMs
    firing: bool = False


class Holds(Generic[K]):
    """Conditions by key: held back, firing, ended."""

    def __init__(self, for_s: float) -> None:
        self._for_ms = int(for_s * 1000)
        self._held: dict[K, _Held] = {}
        self._waiting: set[K] = set()

    def set(self, key: K, holds: bool, since: WallMs, now: Instant) -> Step:
        """The condition of ``key`` holds (since then), or not, as of now."""
        held = self._held.get(key)
        if not holds:
            if held is None:
                return Step.NOTHING
            del self._held[key]
            self._waiting.discard(key)
            return Step.ENDED if held.firing else Step.NOTHING
        if held is None:
            elapsed = max(0, now.wall - since)
            held = self._held[key] = _Held(since, MonoMs(now.mono + max(0, self._for_ms - elapsed)))
            self._waiting.add(key)
        if held.firing:
            return Step.GOES_ON
        return self._fire(key, held, now)

    def _fire(self, key: K, held: _Held, now: Instant) -> Step:
        if now.mono < held.due:
            return Step.NOTHING
        held.firing = True
        self._waiting.discard(key)
        return Step.FIRED

    def due(self, now: Instant) -> Iterator[K]:
        """Keys whose condition has now held long enough: they fire."""
        if not self._waiting:
            return
        for key in [key for key in self._waiting if self._held[key].due <= now.mono]:
            if self._fire(key, self._held[key], now) is Step.FIRED:
                yield key

    @property
    def waiting(self) -> bool:
        """Some condition holds and has not held long enough."""
        return bool(self._waiting)

    def restore(self, key: K, since: WallMs) -> None:
        self._held[key] = _Held(since, MonoMs(0), firing=True)

    def drop(self, key: K) -> bool:
        """Forget the key; whether it was firing."""
        held = self._held.pop(key, None)
        self._waiting.discard(key)
        return held is not None and held.firing

    def __contains__(self, key: K) -> bool:
        return key in self._held

    def since(self, key: K) -> WallMs:
        return self._held[key].since

    def firing(self, key: K) -> bool:
        held = self._held.get(key)
        return held is not None and held.firing

    def held(self) -> list[K]:
        return list(self._held)
