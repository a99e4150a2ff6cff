"""The demo's phone: a local server that speaks the WeCom robot's protocol as strictly as WeCom does, and
shows each message as it would look on a phone."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from dataclasses import dataclass, field

from aiohttp import web
from rich import box
from rich.align import Align
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from monitor.clock import Clock
from monitor.model import Instant

MAX_BYTES = 2048
PER_MINUTE = 20
_MAX_REQUEST = 1 << 20
_WIDTH = 46
_COLOURS = {
    "紧急": "red",
    "重要": "dark_orange",
    "警告": "yellow",
    "恢复": "green",
    "提示": "blue",
    "测试": "cyan",
}


@dataclass(frozen=True, slots=True)
class Received:
    at: Instant
    text: str


@dataclass(slots=True)
class Phone:
    """``start`` first; ``url`` is then the channel's URL, with its key in ``key``."""

    clock: Clock
    console: Console | None = None
    """Where messages are shown; ``None`` shows none and only counts."""
    key: str = field(default_factory=lambda: secrets.token_hex(16))
    per_minute: int = PER_MINUTE
    """More are refused."""
    received: list[Received] = field(default_factory=list)
    refused: int = 0
    _recent: deque[int] = field(default_factory=deque)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None
    _base: str = ""

    @property
    def url(self) -> str:
        """To be used with ``secrets = { key = … }`` holding ``key``."""
        return f"wecombot://{{key}}?at={self._base}"

    async def start(self, port: int = 0) -> None:
        """Listens on the loopback; port 0 takes a free one."""
        app = web.Application(client_max_size=_MAX_REQUEST)
        app.router.add_post("/cgi-bin/webhook/send", self._send)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self._base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def wait_for(self, count: int) -> None:
        """Returns once ``count`` messages have arrived in all."""
        while len(self.received) < count:
            self._arrived.clear()
            await self._arrived.wait()

    async def _send(self, request: web.Request) -> web.Response:
        code, text = self._answer(request.query.get("key", ""), request.content_type, await request.read())
        self.refused += code != 0
        # WeCom answers 200 to refusals too.
        return web.json_response({"errcode": code, "errmsg": text})

    def _answer(self, key: str, content_type: str, body: bytes) -> tuple[int, str]:
        if key != self.key:
            return 93000, "invalid webhook url"
        if content_type != "application/json":
            return 44004, "empty content"
        try:
            message = json.loads(body)
            content = message["text"]["content"] if message["msgtype"] == "text" else None
        except (ValueError, KeyError, TypeError):
            return 40008, "invalid message type"
        if not isinstance(content, str):
            return 40008, "invalid message type"
        if not content:
            return 44004, "empty content"
        if len(content.encode()) > MAX_BYTES:
            return 40058, f"text.content exceed max length {MAX_BYTES}"
        now = self.clock.now()
        while self._recent and self._recent[0] <= now.mono - 60_000:
            self._recent.popleft()
        if len(self._recent) >= self.per_minute:
            return 45009, "api freq out of limit"
        self._recent.append(now.mono)
        self.received.append(Received(now, content))
        self._arrived.set()
        self._show(content)
        return 0, "ok"

    def _show(self, content: str) -> None:
        if self.console is None:
            return
        head, _, rest = content.replace("\r\n", "\n").partition("\n")
        colour = next((colour for word, colour in _COLOURS.items() if word in head[:8]), "white")
        # Text, not markup: a device's name must not style our screen.
        bubble = Text(head, style=f"bold {colour}")
        if rest:
            bubble.append(f"\n{rest}", style="default")
        self.console.print(
            Align.left(
                Panel(
                    bubble,
                    title="[dim]▂▄▆  企业微信[/dim]",
                    subtitle=f"[dim]{len(self.received)}[/dim]",
                    box=box.ROUNDED,
                    width=_WIDTH,
                    border_style=colour,
                    padding=(0, 1),
                )
            )
        )
