"""Which device is reached through which: unknown parents and cycles."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from monitor.inventory.columns import Field
from monitor.model import Device, DeviceId, Kind
from monitor.problems import Findings, Place, did_you_mean

NAMED_ROWS = 10
"""So many rows of one fault are named; the others are counted."""
SUGGESTED = 50
"""So many unknown parents get a "did you mean": comparing with a whole fleet takes long."""


class HasPlace(Protocol):
    def place(self, field: Field | None = None) -> Place: ...


class _Child(NamedTuple):
    """Who names a parent; ``None`` where the row has no id that could be kept."""

    id: DeviceId | None
    origin: HasPlace


def check_parents(
    devices: Mapping[DeviceId, Device],
    origins: Mapping[DeviceId, HasPlace],
    mentioned: Collection[str],
    refused: Iterable[tuple[DeviceId, HasPlace]],
    findings: Findings,
    *,
    whole: bool,
) -> None:
    """``mentioned`` are ids of rows that were refused, ``whole`` tells that no others are missing: a fault
    is told once, where it is, and not again at all that refers to it. ``refused``: the parents that such
    rows name."""
    unknown: dict[DeviceId, list[_Child]] = {}

    def is_lost(parent: DeviceId) -> bool:
        return whole and parent not in devices and parent not in mentioned

    for device in devices.values():
        for parent in device.parents:
            if is_lost(parent):
                unknown.setdefault(parent, []).append(_Child(device.id, origins[device.id]))
    for parent, origin in refused:
        if is_lost(parent):
            unknown.setdefault(parent, []).append(_Child(None, origin))
    if unknown:
        _tell_unknown(unknown, devices, findings)
    for cycle in cycles(devices):
        path = " → ".join((*cycle, cycle[0]))
        others = ", ".join(str(origins[id_].place()) for id_ in cycle[1 : NAMED_ROWS + 1])
        findings.error(
            origins[cycle[0]].place(Field.PARENTS),
            f"the parents run in a circle: {path}" + (f" ({others})" if others else ""),
            "a device cannot be reached through itself",
        )


def _tell_unknown(
    unknown: Mapping[DeviceId, list[_Child]], devices: Mapping[DeviceId, Device], findings: Findings
) -> None:
    likely = [device.id for device in devices.values() if device.kind is not Kind.CAMERA]
    likely = likely or list(devices)[:5000]
    names = {device.name: device.id for device in devices.values()}
    addresses = {device.address: device.id for device in devices.values()}
    for number, (parent, children) in enumerate(unknown.items()):
        by_id = names.get(parent) or addresses.get(parent)
        if by_id is not None:
            right = f'a parent is named by its id: write "{by_id}"'
        else:
            right = (
                did_you_mean(parent, (id_ for id_ in likely if id_ != children[0].id))
                if number < SUGGESTED
                else ""
            )
        found = f'the parent "{parent}" is not in the inventory'
        if len(children) > 1:
            rows = ", ".join(str(child.origin.place()) for child in children[1:NAMED_ROWS])
            rest = len(children) - NAMED_ROWS
            found += f" (also named by {rows}{f' and {rest} more' if rest > 0 else ''})"
        findings.error(children[0].origin.place(Field.PARENTS), found, right)


def cycles(devices: Mapping[DeviceId, Device]) -> Iterator[tuple[DeviceId, ...]]:
    """Circles among the parents, each once, by an iterative depth-first search (fleets are deep at times).

    Circles that share devices may be told one after the other: the next run names what is left.
    """
    done: set[DeviceId] = set()
    for start in devices:
        if start in done or not devices[start].parents:
            continue
        trail: list[DeviceId] = [start]
        on_trail = {start}
        ways = [iter(devices[start].parents)]
        while ways:
            step = next(ways[-1], None)
            if step is None:
                ways.pop()
                left = trail.pop()
                on_trail.discard(left)
                done.add(left)
            elif step in on_trail:
                yield tuple(trail[trail.index(step) :])
            elif step not in done and step in devices:
                trail.append(step)
                on_trail.add(step)
                ways.append(iter(devices[step].parents))
