"""Is the server there, does it take a point, and does it give it back: what ``camwatch sink test`` does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

import aiohttp
from influxdb_client.client.exceptions import InfluxDBError
from yarl import URL

from monitor.clock import Clock
from monitor.model import Point, WallMs
from monitor.storage.batches import gzipped
from monitor.storage.buckets import Buckets
from monitor.storage.encoder import Encoder
from monitor.storage.influx_api import Client, Verdict, WriteV1, api_for
from monitor.storage.settings import InfluxSettings
from monitor.storage.tables import SCHEMA

TEST = "camwatch_test"


class Finding(NamedTuple):
    step: str
    ok: bool
    words: str


async def probe(settings: InfluxSettings, clock: Clock, *, create: bool) -> AsyncIterator[Finding]:
    """One finding a step; stops at the first that failed. ``create`` makes the database or bucket first."""
    async with aiohttp.ClientSession() as session:
        client = Client(session, settings)
        try:
            version = await client.server_version()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            yield Finding("reach", False, str(error) or type(error).__name__)
            return
        first = isinstance(api_for(settings, version), WriteV1)
        yield Finding("reach", True, f"InfluxDB {version or '(no version told)'} by "
                      f"{'/write' if first else '/api/v2/write'}")  # fmt: skip
        if create:
            finding = await _create(session, settings, first)
            yield finding
            if not finding.ok:
                return
        at = clock.now().wall
        body = Encoder(SCHEMA).points([Point(TEST, (), (("number", at),), at)]).body
        answer = await client.write(gzipped([body]))
        yield Finding("write", answer.verdict is Verdict.TAKEN, f"{answer.status} {answer.words}".strip())
        if answer.verdict is not Verdict.TAKEN:
            return
        query = f'SELECT "number" FROM "{TEST}" WHERE time = {at}ms'  # noqa: S608 (a number of ours)
        finding = await _read_back(session, client, settings, query, at)
        yield finding if finding.ok or first else await _looked_for(settings, finding, at)


async def _read_back(
    session: aiohttp.ClientSession, client: Client, settings: InfluxSettings, query: str, expected: int
) -> Finding:
    status, text = await _influxql(session, client, settings, query)
    if status == 200 and str(expected) in text:
        return Finding("read back", True, "by InfluxQL, as the dashboards will")
    return Finding("read back", False, f"{status} {text[:200].strip()}")


async def _looked_for(settings: InfluxSettings, finding: Finding, at: WallMs) -> Finding:
    """Why InfluxQL does not see the point: 2.x can also be asked in its own language."""
    try:
        there = await Buckets(settings, _token(settings)).holds(TEST, at)
    except (InfluxDBError, aiohttp.ClientError, TimeoutError):  # 3.x, or no right to read
        return finding
    hint = "the bucket has the point, but InfluxQL does not see it: map it by --create" if there else (
        "the bucket does not have the point")  # fmt: skip
    return Finding(finding.step, False, f"{hint} ({finding.words})")


def _token(settings: InfluxSettings) -> str:
    return settings.token.read().reveal() if settings.token else ""


async def _influxql(
    session: aiohttp.ClientSession, client: Client, settings: InfluxSettings, query: str
) -> tuple[int, str]:
    url = URL(settings.url).joinpath("query")
    async with session.post(
        url,
        data={"q": query, "db": settings.database},
        headers=await client.headers(),
        timeout=aiohttp.ClientTimeout(total=settings.timeout),
        allow_redirects=False,
    ) as response:
        return response.status, (await response.content.read(16_384)).decode(errors="replace")


async def _create(session: aiohttp.ClientSession, settings: InfluxSettings, first: bool) -> Finding:
    if first:
        name = settings.database.replace("\\", "\\\\").replace('"', '\\"')
        client = Client(session, settings)
        status, text = await _influxql(session, client, settings, f'CREATE DATABASE "{name}"')
        return Finding("create", status == 200 and "error" not in text, f"database {settings.database}")
    try:
        return Finding("create", True, await Buckets(settings, _token(settings)).provide())
    except (InfluxDBError, aiohttp.ClientError, TimeoutError) as error:
        if isinstance(error, InfluxDBError) and error.response is not None:
            if error.response.status == 404 and not settings.org:
                return Finding("create", True, "the server has no organizations (3.x): it makes the database")
            return Finding("create", False, f"{error.response.status} {error.message or ''}".strip())
        return Finding("create", False, str(error) or type(error).__name__)
