"""Whether channels would work, found out without sending: Apprise skips URLs it does not understand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from monitor.notifiers.courier.client import Courier
from monitor.notifiers.notice import Outcome
from monitor.notifiers.settings import Channel


async def verify(courier: Courier, channels: Iterable[Channel]) -> dict[str, str]:
    """What is wrong with each channel that would not work, by name. The courier runs already."""
    channels = list(channels)
    reports = await asyncio.gather(*(courier.verify(channel) for channel in channels))
    return {
        channel.name: report.detail
        for channel, report in zip(channels, reports, strict=True)
        if report.outcome is not Outcome.DELIVERED
    }


def verify_channels(channels: Iterable[Channel]) -> dict[str, str]:
    """The same, where no courier runs: starts one and ends it, about a second. Not within a running loop."""
    return asyncio.run(_verify_alone(list(channels)))


async def _verify_alone(channels: list[Channel]) -> dict[str, str]:
    if not channels:
        return {}
    courier = Courier()
    try:
        await courier.start()
        return await verify(courier, channels)
    finally:
        await courier.stop()
