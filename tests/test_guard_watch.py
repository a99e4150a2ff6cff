"""What could end the watching is told before it does; the outside is asked for real."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from monitor import ntp
from monitor.guard.heartbeat import HeartbeatError, beat
from monitor.guard.selfwatch import WATCHED, Sample, SelfWatch, SelfWatchSettings, judge, sample
from monitor.model import MonoMs
from monitor.notifiers.headline import _MENDED, BROKEN
from monitor.pipeline import OWN_TROUBLES
from monitor.secrets import Secret
from monitor.words import Language, words

LIMITS = SelfWatchSettings()
WELL = Sample(10**10, 10**8, 50, 1024, 3.0, 0, 0, 2.0, True)


@pytest.mark.parametrize(
    ("seen", "name"),
    [
        (replace(WELL, disk_free=10**9), "disk"),
        (replace(WELL, memory=3 * 10**9), "memory"),
        (replace(WELL, descriptors=820), "descriptors"),
        (replace(WELL, lag_ms=1001.0), "lag"),
        (replace(WELL, clock_offset_ms=-1001.0), "ntp"),
        (replace(WELL, clock_offset_ms=None, synchronised=False), "ntp"),
    ],
)
def test_each_limit_has_an_alert_of_its_own_and_only_that(seen: Sample, name: str) -> None:
    assert [trouble for trouble, _ in judge(seen, LIMITS)] == [name]
    assert list(judge(WELL, LIMITS)) == []


def test_what_is_not_known_is_no_trouble() -> None:
    assert list(judge(replace(WELL, clock_offset_ms=None, synchronised=None), LIMITS)) == []


def test_a_trouble_at_its_limit_is_one_alert_not_sixty() -> None:
    watch, changes, last = SelfWatch(), 0, False
    for second in range(300):
        lag = 1500.0 if second < 100 and second % 2 else 5.0
        now = "lag" in watch.look(replace(WELL, lag_ms=lag), LIMITS, MonoMs(second * 1000))
        changes, last = changes + (now is not last), now
    assert (changes, last) == (2, False)


def test_a_kernel_that_never_was_synchronised_is_no_news_one_that_no_longer_is_is() -> None:
    watch, lost = SelfWatch(), replace(WELL, clock_offset_ms=None, synchronised=False)
    assert not watch.look(lost, LIMITS, MonoMs(0))
    assert not watch.look(WELL, LIMITS, MonoMs(2000))
    assert "ntp" in watch.look(lost, LIMITS, MonoMs(4000))


def test_skipped_rounds_and_dead_tasks_are_told_when_new_and_end_when_they_stop() -> None:
    watch = SelfWatch()
    assert not watch.look(WELL, LIMITS, MonoMs(0))
    seen = watch.look(replace(WELL, overruns=7, task_failures=1), LIMITS, MonoMs(2000))
    assert seen == {"overrun": "7 rounds skipped in the last minute", "task": "1 in the last minute"}
    assert not watch.look(replace(WELL, overruns=7, task_failures=1), LIMITS, MonoMs(200_000))


def test_every_trouble_of_our_own_has_words_in_both_languages() -> None:
    chinese = words(Language.ZH_CN)
    assert set(WATCHED) < OWN_TROUBLES.keys()
    for name in OWN_TROUBLES:
        for texts in (BROKEN, _MENDED):
            assert chinese.text(texts[name]) != texts[name]


def test_a_sample_is_of_this_process(tmp_path: Path) -> None:
    with (tmp_path / "open").open("w"):
        seen = sample(tmp_path, lag_ms=0, overruns=0, task_failures=0)
    assert seen.disk_free > 0 and seen.memory > 10**7 and 3 < seen.descriptors < seen.descriptors_permitted


# ---------------------------------------------------------------- time


class Server(asyncio.DatagramProtocol):
    """A time server that is ``ahead`` seconds ahead of 2026-11-22; ``spoil`` changes its answer."""

    def __init__(self, spoil: str = "") -> None:
        self.spoil = spoil

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        cookie = data[40:48]
        stamp = struct.pack("!II", 1_795_305_600 + 2_208_988_800 & 0xFFFFFFFF, 1 << 31)
        answer = bytearray(b"\x24\x02" + bytes(22) + cookie + stamp + stamp)
        match self.spoil:
            case "cookie":
                answer[24] ^= 1
            case "alarm":
                answer[0] |= 0xC0
            case "stratum":
                answer[1] = 0
            case "short":
                answer = answer[:47]
        self.transport.sendto(bytes(answer), addr)


@contextlib.asynccontextmanager
async def served(spoil: str = "") -> AsyncIterator[int]:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Server(spoil), local_addr=("127.0.0.1", 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def test_the_offset_is_the_servers_time_less_ours() -> None:
    async with served() as port:
        ours = 1_795_305_600_500 - 2500
        assert await ntp.offset_ms("127.0.0.1", lambda: ours, port=port) == 2500.0


@pytest.mark.parametrize("spoil", ["cookie", "alarm", "stratum", "short"])
async def test_an_answer_that_is_not_to_be_trusted_is_no_time(spoil: str) -> None:
    async with served(spoil) as port:
        with pytest.raises(ntp.NtpError):
            await ntp.offset_ms("127.0.0.1", lambda: 0, port=port)


def test_where_the_kernel_may_not_be_asked_timesyncd_is(tmp_path: Path) -> None:
    mark, hour = tmp_path / "synchronized", 3_600_000
    assert ntp.synchronised(9 * hour, None, mark) is None  # another program keeps the clock, or none
    mark.touch()
    os.utime(mark, (2 * 3600, 2 * 3600))
    assert ntp.synchronised(3 * hour, None, mark) is True
    assert ntp.synchronised(9 * hour, None, mark) is False
    assert ntp.synchronised(9 * hour, True, mark) is True and ntp.synchronised(3 * hour, False, mark) is False


def test_the_kernel_is_asked_without_harm() -> None:
    assert ntp.kernel_synchronised() in (True, False, None)


# ---------------------------------------------------------------- the dead man's switch


@contextlib.asynccontextmanager
async def switch(answer: str) -> AsyncIterator[tuple[str, list[str]]]:
    seen: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        if answer == "redirect":
            raise web.HTTPFound("/elsewhere")
        if answer == "error":
            return web.Response(status=500)
        if answer == "endless":
            response = web.StreamResponse()
            await response.prepare(request)
            with contextlib.suppress(ConnectionError):
                while True:
                    await response.write(b"x" * 65536)
        if answer == "silent":
            await asyncio.sleep(30)
        return web.Response(text="OK")

    app = web.Application()
    app.router.add_get("/{tail:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/uuid-of-mine", seen
    finally:
        await runner.cleanup()


async def test_a_heartbeat_is_taken() -> None:
    async with switch("good") as (url, seen):
        await beat(Secret(url), 60)
        assert seen == ["/uuid-of-mine"]


@pytest.mark.parametrize("answer", ["redirect", "error", "silent"])
async def test_a_heartbeat_that_is_not_taken_says_so_without_its_address(answer: str) -> None:
    async with switch(answer) as (url, seen):
        with pytest.raises(HeartbeatError) as error:
            await beat(Secret(url), 0.5)
        assert "uuid" not in str(error.value) and "127.0.0.1" not in str(error.value)
        assert "/elsewhere" not in seen


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    async with switch("endless") as (url, _):
        await beat(Secret(url), 60)


async def test_an_address_that_is_none_stays_secret() -> None:
    for url in ("http://[broken-s3cret", "http://127.0.0.1:1/s3cret", "s3cret"):
        with pytest.raises(HeartbeatError) as error:
            await beat(Secret(url), 1)
        assert "s3cret" not in str(error.value)
