"""The v3 message (RFC 3412 section 6) with user-based security parameters (RFC 3414 section 2.4): reading,
building, and the check of the digest. Pure: what to believe is decided in ``usm``.
"""

from __future__ import annotations

from functools import lru_cache
from hmac import compare_digest
from typing import NamedTuple

from monitor.collectors.snmp import ber, keys
from monitor.collectors.snmp.messages import Pdu, read_pdu, read_version

AUTH, PRIV, REPORTABLE = 1, 2, 4
USM = 3
MAX_SIZE = 65507

MAX_BOOTS = 0x7FFFFFFF
_VERSION = ber.encode_integer(3)
_MAX_SIZE = ber.encode_integer(MAX_SIZE)
_MODEL = ber.encode_integer(USM)


class Message(NamedTuple):
    """A v3 message as it came; nothing in it is believed yet."""

    data: bytes
    id: int
    flags: int
    engine_id: bytes
    boots: int
    time: int
    user: bytes
    digest_at: int
    digest_size: int
    salt: bytes
    start: int
    """Where the scoped PDU begins: inside the OCTET STRING when it is encrypted, else at its SEQUENCE."""
    stop: int


class Scoped(NamedTuple):
    """A scoped PDU in the clear. ``data`` is what ``pdu``'s positions count in."""

    data: bytes
    engine_id: bytes
    name: bytes
    pdu: Pdu


def _octets(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    start, stop = ber.expect(data, at, end, ber.OCTETS)
    return data[start:stop], stop


def read_message(data: bytes) -> Message:
    version, at = read_version(data)
    if version != 3:
        raise ber.BerError("not a v3 message")
    end = len(data)
    start, at = ber.expect(data, at, end, ber.SEQUENCE)
    message_id, start = ber.read_integer(data, start, at)
    _, start = ber.read_integer(data, start, at)
    flags, start = _octets(data, start, at)
    model, start = ber.read_integer(data, start, at)
    if len(flags) != 1 or start != at:
        raise ber.BerError("a v3 header that is not of its form")
    if model != USM:
        raise ber.BerError("a security model other than USM")
    start, at = ber.expect(data, at, end, ber.OCTETS)
    start, stop = ber.expect(data, start, at, ber.SEQUENCE)
    if stop != at:
        raise ber.BerError("octets after the security parameters")
    engine_id, start = _octets(data, start, stop)
    boots, start = ber.read_integer(data, start, stop)
    time, start = ber.read_integer(data, start, stop)
    user, start = _octets(data, start, stop)
    digest_at, start = ber.expect(data, start, stop, ber.OCTETS)
    digest_size = start - digest_at
    salt, start = _octets(data, start, stop)
    if start != stop or boots < 0 or time < 0 or len(engine_id) > 32 or len(user) > 32:
        raise ber.BerError("security parameters that are not of their form")
    tag, start, stop = ber.frame(data, at, end)
    if tag != (ber.OCTETS if flags[0] & PRIV else ber.SEQUENCE) or stop != end:
        raise ber.BerError("a scoped PDU that is not of its form")
    if tag == ber.SEQUENCE:
        start = at
    return Message(
        data, message_id, flags[0], engine_id, boots, time, user, digest_at, digest_size, salt, start, stop
    )


def signed_by(message: Message, secret: keys.Keys) -> bool:
    """Is the digest there, of full length, and right? Compared in constant time (RFC 3414 section 6.3.2)."""
    if not message.flags & AUTH or message.digest_size != secret.digest_size:
        return False
    at, data = message.digest_at, message.data
    blank = data[:at] + bytes(message.digest_size) + data[at + message.digest_size :]
    return compare_digest(keys.digest(secret, blank), data[at : at + message.digest_size])


def open_scoped(message: Message, secret: keys.Keys | None) -> Scoped:
    """The scoped PDU, decrypted if need be. Call it only once the digest has been verified."""
    if message.flags & PRIV:
        if secret is None or secret.priv is None:
            raise ber.BerError("encrypted, and there is no key for it")
        plain = keys.decrypt(
            secret, message.boots, message.time, message.salt, message.data[message.start : message.stop]
        )
        return read_scoped(plain, 0, len(plain), padded=bool(secret.pre_iv))
    return read_scoped(message.data, message.start, message.stop)


@lru_cache(maxsize=65536)
def _octets_tlv(content: bytes) -> bytes:
    """For what comes again and again: engines, users, contexts."""
    return ber.tlv(ber.OCTETS, content)


def read_scoped(data: bytes, at: int, end: int, padded: bool = False) -> Scoped:
    start, stop = ber.expect(data, at, end, ber.SEQUENCE)
    if stop != end and not (padded and end - stop < 8):
        raise ber.BerError("octets after the scoped PDU")
    engine_id, start = _octets(data, start, stop)
    name, start = _octets(data, start, stop)
    return Scoped(data, engine_id, name, read_pdu(data, start, stop))


def build(
    message_id: int,
    flags: int,
    engine_id: bytes,
    boots: int,
    time: int,
    user: bytes,
    secret: keys.Keys | None,
    salt: bytes,
    pdu: bytes,
    context: bytes = b"",
    context_engine: bytes | None = None,
) -> bytes:
    """A whole message: ``pdu`` scoped, then encrypted and signed as ``flags`` say. The context is the
    engine's own unless ``context_engine`` names another."""
    tlv, octets = ber.tlv, _octets_tlv
    scope = engine_id if context_engine is None else context_engine
    scoped = tlv(ber.SEQUENCE, octets(scope) + octets(context) + pdu)
    blank = b""
    if flags & AUTH and secret is not None:
        blank = bytes(secret.digest_size)
        if flags & PRIV:
            scoped = tlv(ber.OCTETS, keys.encrypt(secret, boots, time, salt, scoped))
    after = tlv(ber.OCTETS, salt if flags & PRIV else b"")
    parameters = (
        octets(engine_id)
        + ber.encode_integer(boots)
        + ber.encode_integer(time)
        + octets(user)
        + octets(blank)
        + after
    )
    number = b"\x02\x04" + message_id.to_bytes(4, "big", signed=True)
    header = number + _MAX_SIZE + octets(bytes((flags,))) + _MODEL
    whole = tlv(
        ber.SEQUENCE,
        _VERSION + tlv(ber.SEQUENCE, header) + tlv(ber.OCTETS, tlv(ber.SEQUENCE, parameters)) + scoped,
    )
    if not blank or secret is None:
        return whole
    at = len(whole) - len(scoped) - len(after) - len(blank)
    return whole[:at] + keys.digest(secret, whole) + whole[at + len(blank) :]
