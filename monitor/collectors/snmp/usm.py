"""What we know of one v3 agent's engine, and what we believe of what it says (RFC 3414 sections 3 and 4).

A session learns the engine's ID, boots and time by itself: the first message to an unknown engine is the
discovery, and the engine room sends the request again when told to. Times that came without a digest are
only used to address the agent; the time window is enforced against authenticated times alone, so a forged
report can make an agent answer late, never make us take an old or foreign value.
"""

from __future__ import annotations

from monitor.collectors.snmp import ber, keys, v3
from monitor.collectors.snmp.messages import PduType, Reply, Request, SnmpError, Version, read_reply
from monitor.collectors.snmp.v3 import AUTH, MAX_BOOTS, PRIV, REPORTABLE, Message, Scoped
from monitor.model import Reason

WINDOW_S = 150
"""RFC 3414 section 2.2.3."""

_STATS = "1.3.6.1.6.3.15.1.1."
NOT_IN_TIME_WINDOW = ber.oid(_STATS + "2.0")
UNKNOWN_ENGINE_ID = ber.oid(_STATS + "4.0")
REFUSALS = {
    ber.oid(_STATS + "1.0"): "the agent does not offer this security level to this user",
    ber.oid(_STATS + "3.0"): "the agent does not know this user",
    ber.oid(_STATS + "5.0"): "the agent finds our digest wrong: another authentication key or protocol",
    ber.oid(_STATS + "6.0"): "the agent cannot decrypt: another privacy key or protocol",
}

_REPORT, _RESPONSE = int(PduType.REPORT), int(PduType.RESPONSE)
_DISCOVERY = Request(PduType.GET, ())


class Distrust(Exception):
    """The message is not to be believed, and is dropped as if it had never come. Says why, in our words."""


class Session:
    """One user at one agent."""

    __slots__ = ("boots", "engine_id", "heard_at", "keys", "level", "salt", "signed", "time", "user")

    version = Version.V3

    def __init__(self, user: keys.User, salt: int) -> None:
        """``salt`` is where the 64-bit count of privacy salts begins: random, so a restart repeats none."""
        self.user = user
        self.level = 0 if user.auth is None else AUTH if user.priv is None else AUTH | PRIV
        self.salt = salt
        self.forget()

    def forget(self) -> None:
        """Discover anew with the next request."""
        self.engine_id = b""
        self.keys: keys.Keys | None = None
        self.boots = 0
        self.time = 0
        self.heard_at = 0.0
        self.signed = False
        """``boots`` and ``time`` came with a valid digest."""

    # --- sending ---

    def encode(self, request: Request, request_id: int, now: float) -> bytes:
        """``request`` to this agent, or the discovery if its engine is not known yet."""
        if not self.engine_id:
            pdu = _DISCOVERY.pdu_bytes(request_id)
            return v3.build(request_id, REPORTABLE, b"", 0, 0, b"", None, b"", pdu)
        salt = b""
        if self.level & PRIV:
            self.salt = (self.salt + 1) & 0xFFFFFFFFFFFFFFFF
            salt = self.salt.to_bytes(8, "big")
            if (
                self.keys is not None and self.keys.pre_iv
            ):  # RFC 3414 section 8.1.1.1: boots, then our own count
                salt = self.boots.to_bytes(4, "big") + salt[4:]
        return v3.build(
            request_id,
            self.level | REPORTABLE,
            self.engine_id,
            self.boots,
            self._time(now),
            self.user.name,
            self.keys,
            salt,
            request.pdu_bytes(request_id),
        )

    def _time(self, now: float) -> int:
        if self.level == 0:
            return 0
        return min(self.time + int(now - self.heard_at), MAX_BOOTS)

    # --- receiving ---

    def receive(self, message: Message, request_id: int, now: float) -> Reply | None:
        """The reply to our request; ``None``: the agent told us what we lacked, send the request again.

        Raises ``Distrust`` for what must be ignored, ``SnmpError`` for a refusal, ``BerError`` for garbage.
        """
        if message.flags & AUTH:
            return self._receive_signed(message, request_id, now)
        if message.flags & PRIV:
            raise Distrust("encrypted but not signed")
        scoped = v3.open_scoped(message, None)
        if scoped.pdu.type == _REPORT:
            self._unsigned_report(message, scoped, now)
            return None
        if self.level or not self.engine_id:
            raise Distrust("an answer below the security level asked for")
        if message.engine_id != self.engine_id or message.user != self.user.name:
            raise Distrust("an answer of another engine or user")
        return self._response(scoped, request_id)

    def _receive_signed(self, message: Message, request_id: int, now: float) -> Reply | None:
        if self.keys is None or message.engine_id != self.engine_id or message.user != self.user.name:
            raise Distrust("an answer of another engine or user")
        if not v3.signed_by(message, self.keys):
            raise Distrust("a digest that is missing or wrong")
        self._check_window(message, now)
        scoped = v3.open_scoped(message, self.keys)
        if scoped.pdu.type == _REPORT:
            if self._reported(scoped) == NOT_IN_TIME_WINDOW:
                return None  # boots and time were taken from the message just now
            raise SnmpError(Reason.AUTH, self._refusal(scoped))
        if message.flags & (AUTH | PRIV) != self.level:
            raise Distrust("an answer below the security level asked for")
        return self._response(scoped, request_id)

    def _check_window(self, message: Message, now: float) -> None:
        """RFC 3414 section 3.2 (7b): newer times are taken, older ones than the window allows are refused."""
        if not self.signed or message.boots > self.boots:
            newer = True
        else:
            newer = message.boots == self.boots and message.time > self.time
            expected = self.time + (now - self.heard_at)
            if message.boots < self.boots or message.time < expected - WINDOW_S:
                raise Distrust("outside the time window")
        if message.boots == MAX_BOOTS:
            raise Distrust("outside the time window")
        if newer:
            self.boots, self.time, self.heard_at, self.signed = message.boots, message.time, now, True

    def _response(self, scoped: Scoped, request_id: int) -> Reply:
        if scoped.engine_id != self.engine_id or scoped.name:
            raise Distrust("an answer from another context")
        if scoped.pdu.type != _RESPONSE or scoped.pdu.request_id != request_id:
            raise Distrust("not a response to our request")
        return read_reply(scoped.data, scoped.pdu)

    def _unsigned_report(self, message: Message, scoped: Scoped, now: float) -> None:
        """Reports that by their nature cannot be signed. They carry no values and start no clock.
        Returns if the engine's ID was learned from it."""
        name = self._reported(scoped)
        if name == UNKNOWN_ENGINE_ID:
            if not 5 <= len(message.engine_id) <= 32:
                raise Distrust("an engine ID of impossible length")
            if message.engine_id == self.engine_id:
                raise Distrust("a report that denies the engine it names")
            self.forget()
            self.engine_id = message.engine_id
            self.keys = keys.keys_for(self.user, self.engine_id)
            self.boots, self.time, self.heard_at = message.boots, message.time, now
            return
        if not self.engine_id:
            raise Distrust("a report other than the engine's ID in answer to the discovery")
        if name == NOT_IN_TIME_WINDOW:
            raise Distrust("a report of time without a digest")
        raise SnmpError(Reason.AUTH, self._refusal(scoped))

    @staticmethod
    def _reported(scoped: Scoped) -> bytes:
        names, _, _ = ber.varbinds(scoped.data, scoped.pdu.start, scoped.pdu.stop)
        if len(names) != 1:
            raise Distrust("a report of other than one counter")
        return names[0]

    def _refusal(self, scoped: Scoped) -> str:
        refusal = REFUSALS.get(self._reported(scoped))
        if refusal is None:
            raise Distrust("a report of an unknown counter")
        return refusal
