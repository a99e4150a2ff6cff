"""One bad channel never delays another: a good channel beside many stuck ones.

    python -m bench.isolation --json [--stuck 50] [--messages 200]

Through real lanes and a real courier to real local servers. ``alone_*`` is the good channel by itself,
``beside_*`` the same channel beside the stuck ones, interleaved in one run; ``p99_over_own_ms`` is the p99 of
what is left of a message's way when the send's own time (as its process took it) is subtracted: the target is
20 ms. The peer is Apprise's own way, ``notify`` on one object with all URLs.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from zoneinfo import ZoneInfo

from bench.output import show
from monitor.clock import SystemClock
from monitor.model import IncidentId, Severity
from monitor.notifiers.attachment import Attachments
from monitor.notifiers.courier.client import Courier
from monitor.notifiers.lanes import Lanes
from monitor.notifiers.notice import Notice, NoticeKind, OutboxEntry, SendResult
from monitor.words import Language
from tests import notify_fakes as fakes
from tests.notify_support import channel, wecom


class _Books:
    """Notes when each message was booked."""

    def __init__(self) -> None:
        self.done: dict[int, tuple[float, SendResult]] = {}
        self.more = asyncio.Event()

    def delivered(self, entry: OutboxEntry, result: SendResult) -> None:
        self.done[entry.id] = (time.perf_counter(), result)
        self.more.set()

    def postponed(self, entry: OutboxEntry, result: SendResult, retry_in_s: float) -> None:
        pass

    def dead(self, entry: OutboxEntry, result: SendResult) -> None:
        raise AssertionError(f"a message died: {result}")


async def _measure(stuck: int, messages: int) -> dict[str, object]:
    rounds = 4
    beside: list[tuple[float, float]] = []
    alone: list[tuple[float, float]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        fakes.serving(fakes.plain_hook) as good,
        fakes.serving(fakes.wecom) as bad,
    ):
        bad.mode = fakes.Mode.HANG
        tmp = Path(folder)
        fine = channel(tmp, f"webhook://{good.base.removeprefix('http://')}/", name="good", per_minute=6000)
        stuck_channels = [
            wecom(tmp, bad.base, name=f"stuck{n}", deadline="20s", timeout="20s") for n in range(stuck)
        ]
        courier = Courier()
        await courier.start()
        for number in range(rounds):
            for channels, into in (([fine], alone), ([fine, *stuck_channels], beside)):
                into += await _run(courier, channels, messages // rounds, number, tmp)
        await courier.stop()
        peer = await asyncio.to_thread(_peer, good.base, bad.base, stuck)
    return {
        "stuck": stuck,
        "messages": len(beside),
        "alone_p50_ms": _ms(median(whole for whole, _ in alone)),
        "beside_p50_ms": _ms(median(whole for whole, _ in beside)),
        "alone_p99_over_own_ms": _p99(alone),
        "p99_over_own_ms": _p99(beside),
        "peer_apprise_good_ms": _ms(peer),
    }


async def _run(
    courier: Courier, channels: list, messages: int, seed: int, tmp: Path
) -> list[tuple[float, float]]:
    """(whole time, own time) of each message of the first channel, one after another."""
    books = _Books()
    lanes = Lanes(
        courier,
        books,
        SystemClock(),
        random.Random(seed),
        Language.ZH_CN,
        ZoneInfo("Asia/Shanghai"),
        lambda _: None,
        Attachments(tmp),
    )
    await lanes.configure(channels)
    for n, other in enumerate(channels[1:]):
        lanes.submit(_entry(10_000 + n, other.name))
    await asyncio.sleep(1.5 if len(channels) > 1 else 0)  # until the stuck ones are stuck
    times = []
    for n in range(messages):
        began = time.perf_counter()
        lanes.submit(_entry(n, channels[0].name))
        while n not in books.done:
            books.more.clear()
            await books.more.wait()
        at, result = books.done[n]
        times.append((at - began, result.took_s))
    await lanes.stop(0)
    return times


def _entry(id: int, channel: str) -> OutboxEntry:
    at = SystemClock().now().wall
    notice = Notice(
        NoticeKind.OPENED, Severity.MAJOR, "device_down", "东门1号球机", at, incident=IncidentId(id), since=at
    )
    return OutboxEntry(id, channel, notice, at)


def _peer(good: str, bad: str, stuck: int) -> float:
    """Seconds until Apprise's own concurrency has delivered to the good one, listed after the stuck ones."""
    from apprise import Apprise

    sender = Apprise()
    for n in range(stuck):
        sender.add(f"json://{bad.removeprefix('http://')}/{n}?rto=4&cto=4")
    sender.add(f"json://{good.removeprefix('http://')}/peer?rto=4&cto=4")
    began = time.perf_counter()
    sender.notify(body="test", title="test")
    return time.perf_counter() - began


def _p99(times: list[tuple[float, float]]) -> float:
    return _ms(quantiles([whole - own for whole, own in times], n=100)[98])


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--stuck", type=int, default=50)
    parser.add_argument("--messages", type=int, default=200)
    options = parser.parse_args()
    figures = asyncio.run(_measure(options.stuck, options.messages))
    show(figures, options.json)


if __name__ == "__main__":
    main()
