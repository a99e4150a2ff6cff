"""The http and tls checks against a real server: Python's own, with a certificate made here."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from monitor.clock import SystemClock
from monitor.collectors.base import Env
from monitor.collectors.http import HttpCollector, HttpSettings
from monitor.collectors.tls import TlsCollector, TlsSettings
from monitor.model import Reason, Result
from tests.camera_support import ask, target, value


def certificate(folder: Path, days: int) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "recorder")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    pem = folder / f"{days}.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    pem.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@asynccontextmanager
async def platform(tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def login(request: web.Request) -> web.Response:
        return web.Response(body="<title>登录 视频平台</title>".encode("gb18030"), content_type="text/html")

    async def stall(request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async def big(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 200_000)

    async def moved(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://192.0.2.1/"})

    app = web.Application()
    pages = {"/login": login, "/stall": stall, "/big": big, "/moved": moved}
    app.add_routes([web.get(path, page) for path, page in pages.items()])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def checked(*pages: dict[str, object], **more: object) -> Result:
    settings = HttpSettings.model_validate({"pages": list(pages), "timeout": "20s", **more})
    check = HttpCollector(settings, Env(SystemClock(), random.Random(1)))
    await check.start()
    try:
        return (await ask(check, [target("127.0.0.1")]))["127.0.0.1"]
    finally:
        await check.stop()


async def test_a_page_with_the_right_text_is_well_in_chinese_encodings_too() -> None:
    async with platform() as port:
        result = await checked({"name": "login", "port": port, "path": "/login", "text": "视频平台"})
        assert result.ok
        assert value(result, "http_response.http_response_code") == 200
        assert all(r.tags == (("page", "login"),) for r in result.readings)


async def test_the_failure_names_the_page_and_the_others_are_still_measured() -> None:
    async with platform() as port:
        login = {"name": "login", "port": port, "path": "/login"}
        result = await checked({"name": "live", "port": port, "path": "/none"}, login)
        assert result.reason is Reason.UNEXPECTED
        assert result.detail == "live: status 404, expected 200"
        codes = [r.value for r in result.readings if r.metric.endswith("http_response_code")]
        assert codes == [404, 200]


async def test_each_failing_of_a_page_has_its_reason() -> None:
    async with platform() as port:

        async def reason(path: str, **more: object) -> Reason:
            limits = {key: more.pop(key) for key in ("timeout",) if key in more}
            page = {"name": "x", "port": port, "path": path, **more}
            return (await checked(page, max_body=100_000, **limits)).reason

        assert await reason("/login", text="Playback") is Reason.UNEXPECTED
        assert await reason("/moved") is Reason.UNEXPECTED
        assert await reason("/moved", status=[302]) is Reason.OK
        assert await reason("/stall", timeout="400ms") is Reason.TIMEOUT
        assert await reason("/big") is Reason.OVERSIZE
        assert await reason("/login", scheme="https") is Reason.PROTOCOL
    assert (await checked({"name": "x", "port": port, "path": "/login"})).reason is Reason.REFUSED


async def test_an_unsigned_certificate_passes_unless_it_is_to_be_judged(tmp_path: Path) -> None:
    async with platform(certificate(tmp_path, 90)) as port:
        page = {"name": "login", "scheme": "https", "port": port, "path": "/login"}
        assert (await checked(page)).ok
        assert (await checked({**page, "verify": True})).reason is Reason.PROTOCOL


async def tls(port: int, **more: object) -> Result:
    settings = TlsSettings.model_validate({"port": port, "timeout": "20s", **more})
    check = TlsCollector(settings, Env(SystemClock(), random.Random(1)))
    await check.start()
    try:
        return (await ask(check, [target("127.0.0.1")]))["127.0.0.1"]
    finally:
        await check.stop()


async def test_a_certificate_is_told_by_the_days_it_has_left(tmp_path: Path) -> None:
    async with platform(certificate(tmp_path, 90)) as port:
        result = await tls(port)
        assert result.ok
        assert int(value(result, "x509_cert.expiry") or 0) // 86_400 == 89
        assert (await tls(port, remaining="100d")).reason is Reason.UNEXPECTED
    async with platform(certificate(tmp_path, -3)) as port:
        result = await tls(port)
        assert result.reason is Reason.UNEXPECTED
        assert result.detail == "the certificate expired 3 days ago"


async def test_a_port_without_tls_is_a_protocol_failure() -> None:
    async with platform() as port:
        assert (await tls(port)).reason is Reason.PROTOCOL
