"""Enrolment: what a camera can do, asked once by onvif-zeep-async in a process of its own.

The library knows every corner of ONVIF and trusts what it reads: an endless body or a gzip bomb takes
gigabytes, a redirect carries the password digest elsewhere, an empty reply is a success. So it runs in a
child that may use so much memory, may connect to the camera that it was given and nowhere else, and is
killed when it takes too long. Only questions are asked through it: it sends a request twice when a
connection closes, so nothing with a side effect ever goes this way (``remedies`` does its own).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass

from pydantic import RootModel, ValidationError

from monitor.collectors.credentials import Credential
from monitor.collectors.pin import USUAL_PORTS, pin, without_secrets
from monitor.model import DeviceId, Reason, WallMs

_MAX_LINE = 1 << 20
_START_S = 30.0


@dataclass(frozen=True, slots=True)
class Question:
    """One camera to enrol; goes to the child over its standard input, never over its arguments."""

    ip: str
    port: int
    user: str
    password: str

    def __repr__(self) -> str:
        return f"Question({self.ip}:{self.port})"


@dataclass(frozen=True, slots=True)
class EnrolledProfile:
    token: str
    name: str = ""
    encoding: str = ""
    width: int = 0
    height: int = 0
    ptz: bool = False


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What became of it. Without ``ok`` only ``detail`` means anything."""

    reason: Reason
    detail: str = ""
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    services: tuple[str, ...] = ()
    """Namespaces of the services that it offers."""
    profiles: tuple[EnrolledProfile, ...] = ()
    stream_uri: str = ""
    snapshot_uri: str = ""
    ptz: bool = False

    @property
    def ok(self) -> bool:
        return self.reason is Reason.OK

    def to_json(self) -> str:
        return _ENROLMENT(self).model_dump_json()


_QUESTION = RootModel[Question]
_ENROLMENT = RootModel[Enrolment]


def read_question(line: bytes) -> Question:
    return _QUESTION.model_validate_json(line).root


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The ledger's record of an enrolment: the latest of each device is kept."""

    device: DeviceId
    at: WallMs
    enrolment: Enrolment

    sql = (
        "INSERT INTO enrolment (device, at, serial, record) VALUES (?,?,?,?) ON CONFLICT (device) DO UPDATE"
        " SET at=excluded.at, serial=excluded.serial, record=excluded.record"
    )

    def values(self) -> tuple[str | int, ...]:
        return self.device, self.at, self.enrolment.serial, self.enrolment.to_json()


class Enroller:
    """Keeps one child, with the WSDLs warm, and replaces it when it dies. Close it in any case."""

    def __init__(self, memory_mb: int = 512, timeout_s: float = 30.0) -> None:
        self._memory_mb = memory_mb
        self._timeout_s = timeout_s
        self._child: asyncio.subprocess.Process | None = None

    async def enrol(self, ip: str, port: int, credential: Credential) -> Enrolment:
        """One camera at a time. Never raises for what a camera does."""
        question = Question(ip, port, credential.user, credential.password.reveal())
        try:
            child = await self._running()
        except (OSError, TimeoutError):
            await self.close()
            return Enrolment(Reason.SEND_FAILED, "the enrolment process does not start")
        try:
            async with asyncio.timeout(self._timeout_s):
                line = await _exchange(child, _QUESTION(question).model_dump_json().encode() + b"\n")
        except TimeoutError:
            await self.close()
            return Enrolment(Reason.TIMEOUT, "not finished in time")
        except (OSError, ValueError):
            line = b""
        if not line:
            await self.close()
            return Enrolment(Reason.OVERSIZE, "the enrolment process broke: probably out of its memory")
        return pinned(_understood(line), ip)

    async def close(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
        # Only the transport closes the pipes; Process has no public way to it (CPython issue 88050).
        if child.stdin is not None:
            child.stdin.close()

    async def _running(self) -> asyncio.subprocess.Process:
        if self._child is not None and self._child.returncode is None:
            return self._child
        await self.close()
        self._child = child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "monitor.survey.enrol_worker",
            str(self._memory_mb),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_MAX_LINE,
            # Each of glibc's arenas reserves 64 MB of address space, which is what is limited.
            env={**os.environ, "MALLOC_ARENA_MAX": "2"},
        )
        async with asyncio.timeout(_START_S):
            if child.stdout is None or await child.stdout.readline() != b"ready\n":
                raise OSError("the enrolment process does not start")
        return child


async def _exchange(child: asyncio.subprocess.Process, line: bytes) -> bytes:
    if child.stdin is None or child.stdout is None:
        raise OSError("the enrolment process has no pipes")
    child.stdin.write(line)
    await child.stdin.drain()
    return await child.stdout.readline()


def _understood(line: bytes) -> Enrolment:
    try:
        return _ENROLMENT.model_validate_json(line).root
    except ValidationError:
        return Enrolment(Reason.PROTOCOL, "the enrolment process answered nonsense")


def pinned(found: Enrolment, ip: str) -> Enrolment:
    """Checks what the library lets through: an answer without its required fields is none, and the
    addresses must be usable on the camera itself. Secrets in them are blotted out."""
    if not found.ok:
        return found
    if not found.firmware or not (found.model or found.serial) or not found.profiles:
        return Enrolment(Reason.PROTOCOL, "the answers lack required fields")
    stream = pin(found.stream_uri, ip, ("rtsp", "rtsps"), USUAL_PORTS)
    if stream is None:
        return Enrolment(Reason.UNEXPECTED, "its stream address cannot be used")
    snapshot = pin(found.snapshot_uri, ip, ("http", "https"), USUAL_PORTS)
    host = f"[{ip}]" if ":" in ip else ip
    data = json.loads(found.to_json())
    data["stream_uri"] = without_secrets(f"{stream.scheme}://{host}:{stream.port}{stream.path}")
    data["snapshot_uri"] = (
        without_secrets(f"{snapshot.scheme}://{host}:{snapshot.port}{snapshot.path}") if snapshot else ""
    )
    return _ENROLMENT.model_validate(data).root
