"""The loopback port: three pages, no state."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from monitor.health.exporter import Points, exposition
from monitor.health.settings import HealthSettings
from monitor.storage.tables import SCHEMA

Troubles = Callable[[], str]
"""What keeps us from working, in a few words; empty when nothing does."""


class HealthServer:
    """``/healthz``: the event loop turns. ``/readyz``: 503 while ``troubles`` names something."""

    def __init__(self, settings: HealthSettings, points: Points, troubles: Troubles) -> None:
        self._settings = settings
        self._points = points
        self._troubles = troubles
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Raises ``OSError`` when the port is taken."""
        if not self._settings.port:
            return
        app = web.Application(client_max_size=1024)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._settings.address, self._settings.port).start()
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(
            body=exposition(self._points, SCHEMA), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.Response:
        words = self._troubles()
        return web.Response(text=(words or "ok") + "\n", status=503 if words else 200)
