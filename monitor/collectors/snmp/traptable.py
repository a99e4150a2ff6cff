"""Which notifications mean what: the table that maps traps to names and readings, in TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError

from monitor.collectors.snmp import ber
from monitor.collectors.snmp.ber import Value
from monitor.collectors.snmp.profiles import OidText, ProfileError
from monitor.collectors.snmp.values import words
from monitor.model import Reading, Tags
from monitor.settings import Section

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


class TrapsSection(Section):
    trap: tuple[TrapSection, ...] = ()


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one notification came to."""

    name: str
    readings: tuple[Reading, ...]
    check: bool


class TrapTable:
    def __init__(self, section: TrapsSection) -> None:
        self._by_oid: dict[bytes, TrapSection] = {}
        for trap in section.trap:
            if trap.oid in self._by_oid:
                raise ProfileError(f"traps: {ber.oid_text(trap.oid)} is given twice")
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
        return Meaning(trap.name, tuple(readings), trap.check)


def load(path: Path) -> TrapTable:
    """Raises ``ProfileError``."""
    try:
        return TrapTable(TrapsSection.model_validate(tomllib.loads(path.read_text("utf-8"))))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ProfileError(f"{path}: {error}") from error
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror}") from error
