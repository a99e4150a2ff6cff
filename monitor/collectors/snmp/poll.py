"""One poll of one device: who it is, its scalars, its tables; and what is kept until the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from monitor.collectors.snmp import ber, rates
from monitor.collectors.snmp.groups import Group
from monitor.collectors.snmp.messages import ProtocolError, Request, SnmpError, get
from monitor.collectors.snmp.profiles import Profile, Profiles
from monitor.collectors.snmp.talk import Column, Limits, Talk, get_all, walk_table
from monitor.model import Reading, Reason

SYS_OBJECT_ID = ber.oid("1.3.6.1.2.1.1.2.0")
SYS_UP_TIME = ber.oid("1.3.6.1.2.1.1.3.0")
_IDENTIFY = get(SYS_OBJECT_ID)
_MAX_NAMES = 20
"""Objects in one GET: what small agents still answer."""
_RESTARTED_TICKS = 60_000
"""For ten minutes after a restart the device is told as restarted."""

Now = Callable[[], int]
"""Monotonic milliseconds."""


@dataclass(slots=True)
class Memory:
    """What is known of a device between polls."""

    override: str = ""
    """A profile named for the device in the inventory; empty: by sysObjectID."""
    profile: Profile | None = None
    object_id: str = ""
    groups: list[Group] = field(default_factory=list)
    refresh_at: int = 0
    """When labels and the choice of columns are read anew."""
    uptime: rates.Uptime | None = None
    wrapped: bool = False
    """sysUpTime has gone once round: a small value is no restart."""


@dataclass(slots=True)
class Poll:
    """What came of it."""

    readings: list[Reading] = field(default_factory=list)
    trouble: str = ""
    """Which part of the device's answers could not be used; the rest could."""


def poll(memory: Memory, profiles: Profiles, limits: Limits, refresh_ms: int, now: Now) -> Talk[Poll]:
    """Raises ``SnmpError`` only when the device as a whole did not answer as it should."""
    out = Poll()
    refreshing = memory.profile is None or now() >= memory.refresh_at
    if refreshing:
        yield from _identify(memory, profiles)
        memory.refresh_at = now() + refresh_ms
    due = [group for group in memory.groups if refreshing or (group.oids and now() >= group.due_at)]
    scalars = yield from _scalars(due, refreshing)
    renumbered = _note_uptime(memory, scalars.get(SYS_UP_TIME), now())
    if memory.uptime is not None:
        ticks = memory.uptime.ticks
        out.readings.append(Reading("snmp.uptime_s", ticks // 100))
        out.readings.append(Reading("snmp.restarted", ticks < _RESTARTED_TICKS and not memory.wrapped))
    failed = 0
    for group in due:
        learning = refreshing or (renumbered and group.table is not None)
        try:
            if group.table is None:
                columns = [scalars[oid] for oid in (group.wanted() if learning else group.oids)]
            else:
                columns = yield from _walk(group, limits, learning)
            if learning:
                group.learn(columns)
                if group.section.fallback and _yielded(group, memory.groups):
                    group.oids = ()
            readings, strangers = group.take([c for c in columns if c.prefix in group.oids], now())
        except (SnmpError, ber.BerError) as error:
            if isinstance(error, SnmpError) and error.reason not in _OF_THE_TABLE:
                raise
            out.trouble = out.trouble or f"{group.section.measurement}: {error}"
            failed += 1
            group.forget_counters()
            continue
        group.due_at = now() + int(group.section.every * 1000)
        out.readings += readings
        if strangers:
            memory.refresh_at = 0
    if failed and failed == len(due):
        raise ProtocolError(out.trouble)
    return out


_OF_THE_TABLE = (Reason.PROTOCOL, Reason.OVERSIZE, Reason.UNEXPECTED)
"""Failures that leave the agent's other objects as good as before."""


def _identify(memory: Memory, profiles: Profiles) -> Talk[None]:
    reply = yield from get_all(_IDENTIFY)
    object_id = reply.value(0)
    memory.object_id = object_id if isinstance(object_id, str) else ""
    profile = profiles[memory.override] if memory.override in profiles else profiles.choose(memory.object_id)
    if profile is not memory.profile:
        memory.profile = profile
        sections = [*profile.scalars, *profile.tables]
        # What may stand in for others is looked at once those have been.
        memory.groups = [Group(section) for section in sorted(sections, key=lambda section: section.fallback)]


def _note_uptime(memory: Memory, column: Column | None, now: int) -> bool:
    """True if the agent has restarted since: counters begin anew, and ports may be numbered anew."""
    before = memory.uptime
    value = column.values()[0] if column is not None and column.indexes else None
    if not isinstance(value, int):
        memory.uptime = None
        return False
    memory.uptime = rates.Uptime(value, now)
    if before is None:
        return False
    if memory.uptime.restarted(before):
        memory.wrapped = False
        for group in memory.groups:
            group.forget_counters()
        return True
    memory.wrapped = memory.wrapped or value < before.ticks
    return False


def _yielded(group: Group, groups: list[Group]) -> bool:
    """Does one before ``group`` yield its measurement already?"""
    measurement = group.section.measurement
    before = groups[: next(at for at, other in enumerate(groups) if other is group)]
    return any(other.section.measurement == measurement and other.yields for other in before)


def _walk(group: Group, limits: Limits, learning: bool) -> Talk[list[Column]]:
    oids = (*group.wanted(), *group.label_columns()) if learning else group.oids
    return (yield from walk_table(tuple(dict.fromkeys(oids)), limits, len(group.rows) or len(group.tags)))


def _scalars(due: list[Group], refreshing: bool) -> Talk[dict[bytes, Column]]:
    """sysUpTime and every due group's scalars, in as few requests as small agents can answer. Scalars come as
    columns of one row without an index, so that groups see one form only."""
    names = [SYS_UP_TIME]
    for group in due:
        if group.table is None:
            names += group.wanted() if refreshing else group.oids
    wanted = tuple(dict.fromkeys(names))
    columns: dict[bytes, Column] = {}
    for at in range(0, len(wanted), _MAX_NAMES):
        reply = yield from get_all(_get(wanted[at : at + _MAX_NAMES]))
        for name, tag, raw in zip(reply.names, reply.tags, reply.raws, strict=True):
            there = tag < ber.Missing.NO_SUCH_OBJECT.value
            columns[name] = Column(name, [b""], [tag], [raw]) if there else Column(name)
    return columns


@lru_cache(maxsize=1024)
def _get(names: tuple[bytes, ...]) -> Request:
    """Shared by all devices that are asked for the same."""
    return get(*names)
