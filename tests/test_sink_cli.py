"""``camwatch sink test``, ``backfill`` and the demonstration, against a real influxd."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor.cli.demo import demo
from monitor.cli.sink import sink
from monitor.clock import SystemClock
from monitor.storage.influx import InfluxSink
from monitor.storage.probe import probe
from monitor.storage.settings import InfluxSettings
from tests.addresses import free_port
from tests.sink_support import Influxd, influxd, safe_name, settings_v1  # noqa: F401 (fixture)
from tests.test_sink_influx import count, fronted, pings

DEVICE = '[[device]]\nid = "c1"\nname = "Gate"\nkind = "camera"\naddress = "127.0.0.1"\n'


def invoke(tmp_path: Path, *arguments: str, url: str, database: str) -> Result:
    config = tmp_path / "camwatch.toml"
    config.write_text(
        f'[sink]\ntype = "influxdb"\nurl = "{url}"\ndatabase = "{database}"\n'
        f'[sink.spool]\npath = "{tmp_path / "spool"}"\n{DEVICE}'
    )
    return CliRunner().invoke(sink, [*arguments, "-c", str(config)])


def test_sink_test_says_what_it_found(influxd: Influxd, tmp_path: Path) -> None:  # noqa: F811
    name = safe_name(str(tmp_path))
    missing = invoke(tmp_path, "test", url=influxd.url, database=name)
    assert missing.exit_code == 1
    assert "FAIL write: 404 database not found" in missing.output
    made = invoke(tmp_path, "test", "--create", url=influxd.url, database=name)
    assert made.exit_code == 0, made.output
    assert [text.split(":")[0] for text in made.output.splitlines()] == [
        "ok   reach",
        "ok   create",
        "ok   write",
        "ok   read back",
    ]
    gone = invoke(tmp_path, "test", url=f"http://127.0.0.1:{free_port()}", database=name)
    assert gone.exit_code == 1 and gone.output.startswith("FAIL reach")


async def test_on_2_x_a_bucket_is_made_and_mapped_and_what_is_missing_is_named(
    influxd: Influxd,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def told(settings: InfluxSettings, *, create: bool) -> list[str]:
        found = [finding async for finding in probe(settings, SystemClock(), create=create)]
        return [f"{finding.ok} {finding.step}: {finding.words}" for finding in found][1:]

    async with fronted("2.7", influxd, tmp_path, monkeypatch) as (front, settings):
        name = front.database
        front.bucket = front.mapped = False
        assert (await told(settings, create=False))[0].startswith("False write: 404")
        assert await told(settings, create=True) == [
            f"True create: bucket {name}, mapped to database {name}",
            "True write: 204",
            "True read back: by InfluxQL, as the dashboards will",
        ]
        assert (await told(settings, create=True))[0] == f"True create: bucket {name} is there"
        front.mapped = False
        [_, missing] = await told(settings, create=False)
        assert missing.startswith(
            "False read back: the bucket has the point, but InfluxQL does not see it: map it by --create (200"
        )
        elsewhere = settings.model_copy(update={"org": "nobody"})
        assert await told(elsewhere, create=True) == ["False create: 404 organization name not found"]


def test_without_a_database_in_the_configuration_it_says_so(tmp_path: Path) -> None:
    config = tmp_path / "camwatch.toml"
    config.write_text(DEVICE)
    answer = CliRunner().invoke(sink, ["test", "-c", str(config)])
    assert answer.exit_code == 1
    assert 'no [sink] of type = "influxdb"' in answer.output


def test_backfill_sends_the_spool_and_repaired_dead_letters(influxd: Influxd, tmp_path: Path) -> None:  # noqa: F811
    name = influxd.create(safe_name(str(tmp_path)))

    async def outage() -> None:
        settings = settings_v1(f"http://127.0.0.1:{free_port()}", name, tmp_path / "spool")
        broken = InfluxSink(settings, SystemClock(), random.Random(1))
        await broken.start()
        broken.write_results(pings(50))
        await broken.flush()
        await broken.stop()

    asyncio.run(outage())
    letters = tmp_path / "spool" / "dead.lp"
    letters.write_text("# 2026-01-01T00:00:00+00:00 400 field type conflict\n"
                       "ping,device=x average_response_ms=1000 1800000000000\n"
                       "# 2026-01-01T00:00:00+00:00 400 unable to parse\nnonsense\n")  # fmt: skip
    plain = invoke(tmp_path, "backfill", url=influxd.url, database=name)
    assert plain.exit_code == 0, plain.output
    assert "written 50, expired 0, refused 0, left 0" in plain.output
    assert count(influxd, name) == (50, sum(range(50)))
    both = invoke(tmp_path, "backfill", "--dead-letters", url=influxd.url, database=name)
    assert both.exit_code == 0, both.output
    assert "written 1, expired 0, refused 1, left 0" in both.output
    assert count(influxd, name) == (51, sum(range(50)) + 1000)
    assert letters.read_text().splitlines()[1:] == ["nonsense"]
    assert not (tmp_path / "spool" / "dead.retry").exists()


async def test_backfill_leaves_a_running_daemons_spool_alone(influxd: Influxd, tmp_path: Path) -> None:  # noqa: F811
    running = InfluxSink(settings_v1(influxd.url, "x", tmp_path / "spool"), SystemClock(), random.Random(1))
    await running.start()
    try:
        answer = await asyncio.to_thread(invoke, tmp_path, "backfill", url=influxd.url, database="x")
    finally:
        await running.stop()
    assert answer.exit_code == 1
    assert "in use by another process" in answer.output


def test_the_demonstration_fills_a_database(influxd: Influxd, tmp_path: Path) -> None:  # noqa: F811
    name = safe_name(str(tmp_path))
    answer = CliRunner().invoke(demo, ["--influxdb", influxd.url, "--database", name])
    assert answer.exit_code == 0, answer.output
    [series] = influxd.query('SELECT last("rate") FROM online_rate WHERE "scope" = \'all\'', name)
    assert 99 < series["values"][0][1] < 100


async def test_the_demonstration_fills_a_bucket(
    influxd: Influxd,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from monitor.demo.fill import fill

    async with fronted("3", influxd, tmp_path, monkeypatch) as (front, settings):
        points = await fill(settings, SystemClock().now().wall, random.Random(1), minutes=5)
        found = influxd.query("SELECT count(code) FROM device_state", front.database)
    assert points > 1_000
    assert found[0]["values"][0][1] == 136 * 5
