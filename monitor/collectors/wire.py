"""One TCP connection to one device, one request at a time, under one deadline.

A plain ``asyncio.Protocol``: a tenth of the cost of a general HTTP client per poll (``bench.onvif``), and
nothing in it follows, retries, decompresses or keeps anything.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from functools import partial
from typing import cast

from monitor.collectors.http1 import Answer, ResponseReader, WireError
from monitor.collectors.turns import Turns
from monitor.model import Reason

_OURS = {
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.EADDRNOTAVAIL,
    errno.EPERM,
    errno.EACCES,
}
_NO_WAY = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}


def connect_error(error: OSError) -> WireError:
    """What a failed connection attempt says of the device, or of us."""
    if isinstance(error, ConnectionRefusedError):
        return WireError(Reason.REFUSED, "the connection was refused")
    if isinstance(error, ssl.SSLError):
        return WireError(Reason.PROTOCOL, "no TLS session could be agreed")
    if error.errno in _NO_WAY:
        return WireError(Reason.UNREACHABLE, "no way to the host")
    if error.errno in _OURS:
        return WireError(Reason.SEND_FAILED, f"our side could not connect ({errno.errorcode[error.errno]})")
    if isinstance(error, TimeoutError):
        return WireError(Reason.TIMEOUT, "no connection in time")
    return WireError(Reason.PROTOCOL, "the connection was broken while it was made")


class Connection(asyncio.Protocol):
    """Made by ``connect``; close it in any case. ``WireError`` is all that it raises."""

    def __init__(self, max_body: int, turns: Turns | None = None) -> None:
        self._max_body = max_body
        self._turns = turns
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._reader: ResponseReader | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.usable = False
        """Another request may be sent."""
        self.answered = False
        """At least one byte came back for the latest request."""

    async def request(self, data: bytes) -> Answer:
        """Sends ``data``, a whole request, once, and waits for its answer until the deadline."""
        if self._transport is None or not self.usable:
            raise WireError(Reason.PROTOCOL, "the connection was closed before the request")
        self.usable = False
        self.answered = False
        self._reader = ResponseReader(self._max_body)
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.usable = False
        if self._transport is not None:
            # abort, not close: a device that stops reading must not keep our buffers.
            self._transport.abort()
            self._transport = None

    def expire(self) -> None:
        """The deadline has come."""
        self._fail(WireError(Reason.TIMEOUT, "no whole answer in time"))

    def peer_certificate(self) -> bytes:
        """The TLS peer's certificate in DER; empty without TLS."""
        tls = self._transport.get_extra_info("ssl_object") if self._transport else None
        return (tls.getpeercert(binary_form=True) or b"") if tls else b""

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.usable = True

    def data_received(self, data: bytes) -> None:
        reader, waiter = self._reader, self._waiter
        if reader is None or waiter is None or waiter.done():
            self.close()  # bytes that nobody asked for
            return
        self.answered = True
        try:
            if reader.feed(data):
                self._done(reader, waiter)
        except WireError as error:
            self._fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        reader, waiter = self._reader, self._waiter
        if reader is None or waiter is None or waiter.done():
            return
        try:
            if reader.eof():
                self._done(reader, waiter)
        except WireError as error:
            self._fail(error)

    def _done(self, reader: ResponseReader, waiter: asyncio.Future[Answer]) -> None:
        answer = reader.answer
        if answer is not None:
            self.usable = answer.keep_alive
            if self._turns is None:
                waiter.set_result(answer)
            else:
                self._reader = None  # the answer is whole: what still comes is not part of it
                self._turns.take(partial(_answer, waiter, answer))

    def _fail(self, error: WireError) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
        self.close()

    def arm(self, deadline: float) -> None:
        self._timer = asyncio.get_running_loop().call_at(deadline, self.expire)


def _answer(waiter: asyncio.Future[Answer], answer: Answer) -> None:
    if not waiter.done():
        waiter.set_result(answer)


async def connect(
    ip: str,
    port: int,
    deadline: float,
    max_body: int,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
    turns: Turns | None = None,
) -> Connection:
    """A connection whose every wait ends at ``deadline`` (of the running loop's ``time()``)."""
    loop = asyncio.get_running_loop()
    connection = Connection(max_body, turns)
    try:
        async with asyncio.timeout_at(deadline):
            await loop.create_connection(
                lambda: connection, ip, port, ssl=tls, server_hostname=server_name if tls else None
            )
    except TimeoutError:
        raise WireError(Reason.TIMEOUT, "no connection in time") from None
    except OSError as error:
        raise connect_error(error) from error
    except ValueError:
        raise WireError(Reason.PROTOCOL, "no TLS session could be agreed") from None
    connection.arm(deadline)
    return connection
