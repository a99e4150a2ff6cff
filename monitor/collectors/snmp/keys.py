"""v3 secrets at work: pass phrases to keys, keys to one engine, digests and ciphers.

RFC 3414 (MD5, SHA-1, DES), RFC 7860 (SHA-2), RFC 3826 (AES-128); AES-192 and AES-256 by the two drafts in
use: Blumenthal (draft-blumenthal-aes-usm-04, net-snmp and most) and Reeder
(draft-reeder-snmpv3-usm-3desede-00, Cisco and Huawei; names end in ``c``).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import lru_cache
from operator import xor

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from monitor.collectors.snmp.ber import BerError
from monitor.secrets import Secret

EXPANDED = 1 << 20
"""Octets that a pass phrase is stretched to (RFC 3414 appendix A.2)."""


class Auth(Enum):
    """hashlib's name, and how many octets of the HMAC travel."""

    MD5 = ("md5", 12)
    SHA1 = ("sha1", 12)
    SHA224 = ("sha224", 16)
    SHA256 = ("sha256", 24)
    SHA384 = ("sha384", 32)
    SHA512 = ("sha512", 48)

    @property
    def hash(self) -> str:
        return str(self.value[0])

    @property
    def size(self) -> int:
        return int(self.value[1])


class Priv(StrEnum):
    DES = "des"
    AES128 = "aes128"
    AES192 = "aes192"
    AES256 = "aes256"
    AES192C = "aes192c"
    AES256C = "aes256c"

    @property
    def key_size(self) -> int:
        """Octets of localized key: DES takes eight of key and eight of pre-IV."""
        return {"des": 16, "aes128": 16, "aes192": 24, "aes256": 32}[self.value.removesuffix("c")]


@dataclass(frozen=True, slots=True)
class User:
    """A v3 user. Without ``auth`` its level is noAuthNoPriv, without ``priv`` authNoPriv."""

    name: bytes
    auth: Auth | None = None
    auth_pass: Secret | None = None
    priv: Priv | None = None
    priv_pass: Secret | None = None

    def __post_init__(self) -> None:
        if (self.auth is None) != (self.auth_pass is None) or (self.priv is None) != (self.priv_pass is None):
            raise ValueError("a protocol and its pass phrase go together")
        if self.priv is not None and self.auth is None:
            raise ValueError("privacy needs authentication (RFC 3414 section 1.4.3)")


class Keys:
    """A user's keys for one engine, ready for work. Not shown, not compared, not pickled."""

    __slots__ = ("auth_key", "cipher", "digest_size", "hash", "pre_iv", "priv")

    def __init__(self, auth: Auth, auth_key: bytes, priv: Priv | None = None, priv_key: bytes = b"") -> None:
        self.hash = auth.hash
        self.digest_size = auth.size
        self.auth_key = auth_key
        self.priv = priv
        self.pre_iv = b""
        self.cipher: AES | TripleDES | None = None
        if priv is Priv.DES:
            # Single DES is 3DES with one key three times over; the library has no other.
            self.cipher, self.pre_iv = TripleDES(priv_key[:8] * 3), priv_key[8:]
        elif priv is not None:
            self.cipher = AES(priv_key)

    def __repr__(self) -> str:
        return f"Keys({self.hash}, {self.priv})"

    def __reduce__(self) -> str:
        raise TypeError("keys are not pickled")


def stretch(secret: bytes, auth: Auth) -> bytes:
    """Ku: the hash of the pass phrase repeated to one mebibyte."""
    if not secret:
        raise ValueError("an empty pass phrase")
    return hashlib.new(auth.hash, (secret * (EXPANDED // len(secret) + 1))[:EXPANDED]).digest()


@lru_cache(maxsize=256)
def _stretched(secret: Secret, auth: Auth) -> bytes:
    return stretch(secret.reveal().encode(), auth)


def localize(ku: bytes, auth: Auth, engine_id: bytes) -> bytes:
    return hashlib.new(auth.hash, ku + engine_id + ku).digest()


def extend(kul: bytes, auth: Auth, priv: Priv, engine_id: bytes) -> bytes:
    """A localized key made as long as the cipher wants it."""
    while len(kul) < priv.key_size:
        if priv in (Priv.AES192C, Priv.AES256C):
            kul += localize(stretch(kul, auth), auth, engine_id)
        else:
            kul += hashlib.new(auth.hash, kul).digest()
    return kul[: priv.key_size]


def keys_for(user: User, engine_id: bytes) -> Keys | None:
    """``None`` for a user who neither signs nor encrypts."""
    if user.auth is None or user.auth_pass is None:
        return None
    auth_key = localize(_stretched(user.auth_pass, user.auth), user.auth, engine_id)
    if user.priv is None or user.priv_pass is None:
        return Keys(user.auth, auth_key)
    kul = localize(_stretched(user.priv_pass, user.auth), user.auth, engine_id)
    return Keys(user.auth, auth_key, user.priv, extend(kul, user.auth, user.priv, engine_id))


def digest(keys: Keys, message: bytes) -> bytes:
    return hmac.digest(keys.auth_key, message, keys.hash)[: keys.digest_size]


def encrypt(keys: Keys, boots: int, time: int, salt: bytes, plain: bytes) -> bytes:
    """``salt`` is eight octets, never used twice with one key; it travels in the clear."""
    if keys.pre_iv:
        plain += bytes(-len(plain) % 8)
    encryptor = _cipher(keys, boots, time, salt).encryptor()
    return encryptor.update(plain) + encryptor.finalize()


def decrypt(keys: Keys, boots: int, time: int, salt: bytes, secret: bytes) -> bytes:
    """The plain octets (with DES padded to eight). Whether they make sense is for the parser to see."""
    if len(salt) != 8:
        raise BerError("privacy parameters of other than eight octets")
    if keys.pre_iv and len(secret) % 8:
        raise BerError("ciphertext that is no multiple of eight octets")
    decryptor = _cipher(keys, boots, time, salt).decryptor()
    return decryptor.update(secret) + decryptor.finalize()


def _cipher(keys: Keys, boots: int, time: int, salt: bytes) -> Cipher[CFB] | Cipher[CBC]:
    if keys.cipher is None:
        raise ValueError("a user without privacy")
    if keys.pre_iv:
        return Cipher(keys.cipher, CBC(bytes(map(xor, salt, keys.pre_iv))))
    return Cipher(keys.cipher, CFB(boots.to_bytes(4, "big") + time.to_bytes(4, "big") + salt))
