"""The ``rtsp`` check: does video flow? One key frame and three more frames prove it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from pydantic import Field

from monitor.collectors.base import CheckSettings, Env
from monitor.collectors.credentials import (
    Account,
    BackOff,
    CredentialBook,
    CredentialSettings,
    refusal_reading,
)
from monitor.collectors.fanout import fan_out
from monitor.collectors.http1 import WireError
from monitor.collectors.rtsp.session import TEARDOWN_S, Session, Stream
from monitor.collectors.rtsp.watch import Proof
from monitor.model import Device, DeviceId, Reading, Reason, Result, Target
from monitor.select import DeviceSelector
from monitor.settings import Duration, Section


class StreamPath(Section):
    """Where devices of one make keep their stream."""

    match: DeviceSelector
    path: str = Field(pattern=r"^/[!-~]*$")
    """With the leading slash, for example ``/Streaming/Channels/101``."""


class RtspSettings(CheckSettings):
    interval: Duration = 600.0
    timeout: Duration = Field(default=10.0)
    """How long a camera may take in all until the proof is whole."""
    port: int = Field(default=554, ge=1, le=65535)
    """A device's tag ``rtsp_port`` overrides it."""
    path: str = Field(default="/", pattern=r"^/[!-~]*$")
    """The stream's path, if neither the device's tag ``rtsp_path`` nor ``paths`` knows better."""
    paths: tuple[StreamPath, ...] = ()
    credentials: tuple[CredentialSettings, ...] = ()
    back_off: BackOff = Field(default_factory=BackOff)
    per_second: float = Field(default=250.0, gt=0)
    """Sessions begun in a second, at most."""
    at_once: int = Field(default=300, ge=1)
    """Sessions open at one time, at most."""
    max_bytes: int = Field(default=16 << 20, ge=1 << 16)
    """Bytes of one session, at most."""
    whole_gop: bool = False
    """Go on to the next key frame: tells GOP and bit rate too, and costs some seconds of stream each."""


class RtspCollector:
    Settings = RtspSettings

    def __init__(self, settings: CheckSettings, env: Env) -> None:
        if not isinstance(settings, RtspSettings):
            raise TypeError("RtspCollector takes RtspSettings")
        self._settings = settings
        self._env = env
        self._book = CredentialBook(settings.credentials, settings.back_off, env.clock)
        self._busy: dict[DeviceId, asyncio.Lock] = {}

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def accounts(self) -> list[Account]:
        return self._book.accounts()

    def collect(self, targets: Sequence[Target], deadline: float) -> AsyncIterator[list[Result]]:
        settings = self._settings
        return fan_out(
            "rtsp", targets, deadline, self._env.clock, settings.per_second, settings.at_once, self._check
        )

    async def _check(self, target: Target, deadline: float) -> Result:
        at = self._env.clock.now().wall
        device = target.device
        # One session per camera: many allow three or four in all, and people want to look too.
        lock = self._busy.setdefault(device.id, asyncio.Lock())
        try:
            async with lock:
                proof, session = await self._prove(target, deadline)
            self._book.asked(device, Reason.OK)
            return Result(device.id, "rtsp", at, Reason.OK, _readings(proof, session))
        except WireError as error:
            self._book.asked(device, error.reason)
            told: tuple[Reading, ...] = ()
            if error.reason is Reason.AUTH:
                told = refusal_reading("rtsp", self._book.for_device(device), device.id)
            return Result(device.id, "rtsp", at, error.reason, told, error.detail)
        finally:
            if not lock.locked():
                self._busy.pop(device.id, None)

    async def _prove(self, target: Target, deadline: float) -> tuple[Proof, Session]:
        settings, device = self._settings, target.device
        deadline = min(deadline - TEARDOWN_S - 0.1, asyncio.get_running_loop().time() + settings.timeout)
        port = device.tags.get("rtsp_port", "")
        stream = Stream(
            target.ip,
            int(port) if port.isdigit() else settings.port,
            self._path(device),
            deadline,
            settings.max_bytes,
            settings.whole_gop,
        )
        credential = self._book.for_device(device)
        session = Session(device.id, stream, credential, self._env.clock, self._env.random)
        return await session.prove(), session

    def _path(self, device: Device) -> str:
        tag = device.tags.get("rtsp_path", "")
        if tag:
            return tag if tag.startswith("/") else f"/{tag}"
        settings = self._settings
        return next((entry.path for entry in settings.paths if entry.match.selects(device)), settings.path)


def _readings(proof: Proof, session: Session) -> tuple[Reading, ...]:
    found: list[tuple[str, float | int | None]] = [
        ("rtsp.password_refused", False),
        ("rtsp.connect_ms", session.connect_s * 1000),
        ("rtsp.first_key_frame_ms", proof.first_key_s * 1000),
        ("rtsp.frame_rate", proof.frame_rate),
        ("rtsp.width", proof.size.width if proof.size else None),
        ("rtsp.height", proof.size.height if proof.size else None),
        ("rtsp.packet_loss_percent", proof.loss_percent),
        ("rtsp.clock_drift_s", proof.clock_drift_s),
        ("rtsp.gop_frames", proof.gop),
        ("rtsp.bit_rate_bps", proof.bit_rate),
    ]
    return tuple(Reading(metric, value) for metric, value in found if value is not None)
