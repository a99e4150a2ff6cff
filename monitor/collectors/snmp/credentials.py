"""Which devices are asked how: community or user, by selectors; secrets only by reference."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from monitor.collectors.snmp import keys, usm
from monitor.collectors.snmp.messages import Community, Version
from monitor.model import Device
from monitor.secrets import SecretRef
from monitor.select import DeviceSelector
from monitor.settings import Section


class UserSection(Section):
    """A v3 user."""

    user: str = Field(min_length=1, max_length=32)
    auth: Literal["md5", "sha1", "sha224", "sha256", "sha384", "sha512"] | None = None
    auth_pass: SecretRef | None = None
    priv: Literal["des", "aes128", "aes192", "aes256", "aes192c", "aes256c"] | None = None
    """``c``: keys made longer as Cisco and Huawei do (Reeder's draft) instead of Blumenthal's."""
    priv_pass: SecretRef | None = None

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if (self.auth is None) != (self.auth_pass is None):
            raise ValueError("auth and auth_pass go together")
        if (self.priv is None) != (self.priv_pass is None):
            raise ValueError("priv and priv_pass go together")
        if self.priv is not None and self.auth is None:
            raise ValueError("priv needs auth as well: SNMP does not encrypt what it does not sign")
        return self

    def read_user(self) -> keys.User:
        """Raises ``SecretError``."""
        return keys.User(
            self.user.encode(),
            None if self.auth is None else keys.Auth[self.auth.upper()],
            None if self.auth_pass is None else self.auth_pass.read(),
            None if self.priv is None else keys.Priv(self.priv),
            None if self.priv_pass is None else self.priv_pass.read(),
        )


class CredentialSection(Section):
    """One entry of ``credentials``: the first whose ``select`` fits a device is used for it."""

    select: DeviceSelector = Field(default_factory=DeviceSelector)
    port: int = Field(default=161, ge=1, le=65535)
    version: Literal["1", "2c", "3"] = "2c"
    community: SecretRef | None = None
    """For versions 1 and 2c."""
    user: UserSection | None = None
    """For version 3."""

    @model_validator(mode="after")
    def _fits_version(self) -> Self:
        if self.version == "3" and (self.user is None or self.community is not None):
            raise ValueError('version = "3" takes a user table and no community')
        if self.version != "3" and (self.community is None or self.user is not None):
            raise ValueError(f'version = "{self.version}" takes a community and no user')
        return self


class Credentials:
    """The entries with their secrets read."""

    def __init__(self, sections: Sequence[CredentialSection], rng: random.Random) -> None:
        """Raises ``SecretError``."""
        self._random = rng
        self._entries: list[tuple[CredentialSection, Community | keys.User]] = []
        for section in sections:
            if section.user is not None:
                self._entries.append((section, section.user.read_user()))
            elif section.community is not None:
                version = Version.V1 if section.version == "1" else Version.V2C
                self._entries.append((section, Community(version, section.community.read())))

    def session(self, device: Device) -> tuple[int, Community | usm.Session] | None:
        """Port and session for a device; ``None`` if no entry is for it."""
        for section, entry in self._entries:
            if section.select.selects(device):
                if isinstance(entry, Community):
                    return section.port, entry
                return section.port, usm.Session(entry, self._random.getrandbits(64))
        return None
