"""A real influxd on loopback, and strict fronts that speak the write APIs of 1.8, 2.7 and 3 to it."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from aiohttp import ClientSession, web

from monitor.model import Device, DeviceId, Kind
from monitor.storage.settings import InfluxSettings
from tests.addresses import free_port

CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  index-version = "inmem"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{http}"
  log-enabled = false
  auth-enabled = false
[subscriber]
  enabled = false
"""


class Influxd:
    """InfluxDB 1.x as Debian packages it, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._config = folder / "influxdb.conf"
        self._config.write_text(CONFIG.format(folder=folder, http=self.port, rpc=free_port()))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["influxd", "-config", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(1200):
            try:
                with urlopen(f"{self.url}/ping", timeout=5):
                    return
            except (URLError, OSError):
                assert self._process.poll() is None, "influxd ended"
                time.sleep(0.05)
        raise AssertionError("influxd does not answer")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def query(self, text: str, database: str = "") -> list[dict[str, Any]]:
        """The series of one InfluxQL statement."""
        body = urlencode({"q": text, "db": database, "epoch": "ms"}).encode()
        try:
            with urlopen(Request(f"{self.url}/query", data=body), timeout=60) as answer:
                found = json.load(answer)
        except HTTPError as error:
            raise AssertionError(f"{text}: {error.read().decode()}") from error
        result = found["results"][0]
        assert "error" not in result, f"{text}: {result['error']}"
        return list(result.get("series", []))

    def create(self, database: str) -> str:
        self.query(f'CREATE DATABASE "{database}"')
        return database


@contextmanager
def influxd_in(folder: Path) -> Iterator[Influxd]:
    if shutil.which("influxd") is None:
        pytest.skip("needs the Debian package influxdb")
    server = Influxd(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    with influxd_in(tmp_path_factory.mktemp("influxd")) as server:
        yield server


ORG = "1" * 16
BUCKET = {"id": "2" * 16, "orgID": ORG, "type": "user", "retentionRules": []}


@dataclass
class Front:
    """``/api/v2/write`` as ``version`` speaks it, before a real server that keeps the data.

    2.7 refuses a body with one malformed line as a whole (400) and answers 422 after a partial write;
    1.8 and 3 write the good lines and answer 400. ``script`` holds answers to give first, one a post.
    2.7 also has the organization "o", buckets, their mapping to databases, Flux and InfluxQL.
    """

    version: str
    influxd: Influxd
    database: str
    token: str = "t0k"
    max_body: int = 25_000_000
    script: deque[tuple[int, dict[str, str], str]] = field(default_factory=deque)
    posts: list[bytes] = field(default_factory=list)
    url: str = ""
    bucket: bool = True
    mapped: bool = True

    async def ping(self, request: web.Request) -> web.Response:
        named = {"1.8": "1.8.10", "2.7": "v2.7.11", "3": "3.2.1"}[self.version]
        return web.Response(status=204, headers={"X-Influxdb-Version": named})

    async def write(self, request: web.Request) -> web.Response:
        if self.script:
            status, headers, text = self.script.popleft()
            return web.Response(status=status, headers=headers, text=text)
        if request.headers.get("Authorization") != f"Token {self.token}":
            return self._error(401, "unauthorized", "unauthorized access")
        if (
            not self.bucket
            or request.query.get("bucket") != self.database
            or request.query.get("precision") != "ms"
        ):
            return self._error(404, "not found", f'bucket "{request.query.get("bucket")}" not found')
        assert request.headers["Content-Encoding"] == "gzip"
        body = await request.read()  # aiohttp has undone the gzip
        if len(body) > self.max_body:
            return self._error(413, "request too large", "body too large")
        self.posts.append(body)
        if self.version == "2.7":
            trial = self.influxd.create(f"{self.database}_trial")
            status, text = await self._pass_on(trial, body)
            if status == 400 and "unable to parse" in text:
                return self._error(400, "invalid", text)
        status, text = await self._pass_on(self.database, body)
        if status == 204:
            return web.Response(status=204)
        assert status == 400, text
        if self.version == "2.7":
            return self._error(422, "unprocessable entity", f"failure writing points to database: {text}")
        if self.version == "3":
            data = [{"original_line": "", "line_number": 1, "error_message": text}]
            return web.json_response(
                {"error": "partial write of line protocol occurred", "data": data}, status=400
            )
        return web.json_response({"error": text}, status=400)

    async def orgs(self, request: web.Request) -> web.Response:
        if request.query["org"] != "o":
            return self._error(404, "not found", "organization name not found")
        return web.json_response({"orgs": [{"id": ORG, "name": "o"}]})

    async def buckets(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            assert request.query["orgID"] == ORG
            there = self.bucket and request.query["name"] == self.database
            return web.json_response({"buckets": [{**BUCKET, "name": self.database}] if there else []})
        wanted = await request.json()
        assert wanted == {"orgID": ORG, "name": self.database, "rp": "0", "retentionRules": []}, wanted
        self.bucket = True
        return web.json_response({**BUCKET, "name": self.database}, status=201)

    async def dbrps(self, request: web.Request) -> web.Response:
        mapping = {"id": "3" * 16, "orgID": ORG, "bucketID": BUCKET["id"], "database": self.database}
        mapping |= {"retention_policy": "autogen", "default": True}
        if request.method == "GET":
            assert (request.query["orgID"], request.query["db"]) == (ORG, self.database)
            return web.json_response({"content": [mapping] if self.mapped else []})
        del mapping["id"]
        assert await request.json() == mapping
        self.mapped = True
        return web.json_response({**mapping, "id": "3" * 16}, status=201)

    async def influxql(self, request: web.Request) -> web.Response:
        form = await request.post()
        if not self.mapped:
            error = {"statement_id": 0, "error": f"database not found: {form['db']}"}
            return web.json_response({"results": [error]})
        async with (
            ClientSession() as session,
            session.post(f"{self.influxd.url}/query", data=dict(form)) as answer,  # type: ignore[arg-type]
        ):
            return web.Response(text=await answer.text(), content_type="application/json")

    async def flux(self, request: web.Request) -> web.Response:
        """The one query of ``Buckets.holds``."""
        query = (await request.json())["query"]
        found = re.fullmatch(
            r'from\(bucket: "(\w+)"\) \|> range\(start: (\d+), stop: (\d+)\) '
            r'\|> filter\(fn: \(r\) => r._measurement == "(\w+)"\)',
            query,
        )
        assert found and found[1] == self.database, query
        where = f"time >= {found[2]}s AND time < {found[3]}s"
        series = self.influxd.query(f'SELECT "number" FROM "{found[4]}" WHERE {where}', self.database)
        lines = [
            "#datatype,string,long,dateTime:RFC3339,long,string,string",
            "#group,false,false,false,false,true,true",
        ]
        lines += ["#default,_result,,,,,", ",result,table,_time,_value,_field,_measurement"]
        for at, value in series[0]["values"] if series else ():
            stamp = datetime.fromtimestamp(at / 1000, UTC).isoformat().replace("+00:00", "Z")
            lines.append(f",,0,{stamp},{value},number,{found[4]}")
        return web.Response(text="\r\n".join(lines) + "\r\n\r\n", content_type="text/csv")

    async def _pass_on(self, database: str, body: bytes) -> tuple[int, str]:
        async with (
            ClientSession() as session,
            session.post(f"{self.influxd.url}/write?db={database}&precision=ms", data=body) as answer,
        ):
            text = await answer.text()
            return answer.status, json.loads(text)["error"] if text else ""

    def _error(self, status: int, code: str, message: str) -> web.Response:
        if self.version == "2.7":
            return web.json_response({"code": code, "message": message}, status=status)
        return web.json_response({"error": message}, status=status)


@asynccontextmanager
async def serving(front: Front) -> AsyncIterator[Front]:
    app = web.Application(client_max_size=front.max_body * 2)
    app.router.add_get("/ping", front.ping)
    app.router.add_post("/api/v2/write", front.write)
    if front.version == "2.7":
        app.router.add_get("/api/v2/orgs", front.orgs)
        app.router.add_route("*", "/api/v2/buckets", front.buckets)
        app.router.add_route("*", "/api/v2/dbrps", front.dbrps)
        app.router.add_post("/api/v2/query", front.flux)
        app.router.add_post("/query", front.influxql)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    front.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield front
    finally:
        await runner.cleanup()


def settings_v1(url: str, database: str, spool: Path, **more: Any) -> InfluxSettings:
    table = {"type": "influxdb", "url": url, "database": database, "flush_interval": "50ms"}
    return InfluxSettings.model_validate(
        table | {"spool": {"path": str(spool), "sync_interval": "100ms"}} | more
    )


def devices(count: int) -> dict[DeviceId, Device]:
    return {
        DeviceId(f"cam-{n:05d}"): Device(
            DeviceId(f"cam-{n:05d}"),
            f"Camera {n}",
            Kind.CAMERA,
            f"10.0.{n // 250}.{n % 250 + 1}",
            site=f"路口 {n // 20}",
            area=f"area {n // 1000}",
            vendor="Hikvision",
            model=f"DS-2CD{n // 20 % 7}",
        )
        for n in range(count)
    }


def safe_name(text: str) -> str:
    return re.sub(r"\W", "_", text)[-60:]


async def until(condition: Any) -> None:
    """Wait for something that will become true."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)
