"""Routes: which receivers an alert goes to, and how its messages are grouped and paced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from monitor.select import Selector
from monitor.settings import Duration, Section


class RouteSettings(Section):
    """One ``[[route]]``. The first whose ``match`` holds decides how an alert is grouped and paced."""

    match: Selector = Field(default_factory=Selector)
    """Labels of the alert: those of its group or device, and ``rule``, ``severity``, ``cause``."""
    receiver: str
    """Whom to tell: the name of a ``[receiver.NAME]``."""
    group_by: tuple[str, ...] = ("area",)
    """Alerts that agree in these labels and begin close together become one incident."""
    group_wait: Duration = 10.0
    """How long the first message waits for more of the same."""
    group_interval: Duration = 300.0
    """The least time between two messages about one incident; an alert that begins later than this after
    the last one joined opens an incident of its own."""
    repeat_interval: Duration = 4 * 3600.0
    """How often an open, unacknowledged incident is told again."""
    continue_: bool = Field(default=False, alias="continue")
    """Go on to the routes below, and tell their receivers as well."""


@dataclass(frozen=True, slots=True)
class Routing:
    """Where one alert goes: the pacing of the first route that matched, the receivers of all that did."""

    index: int
    route: RouteSettings
    receivers: tuple[str, ...]


def find_route(routes: Sequence[RouteSettings], labels: Mapping[str, str]) -> Routing | None:
    """The routing of an alert with these labels; ``None`` when no route takes it."""
    first: tuple[int, RouteSettings] | None = None
    receivers: list[str] = []
    for index, route in enumerate(routes):
        if not route.match.matches(labels):
            continue
        first = first or (index, route)
        if route.receiver not in receivers:
            receivers.append(route.receiver)
        if not route.continue_:
            break
    return None if first is None else Routing(*first, tuple(receivers))
