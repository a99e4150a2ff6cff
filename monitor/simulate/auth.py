"""How simulated cameras check a password: written from the standards, apart from the code that it tests."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from datetime import UTC, datetime
from enum import Enum, auto

from monitor.simulate.camera import Auth, SimCamera, SimFleet
from monitor.simulate.faults import Fault

REALM = "IP Camera"
_CREATED_WINDOW_S = 5.0
_TOKEN = {
    name: re.compile(rb"<(?:\w+:)?" + name + rb"(?:\s[^>]*)?>([^<]*)</")
    for name in (b"Username", b"Password", b"Nonce", b"Created")
}
_DIGEST = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


class Verdict(Enum):
    OPEN = auto()
    """No proof was given."""
    GOOD = auto()
    BAD = auto()


def check_wsse(camera: SimCamera, fleet: SimFleet, body: bytes, now: float) -> Verdict:
    """WS-Security UsernameToken profile 1.0, PasswordDigest, with the camera's own idea of the time."""
    found = {name: m[1] for name, pattern in _TOKEN.items() if (m := pattern.search(body))}
    if len(found) < 4:
        return Verdict.OPEN
    try:
        nonce = base64.b64decode(found[b"Nonce"])
        created = datetime.strptime(found[b"Created"].decode()[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except (ValueError, binascii.Error):
        return Verdict.BAD
    wanted = base64.b64encode(
        hashlib.sha1(nonce + found[b"Created"] + fleet.password.encode(), usedforsecurity=False).digest()
    )
    fresh = abs(created.timestamp() - (now + camera.skew_s)) <= _CREATED_WINDOW_S
    good = found[b"Username"].decode(errors="replace") == fleet.user and found[b"Password"] == wanted
    return Verdict.GOOD if good and fresh and camera.fault is not Fault.WRONG_PASSWORD else Verdict.BAD


def check_digest(camera: SimCamera, fleet: SimFleet, method: str, authorization: str) -> Verdict:
    """RFC 2617 with ``qop=auth`` (HTTP) or without (RTSP)."""
    if not authorization.startswith("Digest "):
        return Verdict.BAD if authorization else Verdict.OPEN
    given = {m[1]: m[2] if m[2] is not None else m[3] for m in _DIGEST.finditer(authorization)}
    ha1 = _md5(f"{fleet.user}:{REALM}:{fleet.password}")
    ha2 = _md5(f"{method}:{given.get('uri', '')}")
    if "qop" in given:
        middle = f"{camera.nonce}:{given.get('nc')}:{given.get('cnonce')}:{given['qop']}"
    else:
        middle = camera.nonce
    good = given.get("username") == fleet.user and given.get("response") == _md5(f"{ha1}:{middle}:{ha2}")
    return Verdict.GOOD if good and camera.fault is not Fault.WRONG_PASSWORD else Verdict.BAD


def challenge(camera: SimCamera, qop: bool) -> str:
    offer = ', qop="auth"' if qop else ""
    return f'Digest realm="{REALM}", nonce="{camera.nonce}"{offer}'


def wants_digest(camera: SimCamera) -> bool:
    return camera.auth is Auth.DIGEST


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
