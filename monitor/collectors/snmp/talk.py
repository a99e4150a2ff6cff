"""Conversations with one agent, as generators that yield requests and are sent replies: no I/O here.

Whoever drives one (``engine``, a test, the aiosnmp engine) sends back the ``Reply`` or throws ``SnmpError``.
Every conversation ends by itself: each step of a walk either moves a column forward, ends one, or makes the
next request smaller, and rows are bounded.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import gt
from typing import TypeVar

from monitor.collectors.snmp import ber
from monitor.collectors.snmp.messages import ErrorStatus, PduType, ProtocolError, Reply, Request, SnmpError
from monitor.model import Reason

T = TypeVar("T")
Talk = Generator[Request, Reply, T]

MAX_WIDTH = 10
"""Columns asked for in one request: what small agents still answer."""

_EXCEPTION = ber.Missing.NO_SUCH_OBJECT.value
_OK, _TOO_BIG = int(ErrorStatus.NO_ERROR), int(ErrorStatus.TOO_BIG)


@dataclass(slots=True)
class Limits:
    """What one agent can take. ``bindings`` shrinks when the agent says tooBig, and stays so."""

    bulk: bool = True
    """False for v1, which has no GETBULK."""
    bindings: int = 60
    """Values wanted in one reply: about what fits an Ethernet frame, so that replies are not fragmented."""
    max_rows: int = 20_000


def get_all(request: Request) -> Talk[Reply]:
    """The values of ``request``'s names, in their order; what the agent cannot give has a ``Missing`` tag.

    v1 refuses a whole request for one unknown name, and small agents say tooBig: the rest is asked again.
    """
    reply = yield request
    if reply.status == _OK:
        if reply.names is not request.names and tuple(reply.names) != request.names:
            raise ProtocolError("the reply names other objects than were asked for")
        return reply
    return (yield from _get_rest(request, reply))


def _get_rest(request: Request, reply: Reply) -> Talk[Reply]:
    names = request.names
    if reply.status == _TOO_BIG:
        if len(names) == 1:
            return Reply(0, 0, list(names), [ber.Missing.TOO_BIG.value], [b""])
        half = len(names) // 2
        first = yield from get_all(Request(PduType.GET, names[:half]))
        second = yield from get_all(Request(PduType.GET, names[half:]))
        return Reply(0, 0, list(names), first.tags + second.tags, first.raws + second.raws)
    missing = _blamed(reply, len(names))
    at = reply.error_index - 1
    tags: list[int] = []
    raws: list[bytes] = []
    if len(names) > 1:
        rest = yield from get_all(Request(PduType.GET, names[:at] + names[at + 1 :]))
        tags, raws = rest.tags, rest.raws
    return Reply(0, 0, list(names), [*tags[:at], missing.value, *tags[at:]], [*raws[:at], b"", *raws[at:]])


def _blamed(reply: Reply, asked: int) -> ber.Missing:
    """Why the name at ``reply.error_index`` has no value; an error that is not about one name is raised."""
    if reply.status == ErrorStatus.AUTHORIZATION_ERROR:
        raise SnmpError(Reason.AUTH, "the agent denies access (authorizationError)")
    if reply.status == ErrorStatus.RESOURCE_UNAVAILABLE:
        raise SnmpError(Reason.BUSY, "the agent is out of resources (resourceUnavailable)")
    if reply.status not in (ErrorStatus.NO_SUCH_NAME, ErrorStatus.GEN_ERR, ErrorStatus.NO_ACCESS):
        raise ProtocolError(f"error status {reply.status} in answer to a read")
    if not 1 <= reply.error_index <= asked:
        raise ProtocolError(f"error index {reply.error_index} of {asked}")
    return ber.Missing.GEN_ERR if reply.status == ErrorStatus.GEN_ERR else ber.Missing.NO_SUCH_NAME


@dataclass(slots=True)
class Column:
    """One column as it was walked: index octets, tags and contents in three lists of one length."""

    prefix: bytes
    indexes: list[bytes] = field(default_factory=list)
    tags: list[int] = field(default_factory=list)
    raws: list[bytes] = field(default_factory=list)

    def values(self) -> list[ber.Value]:
        return ber.decode_all(self.tags, self.raws)

    def take(self, names: Sequence[bytes], tags: list[int], raws: list[bytes], max_rows: int) -> bool:
        """Add what a reply says of this column; False when the column has ended."""
        prefix = self.prefix
        size = len(prefix)
        going_on = True
        before = prefix + self.indexes[-1] if self.indexes else prefix
        if max(tags) >= _EXCEPTION or not names[-1].startswith(prefix):
            end = _end(names, tags, prefix)
            last = names[end - 1] if end else before
            if tags[end] < _EXCEPTION and not ber.after(names[end], last):
                raise ProtocolError("the walk does not increase")
            if not end:
                return False
            names, tags, raws = names[:end], tags[:end], raws[:end]
            going_on = False
        if b"".join(names).isascii():
            # Every octet is a sub-identifier: octets sort as OIDs do, and what lies between two names under
            # the prefix lies under it too.
            good = names[0] > before and all(map(gt, names[1:], names)) and names[0].startswith(prefix)
            indexes = [name[size:] for name in names]
        else:
            indexes = [name[size:] for name in names if name.startswith(prefix)]
            keys = [ber.index(before[size:]), *map(ber.index, indexes)]
            good = len(indexes) == len(names) and all(map(gt, keys[1:], keys))
        if not good:
            raise ProtocolError("the walk does not increase")
        self.indexes += indexes
        self.tags += tags
        self.raws += raws
        if len(self.indexes) > max_rows:
            raise SnmpError(Reason.OVERSIZE, f"a table of more than {max_rows} rows")
        return going_on


def _end(names: Sequence[bytes], tags: list[int], prefix: bytes) -> int:
    """Where in a reply the column ends."""
    last = len(names) - 1
    # Nearly always only the last row is beyond it. If one before is too, the walk does not increase.
    if last > 0 and names[last - 1].startswith(prefix) and max(tags[:last]) < _EXCEPTION:
        return last
    return next(
        at
        for at, (name, tag) in enumerate(zip(names, tags, strict=True))
        if not name.startswith(prefix) or tag >= _EXCEPTION
    )


def walk_table(prefixes: Sequence[bytes], limits: Limits, rows_hint: int = 0) -> Talk[list[Column]]:
    """The columns under ``prefixes``, each walked to its end. ``rows_hint`` is how many rows are likely, so
    that the last request asks no further than the end."""
    columns = [Column(prefix) for prefix in prefixes]
    # Whole columns at a time where they fit: fewer names to send, and few values asked for past the end.
    width = min(max(1, limits.bindings // (rows_hint + 1)), MAX_WIDTH)
    for first in range(0, len(columns), width):
        yield from _walk_group(columns[first : first + width], limits, rows_hint)
    return columns


def _walk_group(columns: list[Column], limits: Limits, rows_hint: int) -> Talk[None]:
    live = columns
    width = len(columns)
    while live:
        asked = live[:width]
        names = tuple(
            [column.prefix + column.indexes[-1] if column.indexes else column.prefix for column in asked]
        )
        if limits.bulk:
            repetitions = _repetitions(limits.bindings // len(asked), rows_hint, len(asked[0].indexes))
            reply = yield _request(PduType.GET_BULK, names, repetitions)
        else:
            repetitions = 1
            reply = yield _request(PduType.GET_NEXT, names, 0)
        if reply.status == _TOO_BIG:
            if repetitions > 1:
                limits.bindings = repetitions * len(asked) // 2
            elif len(asked) > 1:
                width = len(asked) // 2
            else:
                raise SnmpError(Reason.OVERSIZE, "one value does not fit the agent's message (tooBig)")
            continue
        if reply.status != _OK:
            if _blamed(reply, len(asked)) is ber.Missing.GEN_ERR:
                raise SnmpError(Reason.UNEXPECTED, "the agent failed to read its own table (genErr)")
            ended = asked[reply.error_index - 1]  # v1: there is no next name
            live = [column for column in live if column is not ended]
            continue
        count = len(reply.names)
        if count == 0:
            raise ProtocolError("an empty reply in mid-walk")
        if count > repetitions * len(asked):
            raise ProtocolError("more bindings than were asked for")
        over = _deal(asked, reply, limits.max_rows)
        if over:
            live = [column for column in live if all(column is not other for other in over)]


@lru_cache(maxsize=8192)
def _request(pdu: PduType, names: tuple[bytes, ...], repetitions: int) -> Request:
    """Made once for all agents that are asked the same: whole fleets are."""
    return Request(pdu, names, repetitions)


def _deal(asked: list[Column], reply: Reply, max_rows: int) -> list[Column]:
    """Give each column its part of the reply; those that have ended."""
    names, tags, raws = reply.names, reply.tags, reply.raws
    if len(asked) == 1:
        return [] if asked[0].take(names, tags, raws, max_rows) else asked
    step = len(asked)
    return [
        column
        for at, column in enumerate(asked[: len(names)])
        if not column.take(names[at::step], tags[at::step], raws[at::step], max_rows)
    ]


def _repetitions(most: int, rows_hint: int, have: int) -> int:
    """How many rows to ask for: evenly, so that the likely end and one row more is met exactly."""
    left = rows_hint + 1 - have
    if rows_hint and left > 0 and most > 0:
        rounds = -(-left // most)
        return max(1, -(-left // rounds))
    return max(1, most)
