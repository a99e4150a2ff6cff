"""The simulated cameras themselves: who they are, what is wrong with them, what has been asked of them."""

from __future__ import annotations

import hashlib
import ipaddress
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from monitor.simulate.clip import Codec
from monitor.simulate.faults import Fault


class Auth(StrEnum):
    WSSE = "wsse"
    """WS-UsernameToken only (and Digest for RTSP and snapshots)."""
    DIGEST = "digest"
    """HTTP Digest only."""
    NONE = "none"


@dataclass(slots=True)
class Seen:
    """What a camera has been asked, for tests and for the summary."""

    requests: int = 0
    calls: int = 0
    """Of these, ONVIF's."""
    logins: int = 0
    """Requests that carried a password proof, right or wrong."""
    refused: int = 0
    reboots: int = 0
    sessions: int = 0
    """RTSP sessions open now."""
    peak_sessions: int = 0
    plays: int = 0
    teardowns: int = 0


@dataclass(slots=True)
class SimCamera:
    address: str
    serial: str
    auth: Auth = Auth.WSSE
    codec: Codec = Codec.H264
    skew_s: float = 0.0
    """How far its clock is ahead of ours."""
    fault: Fault = Fault.NONE
    model: str = "SIM-2CD-180P"
    firmware: str = "V5.7.3 build 250801"
    boot: int = 1
    """Counts its starts: the InstanceId of WS-Discovery."""
    deaf_until: float = 0.0
    """Loop time until which it is restarting and answers nobody."""
    nonce: str = ""
    seen: Seen = field(default_factory=Seen)

    def lose_power(self) -> None:
        """Deaf until it is given back."""
        self.deaf_until = math.inf

    def get_power(self, now: float, boot_s: float) -> None:
        """It starts anew at loop time ``now``; what a start cures is cured."""
        self.deaf_until = now + boot_s
        self.boot += 1
        if self.fault is Fault.NO_FRAMES:
            self.fault = Fault.NONE


@dataclass(slots=True)
class SimFleet:
    """Cameras by local address, and the one account that opens them all."""

    cameras: dict[str, SimCamera]
    user: str
    password: str
    decoy: str = "127.255.255.254"
    """The "other host" that redirects and foreign addresses name: whoever connects there was lured."""
    reboot_s: float = 2.0
    """How long a reboot takes."""

    strays: int = 0
    """Connections to addresses that are no camera's: somebody was lured, or searched too far."""

    def camera(self, address: str) -> SimCamera | None:
        return self.cameras.get(address)


def make_fleet(
    first: str, count: int, user: str, password: str, rng: random.Random, skewed: int = 0
) -> SimFleet:
    """``count`` cameras from address ``first`` on; the clocks of the first ``skewed`` of them are a minute
    wrong."""
    start = ipaddress.IPv4Address(first)
    if not (start.is_loopback and (start + count - 1).is_loopback):
        raise ValueError(f"simulated cameras live in 127.0.0.0/8, not at {first} and {count - 1} after it")
    fleet = fleet_at((str(start + index) for index in range(count)), user, password, rng)
    for camera in list(fleet.cameras.values())[:skewed]:
        camera.skew_s = 60.0
    return fleet


def fleet_at(addresses: Iterable[str], user: str, password: str, rng: random.Random) -> SimFleet:
    """A camera at each address, both authentications and both codecs in turn."""
    cameras = {}
    for index, address in enumerate(addresses):
        digest = hashlib.sha256(address.encode()).hexdigest()
        cameras[address] = SimCamera(
            address,
            serial=f"SIM{digest[:12].upper()}",
            auth=Auth.DIGEST if index % 4 == 3 else Auth.WSSE,
            codec=Codec.H265 if index % 5 == 4 else Codec.H264,
            boot=rng.randrange(1, 1000),
            nonce=f"{rng.getrandbits(96):024x}",
        )
    return SimFleet(cameras, user, password)
