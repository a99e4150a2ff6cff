"""A close look at one device: what ``camwatch probe HOST`` does. Printing is the command's work.

``aioping`` is enough for one device that somebody looks at; it must not sweep a fleet, since it takes any
reply with its 16-bit id for an answer. Several echoes and the ports stand beside each other here, and a
failure of our own (no permission, no route, no name server) is never reported as the device's.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import aioping

from monitor.collectors.tcp import connect
from monitor.model import Reason

PORTS = (554, 80)
"""RTSP and HTTP: what a camera has."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One attempt. ``took_ms`` only when it was answered; ``detail`` is in our words."""

    reason: Reason
    took_ms: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PortProbe:
    port: int
    probe: Probe


@dataclass(frozen=True, slots=True)
class Diagnosis:
    host: str
    ip: str
    """Empty if the name does not resolve."""
    resolve: Probe
    echoes: tuple[Probe, ...] = ()
    ports: tuple[PortProbe, ...] = ()

    @property
    def verdict(self) -> Reason:
        """``OK`` if anything came back (a refused connection is an answer too); our own failure only if
        nothing at all could be tried; else what the attempts failed of."""
        if self.resolve.reason is not Reason.OK:
            return self.resolve.reason
        reasons = [probe.reason for probe in self.echoes] + [port.probe.reason for port in self.ports]
        if Reason.OK in reasons or Reason.REFUSED in reasons:
            return Reason.OK
        theirs = [reason for reason in reasons if not reason.ours]
        if Reason.UNREACHABLE in theirs:
            return Reason.UNREACHABLE
        return theirs[0] if theirs else Reason.SEND_FAILED


async def diagnose(
    host: str, ports: Sequence[int] = PORTS, echoes: int = 3, timeout_s: float = 1.0
) -> Diagnosis:
    """Resolve ``host``, ping it ``echoes`` times one after another, try ``ports`` at the same time."""
    ip, resolve = await _resolve(host, timeout_s)
    if not ip:
        return Diagnosis(host, "", resolve)
    async with asyncio.TaskGroup() as group:
        pinged = group.create_task(_ping_all(ip, echoes, timeout_s))
        connected = [group.create_task(_port(ip, port, timeout_s)) for port in ports]
    return Diagnosis(host, ip, resolve, tuple(pinged.result()), tuple(task.result() for task in connected))


async def _resolve(host: str, timeout_s: float) -> tuple[str, Probe]:
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        async with asyncio.timeout(timeout_s):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except TimeoutError:
        return "", Probe(Reason.RESOLVE, detail="the name server does not answer")
    except (OSError, UnicodeError) as error:
        return "", Probe(Reason.RESOLVE, detail=getattr(error, "strerror", None) or str(error))
    return str(found[0][4][0]), Probe(Reason.OK, (loop.time() - started) * 1000)


async def _ping_all(ip: str, echoes: int, timeout_s: float) -> list[Probe]:
    return [await _ping(ip, timeout_s) for _ in range(echoes)]


async def _ping(ip: str, timeout_s: float) -> Probe:
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        # aioping limits the wait for an answer only, so the whole of it is limited here.
        async with asyncio.timeout(timeout_s + 0.5):
            await aioping.ping(ip, timeout_s)
    except TimeoutError:
        return Probe(Reason.TIMEOUT)
    except OSError as error:
        # It listens on a socket that is not connected, so that errors are those of sending.
        return Probe(Reason.SEND_FAILED, detail=os.strerror(error.errno) if error.errno else str(error))
    except struct.error:
        return Probe(Reason.PROTOCOL, detail="an answer too short to be an echo reply")
    # Its own figure is computed from bytes that the device sent back.
    return Probe(Reason.OK, (loop.time() - started) * 1000)


async def _port(ip: str, port: int, timeout_s: float) -> PortProbe:
    loop = asyncio.get_running_loop()
    started = loop.time()
    reason, detail = await connect(ip, port, timeout_s)
    took_ms = (loop.time() - started) * 1000 if reason in (Reason.OK, Reason.REFUSED) else None
    return PortProbe(port, Probe(reason, took_ms, detail))
