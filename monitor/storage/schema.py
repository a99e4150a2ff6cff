"""What the sink writes: one table of measurements, tags and fields, with their fixed types.

docs/metrics.md is printed from it, the encoder takes field types from it, the dashboards may only name what
stands in it. Field types never change once a release has written them: InfluxDB refuses the second type.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import cached_property


class FieldType(StrEnum):
    FLOAT = "float"
    INT = "integer"
    BOOL = "boolean"
    STRING = "string"


class Carries(Enum):
    """Which tags a measurement has besides its own."""

    DEVICE = "device"
    """The tags of the device that was measured (``DEVICE_TAGS``)."""
    OWN = "own"
    """Only those listed: rates, events, our own health."""


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: FieldType
    unit: str
    doc: str
    decimals: int | None = None
    """Digits kept after the point of a float: finer ones are noise that only fills the disk."""
    counter: bool = False
    """Only ever grows (until a restart): take differences."""


@dataclass(frozen=True, slots=True)
class Tag:
    name: str
    doc: str


@dataclass(frozen=True)
class Measurement:
    name: str
    doc: str
    carries: Carries
    tags: tuple[Tag, ...]
    fields: tuple[Field, ...]

    @cached_property
    def by_field(self) -> dict[str, Field]:
        return {field.name: field for field in self.fields}

    @cached_property
    def tag_names(self) -> frozenset[str]:
        own = {tag.name for tag in self.tags}
        return frozenset(own | {tag.name for tag in DEVICE_TAGS} if self.carries is Carries.DEVICE else own)


# This order is also the order in the line: what neighbours share comes first, which makes a compressed
# point 15 % smaller than tags in the order of the alphabet.
DEVICE_TAGS = (
    Tag("kind", "camera, recorder, switch, server, ups or platform"),
    Tag("key_site", "true when the site is a key site (重点部位)"),
    Tag("vendor", "maker; absent when unknown"),
    Tag("model", "type; absent when unknown"),
    Tag("area", "area of the site; absent when unknown"),
    Tag("site", "site; absent when unknown"),
    Tag("device", "device id; the only tag that tells devices apart"),
)


def f(name: str, unit: str, doc: str, decimals: int | None = None, *, counter: bool = False) -> Field:
    return Field(name, FieldType.FLOAT, unit, doc, decimals, counter)


def i(name: str, unit: str, doc: str, *, counter: bool = False) -> Field:
    return Field(name, FieldType.INT, unit, doc, None, counter)


def b(name: str, doc: str) -> Field:
    return Field(name, FieldType.BOOL, "", doc)


def s(name: str, doc: str) -> Field:
    return Field(name, FieldType.STRING, "", doc)


class Schema:
    """The table, looked up by name."""

    def __init__(self, measurements: tuple[Measurement, ...]) -> None:
        self.measurements = measurements
        self._by_name = {row.name: row for row in measurements}
        if len(self._by_name) != len(measurements):
            raise ValueError("a measurement is listed twice")

    @property
    def tags(self) -> frozenset[str]:
        """The names of all tags that measurements have of their own."""
        return frozenset(tag.name for row in self.measurements for tag in row.tags)

    def measurement(self, name: str) -> Measurement | None:
        return self._by_name.get(name)

    def field(self, measurement: str, name: str) -> Field | None:
        row = self._by_name.get(measurement)
        return row.by_field.get(name) if row else None
