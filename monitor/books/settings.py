"""``[contract]``: what the maintenance contract asks for, and who its parties are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from monitor.books.service import Deadlines
from monitor.books.tally import Unmeasured, basis_points
from monitor.settings import Duration, Section


def _percent(value: float) -> float:
    basis_points(str(value))
    return value


def _time_of_day(value: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise ValueError(f'not a time of day: "{value}"; write for example "09:30"')
    return value


Percent = Annotated[float, AfterValidator(_percent)]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]


class ContractSettings(Section):
    """What the maintenance contract asks for; reports measure against it."""

    customer: str = ""
    """The customer's name, for the signature block."""
    provider: str = ""
    """The maintenance company's name, for the signature block."""
    online_rate: Percent = 96.0
    """Cameras on line, percent: not below."""
    key_site_rate: Percent = 100.0
    """Cameras at key sites on line, percent: not below."""
    unmeasured: Unmeasured = Unmeasured.LEFT_OUT
    """What becomes of time that was not measured."""
    sample_at: tuple[TimeOfDay, ...] = ("10:00", "15:00")
    """The times of day at which the momentary rate is sampled, as inspectors do."""
    respond: Duration = 3600.0
    """Repair begins within this time after a fault was found, where no ``[[level]]`` says otherwise."""
    repair: Duration = 86400.0
    """Repaired within this time after a fault was found, where no ``[[level]]`` says otherwise."""
    proof: Duration = 1800.0
    """What was repaired is verified by check once its devices have been seen on line for this long without a
    gap, and nothing of it has come back. "0s": only people verify (``camwatch verify``)."""
    recurring_faults: int = Field(default=3, ge=2, le=100)
    """So many own faults of one device within ``recurring_within`` make a problem."""
    recurring_within: Duration = 2592000.0
    """See ``recurring_faults``."""
    font: Path | None = None
    """A font with Chinese characters for PDF reports; by default one is looked for."""

    @property
    def line_bp(self) -> int:
        return basis_points(str(self.online_rate))

    @property
    def key_line_bp(self) -> int:
        return basis_points(str(self.key_site_rate))

    @property
    def sample_times(self) -> tuple[time, ...]:
        return tuple(time.fromisoformat(text) for text in self.sample_at)


@dataclass(frozen=True, slots=True)
class Terms:
    """The contract with its service levels."""

    contract: ContractSettings = field(default_factory=ContractSettings)
    levels: Mapping[str, Deadlines] = field(default_factory=dict)

    def deadlines(self, level: str) -> Deadlines:
        general = Deadlines(int(self.contract.respond), int(self.contract.repair))
        return self.levels.get(level, general)
