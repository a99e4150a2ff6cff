"""Setting one INTEGER at one agent (RFC 3416 section 4.2.5): the only thing that Camwatch ever writes."""

from __future__ import annotations

from monitor.collectors.snmp import ber
from monitor.collectors.snmp.messages import ErrorStatus, PduType, ProtocolError, Request, SnmpError
from monitor.collectors.snmp.talk import Talk
from monitor.model import Reason

_UNCERTAIN = (ErrorStatus.TOO_BIG, ErrorStatus.GEN_ERR, ErrorStatus.UNDO_FAILED)
"""Errors that leave open whether it was done: of undoFailed the standard says so, of the others agents do."""
_DENIED = (ErrorStatus.NO_ACCESS, ErrorStatus.AUTHORIZATION_ERROR)


class SetRefused(SnmpError):
    """The agent says that it did not do it."""


def set_integer(name: bytes, value: int) -> Talk[None]:
    """One request. ``SetRefused``: it was certainly not carried out; any other ``SnmpError`` leaves that
    open. An engine for this must not retry: a request that is lost looks like an answer that is."""
    request = Request(PduType.SET, (name,))
    binding = ber.tlv(ber.SEQUENCE, ber.tlv(ber.OID, name) + ber.encode_integer(value))
    request.bindings = ber.encode_integer(0) * 2 + ber.tlv(ber.SEQUENCE, binding)
    reply = yield request
    if reply.status == ErrorStatus.NO_ERROR:
        if tuple(reply.names) != (name,):
            raise ProtocolError("the answer to a SET names another object")
        return
    try:
        status = ErrorStatus(reply.status)
    except ValueError:
        raise ProtocolError(f"error status {reply.status} in answer to a SET") from None
    words = f"the agent refuses to set it ({_camel(status)})"
    if status in _UNCERTAIN:
        raise SnmpError(Reason.UNEXPECTED, f"the agent failed to set it ({_camel(status)})")
    raise SetRefused(Reason.AUTH if status in _DENIED else Reason.UNEXPECTED, words)


def _camel(status: ErrorStatus) -> str:
    """As the standard writes it: ``notWritable``."""
    first, *others = status.name.lower().split("_")
    return first + "".join(word.capitalize() for word in others)
