"""HTTP Digest and Basic authentication (RFC 7616, 2617, 2069), as ONVIF and RTSP services ask for it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from monitor.secrets import Secret

_SCHEME = re.compile(r"(?:^|,)\s*(Digest|Basic)\s+", re.IGNORECASE)
_PARAMETER = re.compile(r'([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')
_MAX_CHALLENGE = 4096


class Scheme(StrEnum):
    DIGEST = "digest"
    BASIC = "basic"


class Algorithm(StrEnum):
    MD5 = "MD5"
    MD5_SESS = "MD5-sess"
    SHA256 = "SHA-256"
    SHA256_SESS = "SHA-256-sess"

    @property
    def hash(self) -> Callable[[str], str]:
        return _sha256 if self in (Algorithm.SHA256, Algorithm.SHA256_SESS) else _md5

    @property
    def per_session(self) -> bool:
        return self in (Algorithm.MD5_SESS, Algorithm.SHA256_SESS)


_ALGORITHMS = {algorithm.value.lower(): algorithm for algorithm in Algorithm}


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Challenge:
    """One ``WWW-Authenticate`` that we can answer."""

    scheme: Scheme
    realm: str = ""
    nonce: str = ""
    algorithm: Algorithm = Algorithm.MD5
    written: str = ""
    """The algorithm as the server wrote it; empty when it named none."""
    qop: bool = False
    """``qop="auth"`` is offered; without it the old RFC 2069 response is used."""
    opaque: str = ""
    stale: bool = False


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """What can be answered among the values of ``WWW-Authenticate``, the strongest first.

    A Digest with an unknown algorithm, without a nonce, or with ``auth-int`` alone is left out.
    """
    found = []
    for header in headers:
        text = header[:_MAX_CHALLENGE]
        starts = list(_SCHEME.finditer(text))
        for start, end in zip(starts, [*(m.start() for m in starts[1:]), len(text)], strict=True):
            challenge = _challenge(start[1].lower(), text[start.end() : end])
            if challenge is not None:
                found.append(challenge)
    return sorted(found, key=_strength)


def _strength(challenge: Challenge) -> int:
    if challenge.scheme is Scheme.BASIC:
        return 2
    return 0 if challenge.algorithm in (Algorithm.SHA256, Algorithm.SHA256_SESS) else 1


def _challenge(scheme: str, text: str) -> Challenge | None:
    given = {m[1].lower(): m[2] if m[2] is not None else m[3] for m in _PARAMETER.finditer(text)}
    if scheme == Scheme.BASIC:
        return Challenge(Scheme.BASIC, realm=given.get("realm", ""))
    written = given.get("algorithm", "")
    algorithm = _ALGORITHMS.get(written.lower() or "md5")
    qops = {value.strip().lower() for value in given["qop"].split(",")} if given.get("qop") else set()
    if algorithm is None or not given.get("nonce") or (qops and "auth" not in qops):
        return None
    return Challenge(
        Scheme.DIGEST,
        realm=given.get("realm", ""),
        nonce=given["nonce"],
        algorithm=algorithm,
        written=written,
        qop="auth" in qops,
        opaque=given.get("opaque", ""),
        stale=given.get("stale", "").lower() == "true",
    )


def digest_response(
    challenge: Challenge, user: str, password: str, method: str, uri: str, nc: str, cnonce: str
) -> str:
    """The ``response`` of RFC 7616 section 3.4.1; of RFC 2069 when the server offers no ``qop``."""
    hashed = challenge.algorithm.hash
    ha1 = hashed(f"{user}:{challenge.realm}:{password}")
    if challenge.algorithm.per_session:
        ha1 = hashed(f"{ha1}:{challenge.nonce}:{cnonce}")
    ha2 = hashed(f"{method}:{uri}")
    if not challenge.qop:
        return hashed(f"{ha1}:{challenge.nonce}:{ha2}")
    return hashed(f"{ha1}:{challenge.nonce}:{nc}:{cnonce}:auth:{ha2}")


class Answerer:
    """Answers one challenge for as many requests as its nonce lasts."""

    __slots__ = ("_cnonce", "_count", "_password", "_user", "challenge")

    def __init__(self, challenge: Challenge, user: str, password: Secret, cnonce: str) -> None:
        self.challenge = challenge
        self._user = user
        self._password = password
        self._cnonce = cnonce
        self._count = 0

    def header(self, method: str, uri: str) -> str:
        """The value of ``Authorization`` for one request; each call uses up one nonce count."""
        challenge, password = self.challenge, self._password.reveal()
        if challenge.scheme is Scheme.BASIC:
            return "Basic " + base64.b64encode(f"{self._user}:{password}".encode()).decode()
        self._count += 1
        nc = f"{self._count:08x}"
        response = digest_response(challenge, self._user, password, method, uri, nc, self._cnonce)
        parts = [
            f'username="{_quoted(self._user)}"',
            f'realm="{challenge.realm}"',
            f'nonce="{challenge.nonce}"',
            f'uri="{uri}"',
            f'response="{response}"',
        ]
        if challenge.written:
            parts.append(f"algorithm={challenge.written}")
        if challenge.opaque:
            parts.append(f'opaque="{challenge.opaque}"')
        if challenge.qop:
            parts.append(f'qop=auth, nc={nc}, cnonce="{self._cnonce}"')
        elif challenge.algorithm.per_session:
            parts.append(f'cnonce="{self._cnonce}"')
        return "Digest " + ", ".join(parts)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
