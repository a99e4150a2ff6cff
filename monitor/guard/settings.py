"""``[daemon.peer]`` and ``[daemon.heartbeat]``."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from monitor.secrets import SecretRef
from monitor.settings import Duration, Section


class PeerSettings(Section):
    """A second Camwatch: each asks the other whether it lives. Both have the same secret."""

    listen: str = ""
    """``host:port`` on which the other may ask us."""
    address: str = ""
    """``host:port`` of the other; empty: we ask nobody."""
    secret: SecretRef | None = None
    """Signs the answers: without it anybody could keep a standby silent."""
    every: Duration = Field(default=5.0, gt=0, le=10)
    dead_after: Duration = Field(default=20.0, gt=0, le=25)
    """No sign of life for this long: it is dead, an alert says so, and a standby takes over."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for place in (self.listen, self.address):
            if place:
                host_port(place)
        if (self.listen or self.address) and self.secret is None:
            raise ValueError('a peer needs a secret, for example secret = { credential = "peer" }')
        return self


class HeartbeatSettings(Section):
    """The dead man's switch: an address outside that is fetched while all is well, and whose owner raises the
    alarm when that stops."""

    url: SecretRef | None = None
    """Where the whole ``https://`` address is kept: whoever knows it can keep the switch from falling."""
    every: Duration = Field(default=60.0, ge=5)
    timeout: Duration = Field(default=10.0, gt=0, le=60)


def host_port(text: str) -> tuple[str, int]:
    """Host and port of ``host:port`` or ``[v6]:port``. ``ValueError``."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f'"{text}" is not host:port, for example "10.1.0.2:8765"')
    return host.strip("[]"), int(port)
