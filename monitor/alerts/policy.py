"""The policy: all that the configuration says about whom to tell, when, and when not to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import Field

from monitor.alerts.incident import Alert
from monitor.alerts.maintenance import MaintenanceSettings
from monitor.alerts.roster import RosterSettings
from monitor.alerts.routes import RouteSettings
from monitor.alerts.service import LevelSettings
from monitor.alerts.suppress import InhibitSettings
from monitor.model import WallMs
from monitor.settings import Duration, Section


class StormSettings(Section):
    """``[storm]``: when very much happens at once, one digest a channel instead of a message an incident."""

    incidents_per_minute: int = Field(default=20, ge=2)
    """More incidents than this in a minute are a storm."""
    digest_every: Duration = 60.0
    """How often the digest of a storm is told."""


@dataclass(frozen=True, slots=True)
class Policy:
    routes: Sequence[RouteSettings]
    receivers: Mapping[str, Sequence[str]]
    """Receiver → channels, for receivers that are a list of channels."""
    rosters: Mapping[str, RosterSettings] = field(default_factory=dict)
    """Receiver → roster, for receivers that are whoever is on duty."""
    inhibits: Sequence[InhibitSettings] = ()
    maintenance: Sequence[MaintenanceSettings] = ()
    levels: Sequence[LevelSettings] = ()
    storm: StormSettings = field(default_factory=StormSettings)

    def channels(self, receivers: Iterable[str], at: WallMs) -> list[str]:
        """The channels of these receivers at that moment, each once."""
        found: dict[str, None] = {}
        for name in receivers:
            roster = self.rosters.get(name)
            member = roster.on_duty(at) if roster is not None else name
            found.update(dict.fromkeys(self.receivers.get(member, ())))
        return list(found)

    def level_of(self, alerts: Iterable[Alert]) -> LevelSettings | None:
        """The level of an incident of these alerts: the first that any of them matches."""
        labels = [alert.all_labels() for alert in alerts]
        return next((level for level in self.levels if any(map(level.match.matches, labels))), None)

    def graver(self, one: LevelSettings | None, other: LevelSettings | None) -> LevelSettings | None:
        """Whichever of the two stands first in the configuration."""
        return next((level for level in self.levels if level is one or level is other), None)
