"""A test message to every channel of a receiver, and exactly what came back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import tzinfo

from monitor.clock import Clock
from monitor.model import Severity
from monitor.notifiers.courier.client import Courier
from monitor.notifiers.lane import level_of
from monitor.notifiers.notice import Notice, NoticeKind, SendResult
from monitor.notifiers.render import render
from monitor.notifiers.settings import Channel
from monitor.words import Language


async def send_test(
    channels: Sequence[Channel], language: Language, zone: tzinfo, clock: Clock
) -> dict[str, SendResult]:
    """One attempt per channel, all at once, no retries; by the channel's name."""
    notice = Notice(NoticeKind.TEST, Severity.INFO, cause="test", subject="Camwatch", at=clock.now().wall)
    courier = Courier()

    async def one(channel: Channel) -> SendResult:
        text = render(notice, channel.settings.language or language, channel.form, zone)
        return (await courier.send(channel, text.title, text.body, level_of(notice))).result()

    try:
        await courier.start()
        results = await asyncio.gather(*(one(channel) for channel in channels))
    finally:
        await courier.stop()
    return {channel.name: result for channel, result in zip(channels, results, strict=True)}
