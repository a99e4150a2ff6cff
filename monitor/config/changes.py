"""What a reload changes: devices by their ids, sections by their names. Never a value: some are secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from monitor.config.load import Config
from monitor.model import Device

_MOST = 50
"""Lines of one sort that a person reads; the counts say the rest."""

_BY_RESTART = ("language", "timezone", "base_url", "state_dir", "run_dir", "log", "peer")


@dataclass(frozen=True, slots=True)
class Changes:
    added: int
    """Devices."""
    removed: int
    changed: int
    lines: tuple[str, ...]
    """One thing each: "+ device ID NAME", "- rule NAME", "~ device ID NAME: address"."""
    restart_for: tuple[str, ...]
    """Sections that have changed and are only read at start-up."""


def changes(old: Config, new: Config) -> Changes:
    before, after = old.inventory.devices, new.inventory.devices
    added = [f"+ device {id_} {after[id_].name}" for id_ in after if id_ not in before]
    removed = [f"- device {id_} {before[id_].name}" for id_ in before if id_ not in after]
    changed = [
        f"~ device {id_} {device.name}: {', '.join(_differing(before[id_], device))}"
        for id_, device in after.items()
        if id_ in before and device != before[id_]
    ]
    lines = [*_some(added), *_some(removed), *_some(changed), *_some(list(_sections(old, new)))]
    return Changes(len(added), len(removed), len(changed), tuple(lines), tuple(_by_restart(old, new)))


def _some(lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:_MOST]
    if len(lines) > _MOST:
        yield f"  … and {len(lines) - _MOST} more like the last"


def _differing(one: Device, other: Device) -> Iterator[str]:
    return (f.name for f in fields(Device) if getattr(one, f.name) != getattr(other, f.name))


def _sections(old: Config, new: Config) -> Iterator[str]:
    yield from _of_map("rule", _named(old.rules), _named(new.rules))
    yield from _of_map("channel", old.channels, new.channels)
    one, other = old.policy, new.policy
    yield from _of_map("receiver", one.receivers, other.receivers)
    yield from _of_map("roster", one.rosters, other.rosters)
    yield from _of_map("level", _named(one.levels), _named(other.levels))
    yield from _of_map("maintenance", _named(one.maintenance), _named(other.maintenance))
    yield from _of_map("report", _named(old.reports), _named(new.reports))
    yield from _of_map("key_event", _events(old), _events(new))
    yield from _of_map("checks", old.checks, new.checks)
    yield from _of_map("kind", old.kinds, new.kinds)
    for name in type(old.daemon).model_fields:
        if getattr(old.daemon, name) != getattr(new.daemon, name):
            yield f"~ daemon.{name}"
    for name, was, now in (
        ("route", one.routes, other.routes),
        ("inhibit", one.inhibits, other.inhibits),
        ("storm", one.storm, other.storm),
        *(
            (name, getattr(old, name), getattr(new, name))
            for name in ("states", "health", "contract", "traps")
        ),
        ("remedies", old.remedies, new.remedies),
        ("sink", old.sink, new.sink),
    ):
        if was != now:
            yield f"~ {name}"


def _of_map(sort: str, before: Mapping[Any, Any], after: Mapping[Any, Any]) -> Iterator[str]:
    for sign, names in (
        ("+", [name for name in after if name not in before]),
        ("-", [name for name in before if name not in after]),
        ("~", [name for name in after if name in before and after[name] != before[name]]),
    ):
        yield from (f"{sign} {sort} {name}" for name in names)


def _named(settings: Iterable[Any]) -> dict[str, Any]:
    return {one.name: one for one in settings}


def _events(config: Config) -> dict[str, Any]:
    return {event.settings.name: (event.settings, event.rules) for event in config.key_events}


def _by_restart(old: Config, new: Config) -> Iterator[str]:
    before, after = old.daemon, new.daemon
    yield from (f"daemon.{name}" for name in _BY_RESTART if getattr(before, name) != getattr(after, name))
    if old.sink != new.sink:
        yield "sink"
