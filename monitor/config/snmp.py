"""What SNMP keeps in files of its own: profiles and the table of traps, checked with the configuration.

A profile of the user's own may name metrics that nobody else writes: they become part of the sink's schema
here, with the types that the profile gives them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.collectors.base import CheckSettings
from monitor.config.files import Source, Sources, read_file
from monitor.config.sections import settings
from monitor.config.wording import validate
from monitor.problems import Findings, Place, suggest
from monitor.storage.schema import Carries, Field, FieldType, Measurement, Schema, Tag
from monitor.storage.tables import SCHEMA

if TYPE_CHECKING:
    from monitor.collectors.snmp.profiles import Metric, ProfileSection
    from monitor.collectors.snmp.traps import TrapSettings


@dataclass(frozen=True, slots=True)
class ProfileFiles:
    """What came of reading the profiles."""

    schema: Schema = SCHEMA
    """With what they add."""
    files: tuple[Path, ...] = ()
    checks: dict[str, CheckSettings] = field(default_factory=dict)
    """The settings of the check that uses them: other ones once a file has changed, so that a reload takes
    up what is new."""


def read_profiles(checks: Mapping[str, CheckSettings], sources: Sources, findings: Findings) -> ProfileFiles:
    """Nothing is imported where SNMP is not used."""
    if "snmp" not in checks:
        return ProfileFiles()
    from monitor.collectors.snmp import metrics, profiles
    from monitor.collectors.snmp.collector import SnmpSettings

    chosen = checks["snmp"]
    if not isinstance(chosen, SnmpSettings):
        raise TypeError("the snmp check has settings of another")
    place = next((entry.place.at("snmp") for entry in sources.tables("checks")), Place("checks.snmp"))
    before = findings.errors
    found: dict[str, tuple[Source, ProfileSection]] = {}
    paths: list[Path] = []
    for index, named in enumerate(chosen.profiles):
        folder = profiles.folder_of(named)
        if not folder.is_dir():
            findings.error(place.at("profiles", index), f"there is no folder {shown(named)}")
        for path in sorted(folder.glob("*.toml")):
            paths.append(path)
            source = read_file(path, shown(path), findings)
            if source is not None:
                section = validate(profiles.ProfileSection, source.data, source.place, findings)
                found[path.stem] = (source, section)
    if findings.errors > before:
        return ProfileFiles(SCHEMA, tuple(paths))  # what the others say of these means nothing
    files = {name: source.shown for name, (source, _) in found.items()}
    try:
        whole = profiles.Profiles({name: section for name, (_, section) in found.items()}, files)
    except profiles.ProfileError as error:
        findings.problems += error.problems
        return ProfileFiles(SCHEMA, tuple(paths))
    schema = extended(SCHEMA, metrics.table(whole), files, findings)
    return ProfileFiles(schema, tuple(paths), {"snmp": chosen.of_files(_digest(paths))})


def _digest(paths: Iterable[Path]) -> str:
    """Of the contents; a file that has gone meanwhile counts as empty."""
    sums = sha256()
    for path in paths:
        with suppress(OSError):
            sums.update(sha256(path.read_bytes()).digest())
    return sums.hexdigest()


def extended(
    schema: Schema, metrics: tuple[Metric, ...], files: Mapping[str, str], findings: Findings
) -> Schema:
    """``schema`` and what ``metrics`` add to it: fields, tags and measurements that it does not have."""
    rows = {row.name: row for row in schema.measurements}
    for metric in metrics:
        row = rows.get(metric.measurement) or Measurement(
            metric.measurement, "Of a profile of your own.", Carries.DEVICE, (), ()
        )
        fault = _conflict(row, metric)
        if fault:
            owner = files.get(metric.profiles[-1] if metric.profiles else "", "etc/snmp")
            findings.error(Place(owner), f"{metric.measurement}.{metric.field} {fault}")
            continue
        tags = tuple(Tag(tag, "") for tag in metric.tags if tag not in row.tag_names)
        new = () if metric.field in row.by_field else (metric.field,)
        fields = tuple(Field(name, FieldType(metric.type), metric.unit, "") for name in new)
        if tags or fields:
            rows[row.name] = Measurement(
                row.name, row.doc, row.carries, (*row.tags, *tags), (*row.fields, *fields)
            )
    return Schema(tuple(rows.values()))


def _conflict(row: Measurement, metric: Metric) -> str:
    """Why the sink cannot take this metric; empty if it can."""
    if row.carries is not Carries.DEVICE:
        return f'is measured of no device: "{row.name}" is a name of Camwatch\'s own; take another'
    known = row.by_field.get(metric.field)
    if known is not None and known.type.value != metric.type:
        return (
            f'is {metric.type} here, but the database has it as {known.type.value}; give it type = "'
            f'{known.type.value}" or another name'
        )
    # InfluxDB 3 allows no name to be both.
    if metric.field in row.tag_names or metric.field in metric.tags:
        return "is a field, but a tag is called so too; take another name for one of them"
    if set(metric.tags) & set(row.by_field):
        tag = min(set(metric.tags) & set(row.by_field))
        return f'has a tag "{tag}", which is a field of {row.name}; take another name for the tag'
    return ""


def read_traps(sources: Sources, schema: Schema, findings: Findings) -> TrapSettings | None:
    """``[traps]``, its table looked at too; ``None`` when it is absent, or wrong, which is then noted."""
    entry = sources.single("traps", findings)
    if entry is None:
        return None
    from monitor.collectors.snmp import traptable
    from monitor.collectors.snmp.traps import TrapSettings

    found: TrapSettings | None = settings(TrapSettings, entry, findings)
    if found is None:
        return None
    path = traptable.path_of(found.table)
    source = read_file(path, shown(path), findings)
    if source is None:
        return found
    table: traptable.TrapsSection | None = validate(
        traptable.TrapsSection, source.data, source.place, findings
    )
    if table is not None:
        for at, words in traptable.faults(table):
            findings.error(source.place.at("trap", at), words)
        for at, trap in enumerate(table.trap):
            for metric in trap.readings:
                measurement, _, name = metric.partition(".")
                if schema.field(measurement, name) is None:
                    place = source.place.at("trap", at, "readings", metric)
                    findings.error(place, "there is no such metric", suggest(metric, _metrics(schema)))
    return found.of_files(_digest([path]))


def _metrics(schema: Schema) -> list[str]:
    return [f"{row.name}.{field.name}" for row in schema.measurements for field in row.fields]


def shown(path: Path) -> str:
    """The name of a file for messages: from where we are, if it is below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
