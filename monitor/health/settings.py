"""``[health]``: the port for Prometheus and for whoever restarts services."""

from __future__ import annotations

import ipaddress

from pydantic import Field, field_validator

from monitor.settings import Section


class HealthSettings(Section):
    """Off unless a port is given. It answers without a password, so it only listens on loopback."""

    port: int = Field(default=0, ge=0, le=65_535)
    """0 is off."""
    address: str = "127.0.0.1"

    @field_validator("address")
    @classmethod
    def _loopback(cls, value: str) -> str:
        if not ipaddress.ip_address(value).is_loopback:
            raise ValueError("an address of this machine only: 127.0.0.1 or ::1")
        return value
