"""Times and spans as people say them, in the configured zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from monitor.model import WallMs
from monitor.words import Words


def moment(words: Words, at: WallMs, now: WallMs, zone: tzinfo) -> str:
    """``today 03:12``, ``yesterday 23:50``, ``11-21 03:12``, and with the year when it is another."""
    then, today = _local(at, zone), _local(now, zone)
    clock = f"{then:%H:%M}"
    if then.date() == today.date():
        return words.text("today {time}", time=clock)
    if then.date() == today.date() - timedelta(days=1):
        return words.text("yesterday {time}", time=clock)
    return f"{then:%m-%d} {clock}" if then.year == today.year else f"{then:%Y-%m-%d} {clock}"


def until(words: Words, end: WallMs, start: WallMs, now: WallMs, zone: tzinfo) -> str:
    """The end of a span that began at ``start``: the time alone if it is the same day."""
    if _local(end, zone).date() == _local(start, zone).date():
        return f"{_local(end, zone):%H:%M}"
    return moment(words, end, now, zone)


def full(at: WallMs, zone: tzinfo) -> str:
    return f"{_local(at, zone):%Y-%m-%d %H:%M:%S}"


def span(words: Words, ms: int) -> str:
    """``45 s``, ``28 min``, ``3 h 5 min``, ``2 d 4 h``: two units at most, cut off, never rounded up."""
    seconds = max(0, ms) // 1000
    if seconds < 60:
        return words.text("{s} s", s=seconds)
    minutes = seconds // 60
    if minutes < 60:
        return words.text("{m} min", m=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return words.text("{h} h {m} min", h=hours, m=minutes) if minutes else words.text("{h} h", h=hours)
    days, hours = divmod(hours, 24)
    return words.text("{d} d {h} h", d=days, h=hours) if hours else words.text("{d} d", d=days)


def _local(at: WallMs, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)
