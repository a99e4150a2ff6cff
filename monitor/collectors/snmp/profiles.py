"""What to ask of a device type, in TOML: one file each, picked by sysObjectID.

A profile is made of scalars and tables; ``use`` takes in those of other files. Files without ``match`` are
building blocks. The same metric always has the same type and unit, whichever profile yields it: ``metrics``
is the one table of all that SNMP can write.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BeforeValidator, Field, PlainSerializer, ValidationError, model_validator
from pydantic_core import ErrorDetails

from monitor.collectors.snmp import ber, expression
from monitor.collectors.snmp.expression import Expression
from monitor.datafiles import ETC
from monitor.problems import ConfigError, Place, Problem, suggest
from monitor.settings import Duration, Section

INSTALLED = Path("/etc/camwatch/snmp")
GENERIC = "generic"
"""The profile of devices that no other matches."""

ValueType = Literal["integer", "float", "boolean", "string"]
S = TypeVar("S", bound=Section)
_NO_FILES: Mapping[str, str] = MappingProxyType({})


class ProfileError(ConfigError):
    """Profiles cannot be used. Each problem names file, place, and what would be right."""


def _oid(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError('an object identifier is text, for example "1.3.6.1.2.1.1.3.0"')
    return ber.oid(value)


OidText = Annotated[bytes, BeforeValidator(_oid), PlainSerializer(ber.oid_text, return_type=str)]


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str | bytes) else value


class FieldSection(Section):
    """One field of a measurement."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    type: ValueType = "float"
    unit: str = ""
    oid: Annotated[tuple[OidText, ...], BeforeValidator(_one_or_more)] = ()
    """Where it is read: a scalar with its ``.0``, or a column. Of several, the first that a row has."""
    expr: Annotated[tuple[str, ...], BeforeValidator(_one_or_more)] = ()
    """Instead of ``oid``: arithmetic over fields of the same row, as "100 * used / size". Of several,
    the first that comes out."""
    rate: bool = False
    """A counter: written as its increase per second."""
    scale: float = 1.0
    """What the device's figure (or the rate) is multiplied by."""
    enum: dict[str, str] = Field(default_factory=dict)
    """For type "string": the words for the device's numbers."""
    true: tuple[int | str, ...] = ()
    """For type "boolean": the numbers or words that mean true."""
    missing: tuple[int, ...] = ()
    """Numbers by which the device says that it has no value."""
    range: tuple[float, float] | None = None
    """The least and the greatest value, in ``unit``, that can be true; what lies outside is no value."""
    hidden: bool = False
    """Read for ``expr`` or ``where`` only, not written."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.oid) == bool(self.expr):
            raise ValueError(f'field "{self.name}" needs exactly one of oid and expr')
        if self.rate and (not self.oid or self.type != "float"):
            raise ValueError(f'field "{self.name}": a rate is read from an oid and is a float')
        if self.expr and self.type != "float":
            raise ValueError(f'field "{self.name}": an expr yields a float')
        if self.enum and self.type != "string":
            raise ValueError(f'field "{self.name}": enum goes with type = "string"')
        if bool(self.true) != (self.type == "boolean"):
            raise ValueError(f'field "{self.name}": type = "boolean" and true = [...] go together')
        if self.range is not None and (
            self.type not in ("integer", "float") or self.range[0] >= self.range[1]
        ):
            raise ValueError(f'field "{self.name}": range is the least and the greatest number')
        if self.scale != 1.0 and self.type != "float":
            raise ValueError(f'field "{self.name}": scale goes with type = "float"')
        _ = self.expressions
        return self

    @cached_property
    def expressions(self) -> tuple[Expression, ...]:
        return tuple(expression.parse(text) for text in self.expr)


class GroupSection(Section):
    """Fields that are read and written together."""

    measurement: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    fields: tuple[FieldSection, ...] = Field(min_length=1)
    every: Duration = 0.0
    """Read no more often than this; by default with every poll."""
    fallback: bool = False
    """Only where no other group yields this measurement (of several fallbacks the first that does): for what
    makers moved to another place."""

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        names = [field.name for field in self.fields]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f'field "{name}" is given twice; alternatives go into one oid list')
        for at, field in enumerate(self.fields):
            for expr in field.expressions:
                for name in sorted(expr.names.difference(names[:at])):
                    raise ValueError(f'field "{field.name}" uses "{name}", which no field before it is')
                for other in self.fields[:at]:
                    if other.name in expr.names and other.type == "string":
                        raise ValueError(
                            f'field "{field.name}" uses "{other.name}", which is text, no number'
                        )
        return self


class ScalarsSection(GroupSection):
    """``[[scalars]]``: single objects, fetched with one GET."""


class TableSection(GroupSection):
    """``[[table]]``: one row of readings per index."""

    index: tuple[str, ...] = ()
    """Names of the tags that hold the index: one for all of it, or one for each sub-identifier."""
    mean: bool = False
    """Instead of ``index``: one reading of each field, the mean over all rows (the cores of a processor)."""
    labels: dict[str, OidText] = Field(default_factory=dict)
    """Further tags and the columns they are read from; read seldom."""
    where: dict[str, tuple[int | str, ...]] = Field(default_factory=dict)
    """Rows are kept only if these fields have one of these values (numbers, or OIDs and texts)."""
    unless: dict[str, tuple[int | str, ...]] = Field(default_factory=dict)
    """Rows are left out if one of these fields has one of these values."""
    discontinuity: OidText | None = None
    """A column that changes when the row's counters were reset."""

    @model_validator(mode="after")
    def _known_where(self) -> Self:
        if bool(self.index) == self.mean:
            raise ValueError("a table needs exactly one of index and mean")
        if self.mean and (self.labels or any(f.type != "float" for f in self.fields if not f.hidden)):
            raise ValueError("a mean is of fields of type float, and has no labels")
        for name in (*self.where, *self.unless):
            if name not in [field.name for field in self.fields]:
                raise ValueError(f'where or unless uses "{name}", which no field is')
        return self


class ProfileSection(Section):
    """One file of ``etc/snmp/``."""

    title: str
    match: tuple[str, ...] = ()
    """sysObjectID and all below it. The longest match wins."""
    use: tuple[str, ...] = ()
    """File names (without .toml) whose scalars and tables belong to this profile too."""
    scalars: tuple[ScalarsSection, ...] = ()
    table: tuple[TableSection, ...] = ()

    @model_validator(mode="after")
    def _match_is_oid(self) -> Self:
        for text in self.match:
            ber.oid(text)
        return self


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile with all that it uses."""

    name: str
    title: str
    scalars: tuple[ScalarsSection, ...]
    tables: tuple[TableSection, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of the table of all that profiles write."""

    measurement: str
    field: str
    type: ValueType
    unit: str
    tags: tuple[str, ...]
    profiles: tuple[str, ...]


class Profiles:
    """All files of a folder, checked against each other."""

    def __init__(self, sections: Mapping[str, ProfileSection], files: Mapping[str, str] = _NO_FILES) -> None:
        """Raises ``ProfileError`` with all that they say against each other. ``files``: the names of the
        files for messages, by profile."""
        self._sections = sections
        self._files = files
        self._profiles: dict[str, Profile] = {}
        self._problems: list[Problem] = []
        owners: dict[str, str] = {}
        for name, section in sections.items():
            self._profiles[name] = self._gather(name, ())
            for at, text in enumerate(section.match):
                match = text.strip(".")
                owner = owners.setdefault(match, name)
                if owner != name:
                    taken = f"{match} is matched by {self._file(owner)} already"
                    self._fault(name, f"match[{at + 1}]", taken, "one of the two must be more exact")
        self._matches = sorted(owners.items(), key=lambda pair: -pair[0].count("."))
        self.metrics = self._table()
        if self._problems:
            raise ProfileError(self._problems)

    def _file(self, name: str) -> str:
        return self._files.get(name, f"{name}.toml")

    def _fault(self, name: str, path: str, found: str, right: str = "") -> None:
        problem = Problem(self._file(name), path, found, right)
        if problem not in self._problems:
            self._problems.append(problem)

    def _gather(self, name: str, above: tuple[str, ...]) -> Profile:
        section = self._sections[name]
        scalars: list[ScalarsSection] = []
        tables: list[TableSection] = []
        for at, used in enumerate(section.use):
            if used not in self._sections:
                right = suggest(used, self._sections)
                self._fault(name, f"use[{at + 1}]", f'there is no profile "{used}"', right)
                continue
            if used in (*above, name):
                if used == (*above, name)[0]:  # else it is told of that one
                    chain = " → ".join((*above, name, used))
                    self._fault(name, f"use[{at + 1}]", f"{used} uses itself: {chain}")
                continue
            inner = self._gather(used, (*above, name))
            scalars += [group for group in inner.scalars if group not in scalars]
            tables += [table for table in inner.tables if table not in tables]
        return Profile(name, section.title, (*scalars, *section.scalars), (*tables, *section.table))

    def _table(self) -> tuple[Metric, ...]:
        found: dict[tuple[str, str], Metric] = {}
        for name, section in self._sections.items():
            groups: list[tuple[str, ScalarsSection | TableSection]] = [
                *((f"scalars[{at + 1}]", group) for at, group in enumerate(section.scalars)),
                *((f"table[{at + 1}]", group) for at, group in enumerate(section.table)),
            ]
            for place, group in groups:
                tags = (*group.index, *group.labels) if isinstance(group, TableSection) else ()
                for at, field in enumerate(group.fields):
                    if field.hidden:
                        continue
                    key = (group.measurement, field.name)
                    known = found.get(key)
                    if known is not None and (known.type, known.unit) != (field.type, field.unit):
                        self._fault(
                            name,
                            f"{place}.fields[{at + 1}]",
                            f'{".".join(key)} is {field.type} in "{field.unit}" here, but {known.type} in '
                            f'"{known.unit}" in {self._file(known.profiles[0])}',
                            "one metric has one type and one unit; take another name for one of them",
                        )
                        continue
                    found[key] = Metric(
                        *key,
                        field.type,
                        field.unit,
                        tuple(dict.fromkeys((known.tags if known else ()) + tags)),
                        ((known.profiles if known else ()) + (name,)),
                    )
        return tuple(sorted(found.values(), key=lambda metric: (metric.measurement, metric.field)))

    def __getitem__(self, name: str) -> Profile:
        return self._profiles[name]

    def __contains__(self, name: str) -> bool:
        return name in self._profiles

    def __iter__(self) -> Iterable[Profile]:
        return iter(self._profiles.values())

    def choose(self, object_id: str) -> Profile:
        """The profile whose match is the longest that ``object_id`` (sysObjectID) lies at or under."""
        for match, name in self._matches:
            if object_id == match or object_id.startswith(match + "."):
                return self._profiles[name]
        return self._profiles.get(GENERIC) or Profile(GENERIC, "nothing", (), ())


def folder_of(named: Path) -> Path:
    """The folder that is meant: where nothing is installed, the profiles that came with Camwatch."""
    return ETC / "snmp" if named == INSTALLED and not named.is_dir() else named


def load(*folders: Path) -> Profiles:
    """All ``*.toml`` of the folders; a file of a later folder replaces one of the same name. Raises
    ``ProfileError``, in shorter words than ``camwatch check``, which looks at the same files first."""
    sections: dict[str, ProfileSection] = {}
    files: dict[str, str] = {}
    problems: list[Problem] = []
    for folder in folders:
        for path in sorted(folder_of(folder).glob("*.toml")):
            files[path.stem] = str(path)
            try:
                sections[path.stem] = read_section(ProfileSection, path)
            except ProfileError as error:
                problems += error.problems
    if problems:
        raise ProfileError(problems)
    return Profiles(sections, files)


def read_section(shape: type[S], path: Path) -> S:
    """One file as its section. Raises ``ProfileError``."""
    try:
        return shape.model_validate(tomllib.loads(path.read_text("utf-8")))
    except ValidationError as error:
        raise ProfileError([_complaint(path, detail) for detail in error.errors()]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError([Problem(str(path), "", f"not TOML: {error}")]) from error
    except OSError as error:
        raise ProfileError([Problem(str(path), "", f"cannot be read: {error.strerror}")]) from error


def _complaint(path: Path, error: ErrorDetails) -> Problem:
    place = Place(str(path)).at(*error["loc"])
    return Problem(place.file, place.path, error["msg"].removeprefix("Value error, "))
