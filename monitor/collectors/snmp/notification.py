"""Notifications of v1, v2c and v3 as they come off the wire: read, and where v3 is concerned, believed.

In a v3 trap the sender is authoritative: its engine, boots and time count, and we can only remember them. In
an inform we are: the sender must have discovered our engine, and asks for it when it has not (RFC 3414
section 3.2, RFC 3412 section 7.1).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.collectors.snmp import ber, keys, usm, v3
from monitor.collectors.snmp.ber import BerError, Value
from monitor.collectors.snmp.messages import Pdu, PduType, Version, read_community, read_pdu, read_version

_SYS_UP_TIME = ber.oid("1.3.6.1.2.1.1.3.0")
_TRAP_OID = ber.oid("1.3.6.1.6.3.1.1.4.1.0")
_STANDARD = "1.3.6.1.6.3.1.1.5."
_ENTERPRISE_SPECIFIC = 6
_MAX_BINDINGS = 200
_MAX_ENGINES = 20_000


@dataclass(frozen=True, slots=True)
class Notification:
    oid: bytes
    bindings: dict[bytes, Value]
    reply: bytes | None = None
    """What to send back: the acknowledgement of an inform."""


class Refused(Exception):
    """Not believed. ``why`` is one of few words, to be counted; ``reply`` a report for the sender, if any."""

    def __init__(self, why: str, reply: bytes | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.reply = reply


class Reader:
    """Knows the communities and users that notifications may come under, and our own engine."""

    def __init__(
        self, communities: Sequence[bytes], users: Sequence[keys.User], engine_id: bytes, boots: int
    ) -> None:
        self._communities = frozenset(communities)
        self._users = {user.name: user for user in users}
        self._engine_id = engine_id
        self._boots = boots
        self._keys: OrderedDict[tuple[bytes, bytes], keys.Keys | None] = OrderedDict()
        self._heard: OrderedDict[bytes, tuple[int, int, float]] = OrderedDict()
        """Sending engines' boots and time, and when (seconds) they were heard."""

    def succeed(self, old: Reader) -> None:
        """Be the same engine to senders as ``old`` was, and remember the engines that it heard."""
        if self._engine_id == old._engine_id:
            self._boots = old._boots
        self._heard = old._heard

    def read(self, data: bytes, now: float) -> Notification:
        """``now``: seconds since we started. Raises ``BerError`` or ``Refused``."""
        version, at = read_version(data)
        if version == Version.V3:
            return self._read_v3(v3.read_message(data), now)
        if version not in (Version.V1, Version.V2C):
            raise BerError("an unknown version")
        community, at = read_community(data, at)
        if community not in self._communities:
            raise Refused("community")
        if version == Version.V1:
            return _read_v1(data, at)
        pdu = read_pdu(data, at, len(data))
        reply = None
        if pdu.type == PduType.INFORM:
            head = ber.encode_integer(version) + ber.tlv(ber.OCTETS, community)
            reply = ber.tlv(ber.SEQUENCE, head + _acknowledgement(data, pdu))
        return _read_v2(data, pdu, reply)

    # --- v3 ---

    def _read_v3(self, message: v3.Message, now: float) -> Notification:
        ours = message.engine_id == self._engine_id
        if not ours and message.flags & v3.REPORTABLE:  # an inform for an engine that we are not
            raise Refused("discovery", self._report(message, usm.UNKNOWN_ENGINE_ID, now, None))
        user = self._users.get(message.user)
        if user is None:
            raise Refused("user")
        level = v3.AUTH * (user.auth is not None) | v3.PRIV * (user.priv is not None)
        if message.flags & (v3.AUTH | v3.PRIV) != level:
            raise Refused("level")
        secret = self._keys_of(user, message.engine_id)
        if secret is not None:
            if not v3.signed_by(message, secret):
                raise Refused("digest")
            self._check_time(message, ours, now, secret)
        scoped = v3.open_scoped(message, secret)
        if (scoped.pdu.type == PduType.INFORM) != ours:
            raise Refused("pdu")
        reply = None
        if ours:
            pdu = _acknowledgement(scoped.data, scoped.pdu)
            reply = self._build(message, level, user.name, secret, now, pdu, scoped)
        return _read_v2(scoped.data, scoped.pdu, reply)

    def _keys_of(self, user: keys.User, engine_id: bytes) -> keys.Keys | None:
        name = (user.name, engine_id)
        if name not in self._keys:
            self._keys[name] = keys.keys_for(user, engine_id)
            if len(self._keys) > _MAX_ENGINES:
                self._keys.popitem(last=False)
        return self._keys[name]

    def _check_time(self, message: v3.Message, ours: bool, now: float, secret: keys.Keys) -> None:
        if ours:
            if message.boots != self._boots or abs(message.time - now) > usm.WINDOW_S:
                raise Refused("time", self._report(message, usm.NOT_IN_TIME_WINDOW, now, secret))
            return
        boots, time, heard = self._heard.get(message.engine_id, (0, 0, now))
        expected = time + (now - heard)
        if message.boots < boots or (message.boots == boots and message.time < expected - usm.WINDOW_S):
            raise Refused("time")
        if (message.boots, message.time) >= (boots, time):
            self._heard[message.engine_id] = (message.boots, message.time, now)
            if len(self._heard) > _MAX_ENGINES:
                self._heard.popitem(last=False)

    def _report(self, message: v3.Message, counter: bytes, now: float, secret: keys.Keys | None) -> bytes:
        numbers = b"".join(map(ber.encode_integer, (0, 0, 0)))
        binding = ber.tlv(ber.SEQUENCE, ber.tlv(ber.OID, counter) + b"\x41\x01\x01")
        pdu = ber.tlv(PduType.REPORT, numbers + ber.tlv(ber.SEQUENCE, binding))
        return self._build(
            message, v3.AUTH if secret else 0, message.user if secret else b"", secret, now, pdu
        )

    def _build(
        self,
        message: v3.Message,
        level: int,
        user: bytes,
        secret: keys.Keys | None,
        now: float,
        pdu: bytes,
        asked: v3.Scoped | None = None,
    ) -> bytes:
        # The sender's message id makes our salt as unlike any other as that id is.
        salt = message.id.to_bytes(4, "big", signed=True) + int(now * 1000 % (1 << 32)).to_bytes(4, "big")
        context, engine = (asked.name, asked.engine_id) if asked else (b"", None)
        return v3.build(
            message.id,
            level,
            self._engine_id,
            self._boots,
            int(now),
            user,
            secret,
            salt,
            pdu,
            context,
            engine,
        )


def _acknowledgement(data: bytes, pdu: Pdu) -> bytes:
    """The response to an inform: its own bindings again (RFC 3416 section 4.2.7)."""
    numbers = b"".join(map(ber.encode_integer, (pdu.request_id, 0, 0)))
    return ber.tlv(PduType.RESPONSE, numbers + ber.tlv(ber.SEQUENCE, data[pdu.start : pdu.stop]))


def _bindings(data: bytes, start: int, stop: int) -> dict[bytes, Value]:
    names, tags, raws = ber.varbinds(data, start, stop)
    if len(names) > _MAX_BINDINGS:
        raise BerError("too many bindings")
    return {name: ber.decode(tag, raw) for name, tag, raw in zip(names, tags, raws, strict=True)}


def _read_v2(data: bytes, pdu: Pdu, reply: bytes | None) -> Notification:
    if pdu.type not in (PduType.TRAP, PduType.INFORM):
        raise Refused("pdu")
    bindings = _bindings(data, pdu.start, pdu.stop)
    kind = bindings.pop(_TRAP_OID, None)
    if not isinstance(kind, str):
        raise BerError("a notification that does not say which")
    bindings.pop(_SYS_UP_TIME, None)
    return Notification(ber.oid(kind), bindings, reply)


def _read_v1(data: bytes, at: int) -> Notification:
    """RFC 1157 section 4.1.6, named as v2 would (RFC 3584 section 3.1)."""
    start, stop = ber.expect(data, at, len(data), PduType.TRAP_V1)
    if stop != len(data):
        raise BerError("octets after the PDU")
    name_at, start = ber.expect(data, start, stop, ber.OID)
    enterprise = data[name_at:start]
    _, start = ber.expect(data, start, stop, ber.IP_ADDRESS)
    generic, start = ber.read_integer(data, start, stop)
    specific, start = ber.read_integer(data, start, stop)
    _, start = ber.expect(data, start, stop, ber.TIME_TICKS)
    first, last = ber.expect(data, start, stop, ber.SEQUENCE)
    if last != stop or not 0 <= generic <= _ENTERPRISE_SPECIFIC or specific < 0:
        raise BerError("a v1 trap that is not of its form")
    if generic == _ENTERPRISE_SPECIFIC:
        oid = ber.oid(f"{ber.oid_text(enterprise)}.0.{specific}")
    else:
        oid = ber.oid(_STANDARD + str(generic + 1))
    return Notification(oid, _bindings(data, first, last))
