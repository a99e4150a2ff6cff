"""From the outbox to the lanes: a message is handed to its lane once the ledger has it.

While the ledger cannot be written (a full disk), messages go out all the same, from memory: better told
twice after a crash than not at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import structlog

from monitor.clock import Clock
from monitor.config import Config
from monitor.model import WallMs
from monitor.notifiers.attachment import Attachments, needed_by
from monitor.notifiers.courier.client import Courier
from monitor.notifiers.lane import Health, LaneStats
from monitor.notifiers.lanes import Lanes
from monitor.notifiers.notice import Notice, OutboxEntry, Outcome, SendResult
from monitor.notifiers.settings import Channel, open_channel
from monitor.storage.ledger import Ledger, connect
from monitor.storage.ledger.records import DeliveryTried, MessageDone, Record

log = structlog.get_logger(room="deliveries")

_SWEEP_S = 3600.0


class Deliveries:
    """Also the lanes' books: what became of each attempt goes to the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        rng: random.Random,
        on_health: Callable[[str, bool, str], None],
        on_dead: Callable[[OutboxEntry], None] = lambda entry: None,
    ) -> None:
        """``on_dead``: a message that will never be delivered."""
        self._ledger = ledger
        self._clock = clock
        self._rng = rng
        self._on_health = on_health
        self.gate: Callable[[OutboxEntry], bool] = lambda entry: True
        """Whether a message may go to its lane now; one that may not is handed in by ``release``."""
        self._on_dead = on_dead
        self.link: Callable[[Notice], str] = lambda notice: ""
        """Where a message's reader can acknowledge. To be set before ``start``."""
        self._courier = Courier()
        self.attachments = Attachments(ledger.path.parent / "attachments")
        self._sweeping: asyncio.Task[None] | None = None
        self._starting: asyncio.Task[None] | None = None
        self._lanes: Lanes | None = None
        self._uncommitted: dict[int, OutboxEntry] = {}

    async def start(self, config: Config, channels: Sequence[Channel]) -> None:
        """Messages are taken at once; they go out as soon as the courier is ready, which takes a second."""
        daemon = config.daemon
        self._starting = asyncio.create_task(self._start_courier(), name="courier start")
        self._lanes = Lanes(
            self._courier,
            self,
            self._clock,
            self._rng,
            daemon.language,
            daemon.zone,
            self._health,
            self.attachments,
            self.link,
        )
        await self._lanes.configure(channels)
        self._sweeping = asyncio.create_task(self._sweep(), name="attachments")

    async def _start_courier(self) -> None:
        try:
            await self._courier.start()
        except TimeoutError:
            log.error("the courier does not start: messages wait, it is tried again")

    async def reconfigure(self, channels: Sequence[Channel]) -> None:
        if self._lanes is not None:
            await self._lanes.configure(channels)

    async def stop(self, timeout_s: float) -> None:
        # What the ledger commits from now on stays in the outbox, for the next start to take up.
        lanes, self._lanes = self._lanes, None
        if lanes is not None:
            await lanes.stop(timeout_s)
        for task in (self._starting, self._sweeping):
            if task is not None:
                task.cancel()
        await self._courier.stop()

    def take_up(self, pending: Iterable[OutboxEntry]) -> None:
        """What the outbox held when we started."""
        for entry in sorted(pending, key=lambda entry: entry.id):
            self._submit(entry)

    async def _sweep(self) -> None:
        """Files that no message waits to be sent with are removed, by and by."""
        while True:
            try:
                await asyncio.to_thread(self._sweep_once, self._clock.now().wall)
            except (OSError, sqlite3.Error) as error:
                log.warning("old attachments could not be removed", error=str(error))
            await asyncio.sleep(_SWEEP_S)

    def _sweep_once(self, now: WallMs) -> None:
        with contextlib.closing(connect(self._ledger.path, read_only=True)) as db:
            self.attachments.sweep(needed_by(db), now)

    def _keep(self, entry: OutboxEntry) -> OutboxEntry:
        """The entry with its files on disk. One that cannot be kept is left out: the text says so."""
        kept = []
        for attachment in entry.notice.attachments:
            try:
                kept.append(self.attachments.keep(attachment))
            except OSError as error:
                log.error("an attachment could not be kept", name=attachment.name, error=str(error))
                kept.append(replace(attachment, content=b""))
        return replace(entry, notice=replace(entry.notice, attachments=tuple(kept))) if kept else entry

    def queue(self, records: Sequence[Record], messages: Sequence[OutboxEntry]) -> None:
        """Write one step's records; its messages are handed on once these are durable."""
        if not messages:
            self._ledger.write(records)
            return
        messages = [self._keep(entry) for entry in messages]
        for entry in messages:
            self._uncommitted[entry.id] = entry
        self._ledger.write(records, lambda: self._hand_on([entry.id for entry in messages]))

    def watch_ledger(self) -> None:
        """Call every second: while the ledger fails, what waits for it is sent from memory."""
        if self._uncommitted and self._ledger.trouble():
            self._hand_on(list(self._uncommitted))

    def _hand_on(self, ids: Iterable[int]) -> None:
        for id_ in ids:
            entry = self._uncommitted.pop(id_, None)
            if entry is not None:
                self._submit(entry)

    def _submit(self, entry: OutboxEntry) -> None:
        if self._lanes is not None and self.gate(entry):
            self._lanes.submit(entry)

    def release(self, send: Iterable[OutboxEntry], drop: Iterable[OutboxEntry]) -> None:
        """What the gate held back: to be sent after all, or booked as told by the other instance."""
        for entry in send:
            if self._lanes is not None:
                self._lanes.submit(entry)
        for entry in drop:
            self.dead(entry, SendResult(Outcome.PERMANENT, "standby", "told by the other instance"))

    def stats(self) -> list[LaneStats]:
        """What waits for the ledger waits for its lane too."""
        if self._lanes is None:
            return []
        uncommitted = Counter(entry.channel for entry in self._uncommitted.values())
        return [
            replace(lane, pending=lane.pending + uncommitted[lane.channel]) for lane in self._lanes.stats()
        ]

    def _health(self, health: Health) -> None:
        self._on_health(health.channel, health.failing, health.reason)

    # ---------------------------------------------------------------- OutboxBooks

    def delivered(self, entry: OutboxEntry, result: SendResult) -> None:
        at = self._clock.now().wall
        self._ledger.write([self._tried(entry, result), MessageDone(entry.id, "delivered", at)])

    def postponed(self, entry: OutboxEntry, result: SendResult, retry_in_s: float) -> None:
        self._ledger.write([self._tried(entry, result)])

    def dead(self, entry: OutboxEntry, result: SendResult) -> None:
        at = self._clock.now().wall
        self._ledger.write([self._tried(entry, result), MessageDone(entry.id, "dead", at)])
        self._on_dead(entry)

    def _tried(self, entry: OutboxEntry, result: SendResult) -> DeliveryTried:
        return DeliveryTried(
            entry.id,
            self._clock.now().wall,
            result.outcome.value,
            result.code,
            result.detail,
            int(result.took_s * 1000),
        )


def open_channels(config: Config) -> list[Channel]:
    """The channels with their secrets; ``SecretError`` when one cannot be read."""
    return [open_channel(name, settings) for name, settings in config.channels.items()]
