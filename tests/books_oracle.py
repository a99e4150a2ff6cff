"""The contract's figures a second time, naively: second by second, from docs/contract.md alone.

Shares no code with ``monitor.books``; slow, and plain enough to be checked by eye.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass
class Member:
    device: str
    since_ms: int
    until_ms: int | None
    site: str
    area: str
    key_site: bool
    feeder: str


@dataclass
class Change:
    device: str
    at_ms: int
    state: str


@dataclass
class Excluded:
    reach: str
    name: str
    since_s: int
    until_s: int
    cause: str
    confirmed_by: str


@dataclass
class Facts:
    """In the order in which they were written."""

    runs: list[tuple[int, int]] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    exclusions: list[Excluded] = field(default_factory=list)


@dataclass
class DeviceSecond:
    """What one second of one device in service is."""

    member: Member
    standing: str
    excluded: bool


def in_period(second: int, length: str, day: date, zone: ZoneInfo) -> bool:
    local = datetime.fromtimestamp(second, zone).date()
    if length == "day":
        return local == day
    if length == "week":
        return local - timedelta(days=local.weekday()) == day - timedelta(days=day.weekday())
    if length == "month":
        return (local.year, local.month) == (day.year, day.month)
    return (local.year, (local.month - 1) // 3) == (day.year, (day.month - 1) // 3)


def member_in(facts: Facts, device: str, second: int) -> Member | None:
    no_earlier = 0
    for member in facts.members:
        if member.device != device:
            continue
        begins = max(member.since_ms // 1000, no_earlier)
        if begins <= second and (member.until_ms is None or second < member.until_ms // 1000):
            return member
        if member.until_ms is not None:
            no_earlier = max(no_earlier, member.until_ms // 1000)
    return None


def standing_in(facts: Facts, device: str, second: int) -> str:
    if not any(start // 1000 <= second < alive // 1000 for start, alive in facts.runs):
        return "unmeasured"
    state, state_at = "unknown", -1
    for change in facts.changes:
        if change.device == device and change.at_ms // 1000 <= second and change.at_ms >= state_at:
            state, state_at = change.state, change.at_ms
    return {"up": "online", "down": "offline", "unreachable": "offline", "unknown": "unmeasured"}[state]


def excluded_in(facts: Facts, member: Member, second: int) -> bool:
    for exclusion in facts.exclusions:
        if not exclusion.since_s <= second < exclusion.until_s:
            continue
        if exclusion.cause == "third_party" and exclusion.confirmed_by == "":
            continue
        names = {
            "all": exclusion.name,
            "area": member.area,
            "site": member.site,
            "feeder": member.feeder,
            "device": member.device,
        }
        if names[exclusion.reach] == exclusion.name:
            return True
    return False


def walk(facts: Facts, seconds: list[int]) -> dict[int, list[DeviceSecond]]:
    """Each second of the period with all devices in service in it."""
    devices = sorted({member.device for member in facts.members})
    found: dict[int, list[DeviceSecond]] = {}
    for second in seconds:
        found[second] = []
        for device in devices:
            member = member_in(facts, device, second)
            if member is not None:
                found[second].append(
                    DeviceSecond(
                        member, standing_in(facts, device, second), excluded_in(facts, member, second)
                    )
                )
    return found


def count(
    walked: dict[int, list[DeviceSecond]], wanted: Callable[[Member], bool]
) -> tuple[int, int, int, int, int, int]:
    """online, offline, unmeasured; then the same, excluded."""
    sums = dict.fromkeys(
        [
            (standing, excluded)
            for excluded in (False, True)
            for standing in ("online", "offline", "unmeasured")
        ],
        0,
    )
    for present in walked.values():
        for one in present:
            if wanted(one.member):
                sums[one.standing, one.excluded] += 1
    return tuple(sums.values())  # type: ignore[return-value]


def momentary(present: list[DeviceSecond], policy: str, exclude: bool) -> tuple[int, int]:
    online = counted = 0
    for one in present:
        if exclude and one.excluded:
            continue
        standing = one.standing
        if standing == "unmeasured":
            if policy == "left_out":
                continue
            standing = policy
        counted += 1
        if standing == "online":
            online += 1
    return online, counted


def breaches(rates: dict[int, tuple[int, int]], line_percent: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for second in sorted(rates):
        online, counted = rates[second]
        if counted and online * 100 < line_percent * counted:
            if found and found[-1][1] == second:
                found[-1] = (found[-1][0], second + 1)
            else:
                found.append((second, second + 1))
    return found
