"""What is wrong with the sink, in words for a person, and how long to leave the server alone."""

from __future__ import annotations

import random

from monitor.clock import Clock
from monitor.model import MonoMs
from monitor.storage.influx_api import Answer, Verdict

TELL_AFTER_MS = 10_000
"""Connection trouble shorter than this is nobody's business: the spool bridges it."""
REMEMBER_MS = 300_000
"""A loss is told for this long after the last one."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
DENIED_PAUSE_S = 60.0
"""A server that denies us is asked once a minute: seldom enough to harm nobody, soon enough to see that the
token was replaced."""


class Trouble:
    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock = clock
        self._random = rng
        self._disk = ""
        self._answer: Answer | None = None
        self._since = MonoMs(0)
        self._failures = 0
        self._lost = 0
        self._lost_at: MonoMs | None = None
        self._bug = ""
        self._bug_at: MonoMs | None = None
        self._dead = ""
        self._dead_at: MonoMs | None = None

    @property
    def holding(self) -> bool:
        """The last post failed."""
        return self._answer is not None

    def disk(self, words: str) -> None:
        """The spool cannot be written; empty when it can again."""
        self._disk = words

    def server(self, answer: Answer | None) -> None:
        """A post failed; None when one was taken."""
        if answer is None:
            self._answer, self._failures = None, 0
            return
        if self._answer is None:
            self._since = self._clock.now().mono
        self._answer = answer
        self._failures += 1

    def lost(self, points: int) -> None:
        self._lost += points
        self._lost_at = self._clock.now().mono

    def dead(self, words: str) -> None:
        self._dead = words
        self._dead_at = self._clock.now().mono

    def bug(self, words: str) -> None:
        """A task of ours died and was started again."""
        self._bug = words
        self._bug_at = self._clock.now().mono

    def pause_s(self) -> float:
        """Before the next post: what the server asked for, or doubling with jitter."""
        answer = self._answer
        if answer is None:
            return 0.0
        if answer.verdict is Verdict.DENIED:
            return DENIED_PAUSE_S
        if answer.retry_after_s is not None:
            return answer.retry_after_s
        pause: float = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 10))
        return pause * self._random.uniform(0.5, 1.0)

    def last_words(self) -> str:
        """Of the last failed post; empty when the last was taken."""
        return f"{self._answer.status or ''} {self._answer.words}".strip() if self._answer else ""

    def words(self) -> str:
        now = self._clock.now().mono
        parts = []
        answer = self._answer
        if answer is not None:
            status = f"{answer.status} " if answer.status else ""
            if answer.verdict is Verdict.DENIED:
                parts.append(f"InfluxDB denies us: {status}{answer.words}")
            elif now - self._since >= TELL_AFTER_MS:
                parts.append(f"InfluxDB takes nothing: {status}{answer.words}")
        if self._disk:
            parts.append(f"the spool cannot be written: {self._disk}")
        if self._lost_at is not None:
            if now - self._lost_at < REMEMBER_MS:
                parts.append(f"{self._lost} points were lost")
            else:
                self._lost, self._lost_at = 0, None
        if self._dead_at is not None and now - self._dead_at < REMEMBER_MS:
            parts.append(f"InfluxDB refuses lines, see the dead letters: {self._dead}")
        if self._bug_at is not None and now - self._bug_at < REMEMBER_MS:
            parts.append(f"a fault in the sink itself, see the log: {self._bug}")
        return "; ".join(parts)
