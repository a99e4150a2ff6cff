"""The ``http`` check: the pages that a platform or recorder must serve, by name.

Names are the contract's fault classes, for example ``login``, ``live`` and ``playback``: the readings bear
them as the tag ``page``, and a failure says which page it was. Field names are Telegraf's ``http_response``.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from monitor.collectors import wire
from monitor.collectors.base import CheckSettings, Env
from monitor.collectors.fanout import fan_out
from monitor.collectors.http1 import Answer, WireError
from monitor.model import Device, Reading, Reason, Result, Target
from monitor.select import DeviceSelector
from monitor.settings import Duration, Section

_CHARSETS = ("utf-8", "gb18030")


class Page(Section):
    name: str = Field(min_length=1, max_length=40)
    match: DeviceSelector = Field(default_factory=DeviceSelector)
    """Which devices must serve it."""
    scheme: Literal["http", "https"] = "http"
    port: int | None = Field(default=None, ge=1, le=65535)
    """80 or 443 if not given."""
    path: str = Field(default="/", pattern=r"^/[!-~]*$")
    host: str = Field(default="", pattern=r"^[!-~]*$")
    """The name to ask for, if it is not the device's address."""
    status: tuple[int, ...] = (200,)
    """The statuses that are right. Redirects are not followed: name 302 if that is what should come."""
    text: str = ""
    """Must stand in the page (in UTF-8 or GB 18030)."""
    verify: bool = False
    """Is the certificate to be judged? Most recorders have one that nobody signed."""
    ca: Path | None = None
    """Judged by these authorities instead of the system's."""


class HttpSettings(CheckSettings):
    interval: Duration = 60.0
    timeout: Duration = Field(default=10.0)
    """How long one page may take in all."""
    pages: tuple[Page, ...] = (Page(name="page"),)
    per_second: float = Field(default=100.0, gt=0)
    at_once: int = Field(default=100, ge=1)
    max_body: int = Field(default=1 << 20, ge=1024)
    """Bytes of one page, at most."""


class HttpCollector:
    Settings = HttpSettings

    def __init__(self, settings: CheckSettings, env: Env) -> None:
        if not isinstance(settings, HttpSettings):
            raise TypeError("HttpCollector takes HttpSettings")
        self._settings = settings
        self._env = env
        self._tls: dict[tuple[bool, Path | None], ssl.SSLContext] = {}

    async def start(self) -> None:
        """Reads the authorities' files; ``OSError`` or ``ssl.SSLError`` when one cannot be read."""
        for page in self._settings.pages:
            if page.scheme == "https" and (page.verify, page.ca) not in self._tls:
                self._tls[page.verify, page.ca] = tls_context(page.verify, page.ca)

    async def stop(self) -> None:
        self._tls.clear()

    def collect(self, targets: Sequence[Target], deadline: float) -> AsyncIterator[list[Result]]:
        settings = self._settings
        return fan_out(
            "http", targets, deadline, self._env.clock, settings.per_second, settings.at_once, self._check
        )

    async def _check(self, target: Target, deadline: float) -> Result:
        at = self._env.clock.now().wall
        pages = [page for page in self._settings.pages if page.match.selects(target.device)]
        if not pages:
            return Result(
                target.device.id,
                "http",
                at,
                Reason.UNEXPECTED,
                detail="no page is configured for this device",
            )
        readings: list[Reading] = []
        failed: WireError | None = None
        for page in pages:
            error = await self._page(page, target, deadline, readings)
            if error is not None and failed is None:
                failed = WireError(error.reason, f"{page.name}: {error.detail}")
        if failed is not None:
            return Result(target.device.id, "http", at, failed.reason, tuple(readings), failed.detail)
        return Result(target.device.id, "http", at, Reason.OK, tuple(readings))

    async def _page(
        self, page: Page, target: Target, deadline: float, readings: list[Reading]
    ) -> WireError | None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        tags = (("page", page.name),)
        error: WireError | None = None
        try:
            answer = await self._get(page, target, min(deadline, began + self._settings.timeout))
            readings += (
                Reading("http_response.response_time", loop.time() - began, tags),
                Reading("http_response.http_response_code", answer.status, tags),
                Reading("http_response.content_length", len(answer.body), tags),
            )
            judge(page, answer)
        except WireError as caught:
            error = caught
        readings.append(
            Reading("http_response.result_type", (error.reason if error else Reason.OK).value, tags)
        )
        return error

    async def _get(self, page: Page, target: Target, deadline: float) -> Answer:
        tls = self._tls[page.verify, page.ca] if page.scheme == "https" else None
        port = page.port or (443 if tls else 80)
        host = page.host or _host(target.device)
        connection = await wire.connect(target.ip, port, deadline, self._settings.max_body, tls, host)
        try:
            return await connection.request(
                f"GET {page.path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: camwatch\r\n"
                "Accept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n".encode()
            )
        finally:
            connection.close()


def judge(page: Page, answer: Answer) -> None:
    """``WireError`` unless status and text are right."""
    if answer.status not in page.status:
        raise WireError(
            Reason.BUSY if answer.status == 503 else Reason.UNEXPECTED,
            f"status {answer.status}, expected {' or '.join(map(str, page.status))}",
        )
    if page.text and not any(page.text.encode(charset) in answer.body for charset in _CHARSETS):
        raise WireError(Reason.UNEXPECTED, f'"{page.text[:60]}" does not stand in the page')


def tls_context(verify: bool, ca: Path | None = None) -> ssl.SSLContext:
    """For looking only: without ``verify`` even what old recorders still speak is understood."""
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def _host(device: Device) -> str:
    return f"[{device.address}]" if ":" in device.address else device.address
