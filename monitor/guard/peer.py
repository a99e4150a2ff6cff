"""One question and one signed answer between two instances, each a line over TCP.

``ask``: 16 random bytes as hex. ``answer``: the same, the state (``well`` or ``ill``), and an HMAC-SHA256 of
both by the shared secret, so that an answer can neither be made up nor played again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import secrets
from collections.abc import Callable

from monitor.guard.settings import host_port
from monitor.secrets import Secret

_LINE = 256
_PATIENCE_S = 3.0
_MOST = 16
"""Connections at a time: the other instance needs one."""


class PeerError(Exception):
    """The other instance gave no sign of life; the text says what happened instead."""


def _sign(secret: Secret, question: str, state: str) -> str:
    return hmac.new(secret.reveal().encode(), f"{question} {state}".encode(), hashlib.sha256).hexdigest()


class PeerServer:
    """Answers the other instance. ``well`` is asked each time."""

    def __init__(self, listen: str, secret: Secret, well: Callable[[], bool]) -> None:
        self._place = host_port(listen)
        self._secret = secret
        self._well = well
        self._server: asyncio.Server | None = None
        self._open = 0

    async def start(self) -> None:
        """``OSError`` when the address cannot be had."""
        self._server = await asyncio.start_server(self._serve, *self._place, limit=_LINE)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= _MOST:
                async with asyncio.timeout(_PATIENCE_S):
                    question = (await reader.readline()).decode("ascii").strip()
                    if len(question) == 32:
                        state = "well" if self._well() else "ill"
                        signed = _sign(self._secret, question, state)
                        writer.write(f"{question} {state} {signed}\n".encode())
                        await writer.drain()
        except (OSError, ValueError, TimeoutError):
            pass
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def ask(address: str, secret: Secret) -> None:
    """Returns when the other instance says that it is well; ``PeerError`` else."""
    question = secrets.token_hex(16)
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(_PATIENCE_S):
            reader, writer = await asyncio.open_connection(*host_port(address), limit=_LINE)
            writer.write(f"{question}\n".encode())
            line = (await reader.readline()).decode("ascii")
    except TimeoutError:
        raise PeerError(f"{address} does not answer") from None
    except (OSError, ValueError) as error:
        raise PeerError(f"{address}: {error}") from error
    finally:
        if writer is not None:
            writer.close()
    state = line.split()[1] if len(line.split()) == 3 else ""
    if not hmac.compare_digest(line.strip(), f"{question} {state} {_sign(secret, question, state)}"):
        raise PeerError(f"{address} gives an answer that is not signed by our secret")
    if state != "well":
        raise PeerError(f"{address} lives but is not well")
