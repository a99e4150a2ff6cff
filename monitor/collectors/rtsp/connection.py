"""An RTSP connection: one request at a time, and the packets that come between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from monitor.collectors.http1 import WireError
from monitor.collectors.rtsp.demux import Demux, Packet, Response
from monitor.collectors.wire import connect_error
from monitor.model import Reason


class RtspConnection(asyncio.Protocol):
    """Made by ``open_rtsp``; ``abort`` it in any case. Waits end with a ``WireError`` at the latest when
    ``fail`` is called (by the owner's timer)."""

    def __init__(self, max_bytes: int) -> None:
        self._demux = Demux()
        self._left = max_bytes
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Response] | None = None
        self._cseq = 0
        self._error: WireError | None = None
        self.on_packet: Callable[[Packet], None] | None = None
        self.on_error: Callable[[WireError], None] | None = None

    async def request(self, method: str, url: str, headers: str = "") -> Response:
        """Sends one request and waits for the answer that bears its number."""
        if self._error is not None:
            raise self._error
        self._waiter = asyncio.get_running_loop().create_future()
        self._write(method, url, headers)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def _write(self, method: str, url: str, headers: str) -> None:
        self._cseq += 1
        if self._transport is not None:
            self._transport.write(
                f"{method} {url} RTSP/1.0\r\nCSeq: {self._cseq}\r\nUser-Agent: camwatch\r\n"
                f"{headers}\r\n".encode()
            )

    def fail(self, error: WireError) -> None:
        """Ends every wait. The connection itself stays, so that a session can still be torn down."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
        if self.on_error is not None:
            self.on_error(error)

    def abort(self) -> None:
        self._error = self._error or WireError(Reason.PROTOCOL, "the connection was closed")
        self.on_packet = self.on_error = None
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self._broken(WireError(Reason.OVERSIZE, "too many bytes without a proof of video"))
            return
        try:
            for event in self._demux.feed(data):
                if isinstance(event, Packet):
                    if self.on_packet is not None:
                        self.on_packet(event)
                else:
                    self._answered(event)
        except WireError as error:
            self._broken(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self._broken(WireError(Reason.PROTOCOL, "the connection was closed by the camera"))

    def _answered(self, response: Response) -> None:
        number = response.head.first("cseq")
        if self._waiter is not None and not self._waiter.done() and number in ("", str(self._cseq)):
            self._waiter.set_result(response)

    def _broken(self, error: WireError) -> None:
        if self._error is None:
            self._error = error
            self.fail(error)
        if self._transport is not None:
            self._transport.abort()


async def open_rtsp(ip: str, port: int, deadline: float, max_bytes: int) -> RtspConnection:
    loop = asyncio.get_running_loop()
    connection = RtspConnection(max_bytes)
    try:
        async with asyncio.timeout_at(deadline):
            await loop.create_connection(lambda: connection, ip, port)
    except TimeoutError:
        raise WireError(Reason.TIMEOUT, "no connection in time") from None
    except OSError as error:
        raise connect_error(error) from error
    return connection
