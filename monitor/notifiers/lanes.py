"""All lanes: one per channel, so that one bad channel never delays another."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from datetime import tzinfo

from monitor.clock import Clock
from monitor.notifiers.attachment import Attachments
from monitor.notifiers.lane import Health, Lane, LaneStats, Sender
from monitor.notifiers.notice import Notice, OutboxBooks, OutboxEntry, Outcome, SendResult
from monitor.notifiers.render import Rendered, render
from monitor.notifiers.settings import Channel
from monitor.words import Language

_RELOAD_GRACE_S = 2.0
"""How long a reload waits for sends under way; one that is cut off is sent again, so perhaps twice."""


class Lanes:
    """``configure`` before the first ``submit``; again at every reload."""

    def __init__(
        self,
        sender: Sender,
        books: OutboxBooks,
        clock: Clock,
        rng: random.Random,
        language: Language,
        zone: tzinfo,
        on_health: Callable[[Health], None],
        attachments: Attachments,
        link: Callable[[Notice], str] = lambda notice: "",
    ) -> None:
        """``link``: where the reader of a message can acknowledge; empty for none."""
        self._sender = sender
        self._books = books
        self._clock = clock
        self._rng = rng
        self._language = language
        self._zone = zone
        self._on_health = on_health
        self._attachments = attachments
        self._link = link
        self._lanes: dict[str, Lane] = {}

    async def configure(self, channels: Iterable[Channel]) -> None:
        """Takes up new channels, and changed ones with what waits in them. What waits for a channel that is
        no longer there is booked as dead, with that reason."""
        wanted = {channel.name: channel for channel in channels}
        old = [lane for name, lane in self._lanes.items() if wanted.get(name) != lane.channel]
        await asyncio.gather(*(lane.stop(_RELOAD_GRACE_S) for lane in old))
        orphans = [entry for lane in old for entry in lane.waiting()]
        for lane in old:
            del self._lanes[lane.channel.name]
        for name, channel in wanted.items():
            if name not in self._lanes:
                self._lanes[name] = lane = self._lane(channel)
                lane.start()
        for entry in orphans:
            self.submit(entry)

    def submit(self, entry: OutboxEntry) -> None:
        """Takes a message that the outbox holds already."""
        lane = self._lanes.get(entry.channel)
        if lane is None:
            self._books.dead(
                entry,
                SendResult(Outcome.PERMANENT, "config", f'there is no channel "{entry.channel}" any more'),
            )
        else:
            lane.submit(entry)

    def load(self, pending: Iterable[OutboxEntry]) -> None:
        """Takes up what the outbox held when the daemon started, oldest first."""
        for entry in sorted(pending, key=lambda entry: entry.id):
            self.submit(entry)

    def stats(self) -> list[LaneStats]:
        return [lane.stats() for lane in self._lanes.values()]

    async def stop(self, timeout_s: float) -> None:
        await asyncio.gather(*(lane.stop(timeout_s) for lane in self._lanes.values()))
        self._lanes.clear()

    def _lane(self, channel: Channel) -> Lane:
        def words(notice: Notice) -> Rendered:
            language = channel.settings.language or self._language
            files = self._attachments.of(notice.attachments) if channel.takes_attachments else ()
            return render(notice, language, channel.form, self._zone, files, self._link(notice))

        return Lane(channel, self._sender, words, self._books, self._clock, self._rng, self._on_health)
