"""The demo's cameras that can be talked to: ONVIF and RTSP at the addresses of some devices of its city."""

from __future__ import annotations

import random
import secrets
from collections.abc import Sequence
from dataclasses import replace

from monitor.clock import SystemClock
from monitor.model import Device
from monitor.simulate.camera import SimFleet, fleet_at
from monitor.simulate.cameras import CameraServer, Ports
from monitor.simulate.faults import Fault

PASSWORD_VARIABLE = "CAMWATCH_DEMO_CAMERAS"  # noqa: S105 - the name of a variable
_USER = "admin"

_CONFIG = """
[checks.onvif]
interval = "3s"
timeout = "2s"
port = {http}
wsd_port = {wsd}
[[checks.onvif.credentials]]
name = "cameras"
user = "{user}"
password = {{ env = "{variable}" }}

[checks.rtsp]
interval = "3s"
timeout = "1s"
port = {rtsp}
path = "/live"
[[checks.rtsp.credentials]]
name = "cameras"
user = "{user}"
password = {{ env = "{variable}" }}

[[rule]]
name = "no-video"
type = "fault"
fault = "no_video"
severity = "major"

[[rule]]
name = "clock-wrong"
type = "fault"
fault = "wrong_clock"
"""


class TalkingCameras:
    """``start`` first; ``config`` is then what the daemon needs to ask them."""

    def __init__(self, devices: Sequence[Device], check: str) -> None:
        """``check``: what all devices are checked by."""
        self.devices = [replace(d, checks=(check, "onvif", "rtsp"), liveness=(check,)) for d in devices]
        self.password = secrets.token_hex(12)
        self._fleet: SimFleet = fleet_at(
            [device.address for device in devices], _USER, self.password, random.Random()
        )
        self._server = CameraServer(self._fleet, SystemClock())

    @property
    def config(self) -> str:
        ports = self._server.ports
        return _CONFIG.format(
            http=ports.http, rtsp=ports.rtsp, wsd=ports.wsd, user=_USER, variable=PASSWORD_VARIABLE
        )

    async def start(self) -> None:
        await self._server.start(Ports())

    async def stop(self) -> None:
        await self._server.stop()

    def lose_video(self, device: Device) -> None:
        """It goes on answering everything, and sends no picture."""
        self._fleet.cameras[device.address].fault = Fault.NO_FRAMES

    def set_clock(self, device: Device, ahead_s: float) -> None:
        self._fleet.cameras[device.address].skew_s = ahead_s

    def mend(self) -> None:
        for camera in self._fleet.cameras.values():
            camera.fault, camera.skew_s = Fault.NONE, 0.0
