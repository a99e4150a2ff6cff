"""How far our clock is off: by the kernel's own word, or by asking a time server (SNTP, RFC 5905).

The kernel may only be asked where adjtimex(2) is permitted; a service that is barred from setting the clock
(``ProtectClock=``) is barred from that too. There the mark that systemd-timesyncd leaves at each adjustment
serves, and where another program keeps the clock a server has to be named.
"""

from __future__ import annotations

import asyncio
import ctypes
import secrets
import struct
from collections.abc import Callable
from pathlib import Path

_HEAD = 0x23
"""No leap warning, version 4, mode 3 (client)."""
_PACKET = struct.Struct("!B B b b I I I Q Q Q Q")
_ERA_S = 2_208_988_800
"""From 1900, where NTP counts from, to 1970."""
_TIME_ERROR = 5
_TIMESYNCD = Path("/run/systemd/timesync/synchronized")
_FORGOTTEN_S = 6 * 3600
"""timesyncd adjusts the clock every 34 minutes at the longest: after so long it has lost its servers."""


class NtpError(Exception):
    """The server did not say the time; the text says why."""


async def offset_ms(
    server: str, wall_ms: Callable[[], int], timeout_s: float = 2.0, port: int = 123
) -> float:
    """How far ``server``'s clock is ahead of ``wall_ms``, in milliseconds. ``NtpError``, ``OSError``."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[bytes, int]] = loop.create_future()

    class Ask(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            if not answer.done():
                answer.set_result((data, wall_ms()))

        def error_received(self, exc: Exception) -> None:
            if not answer.done():
                answer.set_exception(exc)

    cookie = secrets.randbits(64)  # goes out as our time of sending and must come back: who forges it guesses
    transport, _ = await loop.create_datagram_endpoint(Ask, remote_addr=(server, port))
    try:
        sent = wall_ms()
        transport.sendto(_PACKET.pack(_HEAD, 0, 0, 0, 0, 0, 0, 0, 0, 0, cookie))
        data, back = await asyncio.wait_for(answer, timeout_s)
    except TimeoutError:
        raise NtpError(f"{server} does not answer") from None
    finally:
        transport.close()
    received, transmitted = _times(data, cookie, server)
    return ((received - sent) + (transmitted - back)) / 2


def _times(data: bytes, cookie: int, server: str) -> tuple[float, float]:
    """When the server got our question and sent its answer, in milliseconds since 1970."""
    if len(data) < _PACKET.size:
        raise NtpError(f"{server} sends something else than time")
    head, stratum, *_, origin, received, transmitted = _PACKET.unpack(data[: _PACKET.size])
    if head & 7 != 4 or origin != cookie:
        raise NtpError(f"{server} sends an answer that is not ours")
    if head >> 6 == 3 or not 1 <= stratum <= 15 or not transmitted:
        raise NtpError(f"{server} has no time itself")
    return _ms(received), _ms(transmitted)


def _ms(stamp: int) -> float:
    seconds = stamp >> 32
    if seconds < 1 << 31:
        seconds += 1 << 32  # the era that begins in 2036
    return (seconds - _ERA_S) * 1000 + (stamp & 0xFFFFFFFF) * 1000 / 2**32


class _Timex(ctypes.Structure):
    """The head of ``struct timex`` (linux/timex.h); the kernel writes 208 bytes."""

    _fields_ = (("modes", ctypes.c_uint), ("rest", ctypes.c_byte * 252))


def synchronised(wall_ms: int, kernel: bool | None, mark: Path = _TIMESYNCD) -> bool | None:
    """Whether somebody keeps our clock right: by the kernel's word, else by timesyncd's mark; ``None``: not
    known."""
    if kernel is not None:
        return kernel
    try:
        return wall_ms / 1000 - mark.stat().st_mtime < _FORGOTTEN_S
    except OSError:
        return None


def kernel_synchronised() -> bool | None:
    """Whether the kernel holds its clock for synchronised; ``None`` where we may not ask."""
    timex = _Timex()
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    return None if state < 0 else bool(state != _TIME_ERROR)
