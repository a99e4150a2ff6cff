"""The sink against a real influxd, directly and through fronts that speak 1.8, 2.7 and 3."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from monitor.clock import SystemClock
from monitor.model import DeviceId, Point, Reading, Reason, Result, WallMs
from monitor.storage import batches, deadletter, intake
from monitor.storage.influx import InfluxSink
from monitor.storage.settings import InfluxSettings
from tests.addresses import free_port
from tests.sink_support import (
    Front,
    Influxd,
    devices,
    influxd,  # noqa: F401 (fixture)
    influxd_in,
    safe_name,
    serving,
    settings_v1,
    until,
)

T0 = 1_800_000_000_000


def pings(count: int, at: int = T0, first: int = 0) -> list[Result]:
    return [
        Result(
            DeviceId(f"cam-{n:05d}"),
            "icmp",
            WallMs(at),
            Reason.OK,
            (Reading("ping.average_response_ms", float(n)), Reading("ping.result_code", 0)),
        )
        for n in range(first, first + count)
    ]


@asynccontextmanager
async def running(settings: InfluxSettings) -> AsyncIterator[InfluxSink]:
    sink = InfluxSink(settings, SystemClock(), random.Random(1))
    sink.devices_changed(devices(2000))
    await sink.start()
    try:
        async with asyncio.timeout(90):
            yield sink
    finally:
        await sink.stop()


@asynccontextmanager
async def fronted(
    version: str,
    influxd: Influxd,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    **more: Any,
) -> AsyncIterator[tuple[Front, InfluxSettings]]:
    database = influxd.create(safe_name(str(tmp_path)))
    monkeypatch.setenv("SINK_TOKEN", "t0k")
    async with serving(Front(version, influxd, database)) as front:
        extra = {"token": {"env": "SINK_TOKEN"}, "org": "o", "bucket": database}
        yield front, settings_v1(front.url, database, tmp_path / "spool", **extra | more)


def count(influxd: Influxd, database: str) -> tuple[int, float]:  # noqa: F811
    found = influxd.query("SELECT count(average_response_ms), sum(average_response_ms) FROM ping", database)
    return (found[0]["values"][0][1], found[0]["values"][0][2]) if found else (0, 0.0)


async def test_results_reach_1_6_through_write(influxd: Influxd, tmp_path: Path) -> None:  # noqa: F811
    database = influxd.create(safe_name(str(tmp_path)))
    async with running(settings_v1(influxd.url, database, tmp_path / "spool")) as sink:
        sink.write_results(pings(1000))
        sink.write_points([Point("online_rate", (("scope", "all"), ("name", "all")), (("online", 7),), T0)])
        await sink.drained()
        assert count(influxd, database) == (1000, sum(range(1000)))
        assert sink.trouble() == ""
        stats = sink.stats()
        assert (stats.received, stats.written, stats.dropped, stats.spool_points) == (1001, 1001, 0, 0)
    tags = influxd.query("SELECT * FROM ping WHERE device = 'cam-00042' GROUP BY *", database)[0]["tags"]
    assert tags["site"] == "路口 2" and tags["kind"] == "camera" and tags["key_site"] == "false"
    assert not list((tmp_path / "spool").glob("*.seg"))


@pytest.mark.parametrize("version", ["1.8", "2.7", "3"])
async def test_results_reach_api_v2_which_is_found_out_at_start(
    version: str,
    influxd: Influxd,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with fronted(version, influxd, tmp_path, monkeypatch) as (front, settings):
        async with running(settings) as sink:
            sink.write_results(pings(500))
            await sink.drained()
        assert count(influxd, front.database) == (500, sum(range(500)))


@pytest.mark.parametrize("version", ["1.6", "1.8", "2.7", "3"])
async def test_bad_lines_go_to_the_dead_letters_with_the_servers_words_and_no_neighbour_is_lost(
    version: str,
    influxd: Influxd,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    front_version = "1.8" if version == "1.6" else version
    async with fronted(front_version, influxd, tmp_path, monkeypatch) as (front, settings):
        if version == "1.6":
            settings = settings_v1(influxd.url, front.database, tmp_path / "spool")
        # Somebody has already written this field as a string: the server refuses our integer.
        for database in (front.database, influxd.create(f"{front.database}_trial")):
            await front._pass_on(database, f'tcp response_ms="x" {T0}\n'.encode())
        results = pings(300)
        bad = [Result(DeviceId(f"b{n}"), "tcp", WallMs(T0), Reason.OK, ()) for n in range(3)]
        for n, result in enumerate(bad):
            result.readings = (Reading("tcp.response_ms", 1.5),)
            results.insert(100 * n + 50, result)
        async with running(settings) as sink:
            sink.write_results(results)
            await sink.drained()
            assert "see the dead letters" in sink.trouble()
            stats = sink.stats()
        assert (stats.received, stats.written, stats.dead, stats.dropped) == (303, 300, 3, 0)
        assert count(influxd, front.database) == (300, sum(range(300)))
        letters = (tmp_path / "spool" / deadletter.NAME).read_text().splitlines()
        assert sorted(line for line in letters if line[0] != "#") == [
            f"tcp,device=b{n} response_ms=1.500 {T0}" for n in range(3)
        ]
        assert all("field type conflict" in line for line in letters if line[0] == "#")


async def test_a_body_that_is_too_large_is_halved(
    influxd: Influxd,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with fronted("2.7", influxd, tmp_path, monkeypatch) as (front, settings):
        front.max_body = 20_000
        async with running(settings) as sink:
            sink.write_results(pings(500))
            await sink.drained()
            assert sink.stats().dead == 0
        assert count(influxd, front.database) == (500, sum(range(500)))


async def test_a_server_that_refuses_all_gets_nothing_thrown_away(
    influxd: Influxd,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with fronted("2.7", influxd, tmp_path, monkeypatch) as (front, settings):
        front.script.extend([(400, {}, '{"message": "this bucket is read-only"}')] * 200)
        async with running(settings) as sink:
            sink.write_results(pings(10))
            await until(lambda: sink.trouble())
            assert "read-only" in sink.trouble()
            stats = sink.stats()
        assert (stats.dead, stats.dropped, stats.spool_points) == (0, 0, 10)
        front.script.clear()
        async with running(settings) as sink:
            await sink.drained()
        assert count(influxd, front.database) == (10, sum(range(10)))


async def test_a_denied_token_stops_the_posts_and_is_told(
    influxd: Influxd,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with fronted("2.7", influxd, tmp_path, monkeypatch) as (front, settings):
        front.token = "another"
        async with running(settings) as sink:
            sink.write_results(pings(10))
            await until(lambda: sink.trouble())
            sink.write_results(pings(10, T0 + 1))
            await sink.flush()
            await asyncio.sleep(0.2)
            assert sink.trouble() == "InfluxDB denies us: 401 unauthorized access"
            assert sink.stats().posts == 1
            assert sink.stats().spool_points == 20


async def test_a_token_that_cannot_be_read_is_told_by_its_place(tmp_path: Path) -> None:
    settings = settings_v1(
        "http://127.0.0.1:9", "x", tmp_path / "spool", version="2", token={"env": "NO_SUCH_TOKEN"}
    )
    async with running(settings) as sink:
        sink.write_results(pings(1))
        await until(lambda: sink.trouble())
        assert sink.trouble() == "InfluxDB denies us: environment variable NO_SUCH_TOKEN is not set"


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_honoured(
    status: int,
    influxd: Influxd,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with fronted("2.7", influxd, tmp_path, monkeypatch) as (front, settings):
        front.script.append((status, {"Retry-After": "1"}, "slow down"))
        async with running(settings) as sink:
            began = asyncio.get_running_loop().time()
            sink.write_results(pings(10))
            await sink.drained()
            assert asyncio.get_running_loop().time() - began >= 1.0
            assert sink.stats().posts == 2
        assert count(influxd, front.database)[0] == 10


async def test_points_beyond_the_retention_are_counted_and_nothing_else_is_lost(
    influxd: Influxd,  # noqa: F811
    tmp_path: Path,
) -> None:
    database = influxd.create(safe_name(str(tmp_path)))
    influxd.query(f'CREATE RETENTION POLICY day ON "{database}" DURATION 1d REPLICATION 1 DEFAULT')
    now = SystemClock().now().wall
    async with running(settings_v1(influxd.url, database, tmp_path / "spool")) as sink:
        sink.write_results([*pings(5, now), *pings(7, now - 3 * 86_400_000)])
        await sink.drained()
        stats = sink.stats()
        assert (stats.written, stats.expired, stats.dead) == (5, 7, 0)
    assert count(influxd, database)[0] == 5


async def test_after_an_outage_live_data_goes_before_the_backlog_and_nothing_is_lost(
    influxd: Influxd,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with fronted("2.7", influxd, tmp_path, monkeypatch) as (front, settings):
        settings = settings.model_copy(update={"batch_points": 10})
        front.script.extend([(503, {"Retry-After": "1"}, "")] * 1000)
        async with running(settings) as sink:
            for n in range(60):  # 60 batches: more than are kept in memory
                sink.write_results(pings(10, T0 + n))
            await sink.flush()
            assert sink.stats().spool_points == 600
            front.script.clear()
            await sink.drained()
            assert sink.stats().dropped == 0
        order = [int(body.split()[-1]) - T0 for body in front.posts]
        live = batches.LIVE_BATCHES
        assert order == [*range(60 - live, 60), *range(60 - live)]
        assert count(influxd, front.database)[0] == 600


async def test_a_dead_server_is_bridged_over_a_restart_of_ours(
    tmp_path: Path,
) -> None:
    settings = settings_v1(f"http://127.0.0.1:{free_port()}", "x", tmp_path / "spool")
    async with running(settings) as sink:
        sink.write_results(pings(100))
        await sink.flush()
    folder = tmp_path / "influxd"
    folder.mkdir()
    with influxd_in(folder) as server:
        database = server.create("x")
        async with running(settings_v1(server.url, database, tmp_path / "spool")) as sink:
            assert sink.stats().recovered == 100
            await sink.drained()
            assert sink.stats().written == 100
        assert count(server, database) == (100, sum(range(100)))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)], capture_output=True
        ).returncode
    ):
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


async def test_with_a_full_disk_the_loss_is_counted_and_told_and_writing_goes_on(small_disk: Path) -> None:
    settings = settings_v1(f"http://127.0.0.1:{free_port()}", "x", small_disk / "spool", batch_points=100)
    async with running(settings) as sink:
        rng = random.Random(1)
        for n in range(200):
            batch = pings(100, T0 + n)
            for result in batch:
                result.readings = (Reading("ping.average_response_ms", rng.random() * 1e6),)
            sink.write_results(batch)
        await sink.flush()
        stats = sink.stats()
        assert stats.received == 20_000
        held = sink.in_memory_only()
        assert held <= batches.MEMORY_BATCHES * 100
        assert stats.dropped == 20_000 - stats.spool_points - held > 0
        assert "No space left" in sink.trouble() and f"{stats.dropped} points were lost" in sink.trouble()


async def test_a_spool_that_cannot_be_opened_does_not_keep_data_from_the_server(
    influxd: Influxd,  # noqa: F811
    tmp_path: Path,
) -> None:
    database = influxd.create(safe_name(str(tmp_path)))
    (tmp_path / "spool").write_text("a file, not a folder")
    async with running(settings_v1(influxd.url, database, tmp_path / "spool")) as sink:
        sink.write_results(pings(10))
        await sink.drained()
        assert "the spool cannot be written" in sink.trouble()
    assert count(influxd, database)[0] == 10


async def test_a_queue_that_overflows_is_counted(tmp_path: Path) -> None:
    settings = settings_v1(f"http://127.0.0.1:{free_port()}", "x", tmp_path / "spool")
    async with running(settings) as sink:
        batch = pings(1) * 1000
        for _ in range(intake.MAX_QUEUE // 1000 + 5):  # without a turn of the loop in between
            sink.write_results(batch)
        assert sink.stats().dropped == 5000
        assert "5000 points were lost" in sink.trouble()


async def test_a_bug_in_the_sink_is_told_and_outlived(
    influxd: Influxd,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = influxd.create(safe_name(str(tmp_path)))
    async with running(settings_v1(influxd.url, database, tmp_path / "spool")) as sink:
        with monkeypatch.context() as patch:
            patch.setattr(sink._poster, "_try", None)
            sink.write_results(pings(10))
            await until(lambda: sink.trouble())
            assert sink.trouble() == "a fault in the sink itself, see the log: TypeError"
        await sink.drained()
    assert count(influxd, database)[0] == 10
