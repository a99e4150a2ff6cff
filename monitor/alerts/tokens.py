"""One-use links: acknowledge from the phone, without a password.

A token names an incident and an end, and is signed (HMAC-SHA-256) with a key that never leaves the state
directory; a used one is remembered, in the ledger too, until it would have ended anyway.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from monitor.model import IncidentId, WallMs

_BODY = struct.Struct("!BQQ8s")
_SIGNATURE = 16
_KEY = 32
_VERSION = 1


class Used(NamedTuple):
    """A token that was redeemed."""

    incident: IncidentId
    nonce: bytes
    ends: WallMs


class TokenError(Exception):
    """The link is not valid (any more); the text is for the person who opened it."""


class Tokens:
    def __init__(self, key: bytes, nonce: Callable[[], bytes] = lambda: os.urandom(8)) -> None:
        self._key = key
        self._nonce = nonce
        self._used: dict[bytes, WallMs] = {}

    @classmethod
    def of_file(cls, path: Path) -> Tokens:
        """The key in that file; made on first use, whole or not at all, readable by us alone."""
        if not path.exists():
            new = path.with_suffix(".new")
            new.unlink(missing_ok=True)
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(os.urandom(_KEY))
                file.flush()
                os.fsync(file.fileno())
            new.rename(path)
        key = path.read_bytes()
        if len(key) < _KEY:
            raise TokenError(f"{path}: no key of {_KEY} bytes; remove the file, and a new one is made")
        return cls(key)

    def issue(self, incident: IncidentId, ends: WallMs) -> str:
        body = _BODY.pack(_VERSION, incident, ends, self._nonce())
        return base64.urlsafe_b64encode(body + self._sign(body)).decode().rstrip("=")

    def take_up(self, used: Mapping[bytes, WallMs]) -> None:
        """What earlier runs have seen redeemed: nonce and end."""
        self._used.update(used)

    def read(self, token: str, now: WallMs) -> Used:
        """What the token is for, if it is good; it stays so until ``use``."""
        try:
            data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            body, signature = data[: _BODY.size], data[_BODY.size :]
            version, incident, ends, nonce = _BODY.unpack(body)
        except (ValueError, struct.error):
            raise TokenError("this link is damaged") from None
        if version != _VERSION or not hmac.compare_digest(signature, self._sign(body)):
            raise TokenError("this link was not made by us")
        if ends <= now:
            raise TokenError("this link has expired")
        if nonce in self._used:
            raise TokenError("this link has been used already")
        return Used(IncidentId(incident), nonce, WallMs(ends))

    def use(self, used: Used, now: WallMs) -> None:
        """From now on the token is worth nothing."""
        self._used = {nonce: ends for nonce, ends in self._used.items() if ends > now}
        self._used[used.nonce] = used.ends

    def redeem(self, token: str, now: WallMs) -> IncidentId:
        """The incident that the token is for. Each token is good once."""
        used = self.read(token, now)
        self.use(used, now)
        return used.incident

    def _sign(self, body: bytes) -> bytes:
        return hmac.new(self._key, body, hashlib.sha256).digest()[:_SIGNATURE]
