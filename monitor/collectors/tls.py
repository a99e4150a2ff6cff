"""The ``tls`` check: does it speak TLS, and how long is its certificate good? Fields are Telegraf's
``x509_cert``; who signed it is not judged here (``http`` with ``verify`` does)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence

from cryptography import x509
from pydantic import Field

from monitor.collectors import wire
from monitor.collectors.base import CheckSettings, Env
from monitor.collectors.fanout import fan_out
from monitor.collectors.http import tls_context
from monitor.collectors.http1 import WireError
from monitor.model import Reading, Reason, Result, Target
from monitor.settings import Duration

_DAY_S = 86_400


class TlsSettings(CheckSettings):
    interval: Duration = 3600.0
    timeout: Duration = Field(default=10.0)
    """How long connection and handshake may take in all."""
    port: int = Field(default=443, ge=1, le=65535)
    """A device's tag ``tls_port`` overrides it."""
    remaining: Duration = 0.0
    """The check fails when the certificate is good for less than this."""
    per_second: float = Field(default=50.0, gt=0)
    at_once: int = Field(default=50, ge=1)


class TlsCollector:
    Settings = TlsSettings

    def __init__(self, settings: CheckSettings, env: Env) -> None:
        if not isinstance(settings, TlsSettings):
            raise TypeError("TlsCollector takes TlsSettings")
        self._settings = settings
        self._env = env
        self._context: ssl.SSLContext | None = None

    async def start(self) -> None:
        self._context = tls_context(verify=False)

    async def stop(self) -> None:
        self._context = None

    def collect(self, targets: Sequence[Target], deadline: float) -> AsyncIterator[list[Result]]:
        settings = self._settings
        return fan_out(
            "tls", targets, deadline, self._env.clock, settings.per_second, settings.at_once, self._check
        )

    async def _check(self, target: Target, deadline: float) -> Result:
        at = self._env.clock.now().wall
        try:
            certificate = parse_certificate(await self._certificate(target, deadline))
        except WireError as error:
            return Result(target.device.id, "tls", at, error.reason, detail=error.detail)
        readings, left_s = certificate_readings(certificate, at / 1000)
        begins = certificate.not_valid_before_utc.timestamp()
        reason, detail = Reason.OK, ""
        if left_s < 0:
            reason, detail = Reason.UNEXPECTED, f"the certificate expired {int(-left_s) // _DAY_S} days ago"
        elif left_s < self._settings.remaining:
            reason, detail = Reason.UNEXPECTED, f"the certificate expires in {int(left_s) // _DAY_S} days"
        elif begins > at / 1000:
            reason, detail = Reason.UNEXPECTED, "the certificate is not valid yet"
        return Result(target.device.id, "tls", at, reason, readings, detail)

    async def _certificate(self, target: Target, deadline: float) -> bytes:
        loop = asyncio.get_running_loop()
        deadline = min(deadline, loop.time() + self._settings.timeout)
        tag = target.device.tags.get("tls_port", "")
        port = int(tag) if tag.isdigit() else self._settings.port
        connection = await wire.connect(target.ip, port, deadline, 1, self._context, target.device.address)
        try:
            return connection.peer_certificate()
        finally:
            connection.close()


def parse_certificate(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        raise WireError(Reason.PROTOCOL, "a certificate that cannot be read") from None


def certificate_readings(certificate: x509.Certificate, now_s: float) -> tuple[tuple[Reading, ...], float]:
    """The readings, and the seconds that are left (negative: expired)."""
    begin = certificate.not_valid_before_utc.timestamp()
    end = certificate.not_valid_after_utc.timestamp()
    found = (
        Reading("x509_cert.startdate", int(begin)),
        Reading("x509_cert.enddate", int(end)),
        Reading("x509_cert.age", int(now_s - begin)),
        Reading("x509_cert.expiry", int(end - now_s)),
    )
    return found, end - now_s
