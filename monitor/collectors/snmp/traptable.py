"""Which notifications mean what: the table that maps traps to names and readings, in TOML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from monitor.collectors.snmp import ber
from monitor.collectors.snmp.ber import Value
from monitor.collectors.snmp.profiles import OidText, ProfileError, read_section
from monitor.collectors.snmp.values import words
from monitor.datafiles import ETC
from monitor.model import Reading, Tags
from monitor.problems import Problem
from monitor.settings import Duration, Section

INSTALLED = Path("/etc/camwatch/snmp-traps.toml")

UNNAMED = "other"
"""The name of notifications that the table does not have; their OID is not made a tag, or a device could
make series without end."""


class TrapSection(Section):
    """One ``[[trap]]``."""

    oid: OidText
    """snmpTrapOID. A v1 trap of an enterprise is ENTERPRISE.0.SPECIFIC (RFC 3584 section 3.1)."""
    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    tags: dict[str, OidText] = Field(default_factory=dict)
    """Tags, and the columns (or scalars) of the notification's bindings that they are read from."""
    readings: dict[str, bool | int | float] = Field(default_factory=dict)
    """Metrics without tags that hold from now on, for example "ups.on_battery" = true."""
    check: bool = True
    """The device is checked at once."""
    alarm: Duration = 0.0
    """For what no check can see: trap.alarm is 1, and 0 again after this long without another."""


class TrapsSection(Section):
    trap: tuple[TrapSection, ...] = ()


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one notification came to."""

    name: str
    readings: tuple[Reading, ...]
    check: bool
    alarm: float = 0.0
    """How many seconds ``trap.alarm`` holds."""


class TrapTable:
    def __init__(self, section: TrapsSection) -> None:
        self._by_oid: dict[bytes, TrapSection] = {}
        for trap in section.trap:
            self._by_oid[trap.oid] = trap

    def meaning(self, oid: bytes, bindings: Mapping[bytes, Value]) -> Meaning:
        trap = self._by_oid.get(oid)
        if trap is None:
            return Meaning(UNNAMED, (Reading("trap.received", 1, (("name", UNNAMED),)),), True)
        tags: list[tuple[str, str]] = [("name", trap.name)]
        for tag, column in trap.tags.items():
            for name, value in bindings.items():
                if name.startswith(column):
                    tags.append((tag, words(value)))
                    break
        kept: Tags = tuple((tag, text) for tag, text in tags if text)
        readings = [Reading("trap.received", 1, kept)]
        readings += [Reading(metric, value) for metric, value in trap.readings.items()]
        return Meaning(trap.name, tuple(readings), trap.check, trap.alarm)


def path_of(named: Path) -> Path:
    """The file that is meant: where nothing is installed, the table that came with Camwatch."""
    return ETC / INSTALLED.name if named == INSTALLED and not named.exists() else named


def faults(section: TrapsSection) -> Iterator[tuple[int, str]]:
    """What the entries say against each other, by their places."""
    seen: set[bytes] = set()
    for at, trap in enumerate(section.trap):
        if trap.oid in seen:
            yield at, f"{ber.oid_text(trap.oid)} is given twice; keep one"
        seen.add(trap.oid)


def load(named: Path) -> TrapTable:
    """Raises ``ProfileError``."""
    path = path_of(named)
    section = read_section(TrapsSection, path)
    problems = [Problem(str(path), f"trap[{at + 1}]", words) for at, words in faults(section)]
    if problems:
        raise ProfileError(problems)
    return TrapTable(section)
