"""The daemon's side of the control socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from monitor.control.wire import ControlError

log = structlog.get_logger(room="control")

Handler = Callable[[dict[str, Any]], Awaitable[Any]]
_MAX_REQUEST = 64 * 1024
_PATIENCE_S = 10.0


class ControlServer:
    """Answers requests of our own user and of root (by the peer's credentials, not only by file mode)."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self._path = path
        self._handlers = handlers
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """``ControlError`` when another daemon already answers there."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._path.exists():
            if _answers(self._path):
                raise ControlError(f"another camwatch is running: it answers at {self._path}")
            self._path.unlink()
        old = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, str(self._path), limit=_MAX_REQUEST)
        finally:
            os.umask(old)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            # From Python 3.12 on the server waits for its connections; a client may take its time.
            for talk in self._talks:
                talk.cancel()
            await asyncio.gather(*self._talks, return_exceptions=True)
            await self._server.wait_closed()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (talk := asyncio.current_task()) is not None:
            self._talks.add(talk)
            talk.add_done_callback(self._talks.discard)
        try:
            answer = await self._answer(reader, writer)
            writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
            await asyncio.wait_for(writer.drain(), _PATIENCE_S)
        except (OSError, TimeoutError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, Any]:
        # Read first, refuse then: one who is refused shall hear why, not a broken pipe.
        try:
            line = await asyncio.wait_for(reader.readline(), _PATIENCE_S)
            if not _trusted(writer.get_extra_info("socket")):
                return {"error": "only the user that runs camwatch, or root, may ask"}
            request = json.loads(line)
            handler = self._handlers[request["command"]]
            arguments = dict(request.get("arguments", {}))
        except (ValueError, KeyError, TypeError, TimeoutError, asyncio.LimitOverrunError):
            return {"error": "not a request this camwatch understands"}
        try:
            return {"result": await handler(arguments)}
        except ControlError as error:
            return {"error": str(error)}
        except Exception:
            log.exception("command failed", command=request["command"])
            return {"error": "the command failed; the daemon's log says why"}


def _trusted(sock: socket.socket) -> bool:
    """Peer credentials by SO_PEERCRED, see unix(7)."""
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return uid in (0, os.geteuid())


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(1.0)
        try:
            sock.connect(str(path))
        except OSError:
            return False
        return True
