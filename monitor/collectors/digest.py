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
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_MAX_CHALLENGE = 4096


class Scheme(StrEnum):
    DIGEST = "digest"
    BASIC = "basic"


class Algorithm(StrEnum):
    MD5 = "MD5"
    MD5_SESS = "MD5-sess"
    SHA256 = "SHA-256"
    SHA256_SESS = "SHA-256-sess"
    SHA512_256 = "SHA-512-256"
    SHA512_256_SESS = "SHA-512-256-sess"

    @property
    def hash(self) -> Callable[[bytes], str]:
        if self in (Algorithm.MD5, Algorithm.MD5_SESS):
            return _md5
        return _sha256 if self in (Algorithm.SHA256, Algorithm.SHA256_SESS) else _sha512_256

    @property
    def per_session(self) -> bool:
        return self.value.endswith("-sess")


_ALGORITHMS = {algorithm.value.lower(): algorithm for algorithm in Algorithm}


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sha512_256(data: bytes) -> str:
    return hashlib.new("sha512_256", data).hexdigest()


class Qop(StrEnum):
    """What a response protects."""

    NONE = ""
    """The old RFC 2069 response."""
    AUTH = "auth"
    AUTH_INT = "auth-int"
    """The body too."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One ``WWW-Authenticate`` that we can answer."""

    scheme: Scheme
    realm: str = ""
    nonce: str = ""
    algorithm: Algorithm = Algorithm.MD5
    written: str = ""
    """The algorithm as the server wrote it; empty when it named none."""
    qop: Qop = Qop.NONE
    """The simplest that is offered."""
    opaque: str = ""
    stale: bool = False


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """What can be answered among the values of ``WWW-Authenticate``, the strongest first.

    A Digest with an unknown algorithm, qop or without a nonce is left out.
    """
    found = []
    for header in headers:
        text = header[:_MAX_CHALLENGE]
        # What stands in quotes may look like anything: `realm="Gate, Digest 2"`.
        starts = list(_SCHEME.finditer(_QUOTED.sub(lambda quoted: "_" * len(quoted[0]), text)))
        for start, end in zip(starts, [*(m.start() for m in starts[1:]), len(text)], strict=True):
            challenge = _challenge(start[1].lower(), text[start.end() : end])
            if challenge is not None:
                found.append(challenge)
    return sorted(found, key=_strength)


def _strength(challenge: Challenge) -> int:
    if challenge.scheme is Scheme.BASIC:
        return 2
    return 0 if challenge.algorithm not in (Algorithm.MD5, Algorithm.MD5_SESS) else 1


def _challenge(scheme: str, text: str) -> Challenge | None:
    given = {m[1].lower(): m[2] if m[2] is not None else m[3] for m in _PARAMETER.finditer(text)}
    if scheme == Scheme.BASIC:
        return Challenge(Scheme.BASIC, realm=given.get("realm", ""))
    written = given.get("algorithm", "")
    algorithm = _ALGORITHMS.get(written.lower() or "md5")
    qops = {value.strip().lower() for value in given["qop"].split(",")} if given.get("qop") else set()
    qop = next((each for each in (Qop.AUTH, Qop.AUTH_INT) if each in qops), Qop.NONE)
    if algorithm is None or not given.get("nonce") or (qops and not qop):
        return None
    return Challenge(
        Scheme.DIGEST,
        realm=given.get("realm", ""),
        nonce=given["nonce"],
        algorithm=algorithm,
        written=written,
        qop=qop,
        opaque=given.get("opaque", ""),
        stale=given.get("stale", "").lower() == "true",
    )


def digest_response(
    challenge: Challenge,
    user: str,
    password: str,
    method: str,
    uri: str,
    nc: str,
    cnonce: str,
    body: bytes = b"",
) -> str:
    """The ``response`` of RFC 7616 section 3.4.1; of RFC 2069 when the server offers no ``qop``."""
    hash_ = challenge.algorithm.hash

    def hashed(text: str) -> str:
        return hash_(text.encode())

    ha1 = hashed(f"{user}:{challenge.realm}:{password}")
    if challenge.algorithm.per_session:
        ha1 = hashed(f"{ha1}:{challenge.nonce}:{cnonce}")
    protected = f":{hash_(body)}" if challenge.qop is Qop.AUTH_INT else ""
    ha2 = hashed(f"{method}:{uri}{protected}")
    if not challenge.qop:
        return hashed(f"{ha1}:{challenge.nonce}:{ha2}")
    return hashed(f"{ha1}:{challenge.nonce}:{nc}:{cnonce}:{challenge.qop}:{ha2}")


class Answerer:
    """Answers one challenge for as many requests as its nonce lasts."""

    __slots__ = ("_cnonce", "_count", "_password", "_user", "challenge")

    def __init__(self, challenge: Challenge, user: str, password: Secret, cnonce: str) -> None:
        self.challenge = challenge
        self._user = user
        self._password = password
        self._cnonce = cnonce
        self._count = 0

    def header(self, method: str, uri: str, body: bytes = b"") -> str:
        """The value of ``Authorization`` for one request; each call uses up one nonce count."""
        challenge, password = self.challenge, self._password.reveal()
        if challenge.scheme is Scheme.BASIC:
            return "Basic " + base64.b64encode(f"{self._user}:{password}".encode()).decode()
        self._count += 1
        nc = f"{self._count:08x}"
        response = digest_response(challenge, self._user, password, method, uri, nc, self._cnonce, body)
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
            parts.append(f'qop={challenge.qop}, nc={nc}, cnonce="{self._cnonce}"')
        elif challenge.algorithm.per_session:
            parts.append(f'cnonce="{self._cnonce}"')
        return "Digest " + ", ".join(parts)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
