"""``[sink]``: where readings go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from monitor.secrets import SecretRef
from monitor.settings import Duration, Section


class NullSinkSettings(Section):
    """Readings are not kept; states, rules, messages and the ledger work all the same."""

    type: Literal["null"] = "null"


class SpoolSettings(Section):
    """``[sink.spool]``: what the server could not take yet, kept on disk."""

    path: Path = Path("/var/lib/camwatch/spool")
    """A directory of our own; one process at a time."""
    max_bytes: int = Field(default=4 * 1024**3, ge=1024**2)
    """Beyond this the oldest points are dropped, and counted."""
    max_age: Duration = 7 * 86_400.0
    """Points older than this are dropped, and counted."""
    sync_interval: Duration = 1.0
    """A power cut loses at most the points of this span; a killed process loses none of them."""


class InfluxSettings(Section):
    """InfluxDB 1.x, 2.x or 3.x."""

    type: Literal["influxdb"]
    url: str
    """``http://`` or ``https://``, host and port."""
    version: Literal["auto", "1", "2"] = "auto"
    """"1" is ``/write``; "2" is ``/api/v2/write`` (1.8 and later, 2.x, 3.x); "auto" asks the server."""
    token: SecretRef | None = None
    """2.x and 3.x. For 1.8 through ``/api/v2`` leave it out and give ``user`` and ``password``."""
    org: str = ""
    bucket: str = ""
    """2.x and 3.x; default ``database/retention_policy``."""
    database: str = "camwatch"
    """1.x; in 2.x the database that InfluxQL queries name."""
    retention_policy: str = ""
    """1.x; empty is the database's default."""
    user: str = ""
    password: SecretRef | None = None
    batch_points: int = Field(default=5000, ge=1, le=50_000)
    flush_interval: Duration = 1.0
    """The longest that a point waits for others before it goes to disk and to the server."""
    timeout: Duration = 10.0
    """For one post."""
    spool: SpoolSettings = SpoolSettings()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError('url: write for example "http://127.0.0.1:8086"')
        if parts.username or parts.password or parts.query:
            raise ValueError("url: credentials go into user, password or token, not into the address")
        if self.user and self.password is None:
            raise ValueError("user without password")
        return self

    @property
    def bucket_name(self) -> str:
        """The bucket of ``/api/v2``: 1.8 wants ``database/retention_policy``."""
        if self.bucket:
            return self.bucket
        return f"{self.database}/{self.retention_policy}" if self.retention_policy else self.database


SinkSettings = Annotated[NullSinkSettings | InfluxSettings, Field(discriminator="type")]
