"""What of an installation is worth keeping, by its configuration: for backups.

Reads less strictly than ``load``, and reads no secret: a backup is taken by a timer that may not see any,
and best taken of an installation that is broken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from monitor.config import sections, snmp
from monitor.config.daemon import DaemonSettings
from monitor.config.files import read_sources
from monitor.config.fleet import read_inventory
from monitor.problems import ConfigError, Findings
from monitor.secrets import SecretRef
from monitor.storage.settings import InfluxSettings, NullSinkSettings, SinkSettings
from monitor.storage.tables import SCHEMA


@dataclass(frozen=True, slots=True)
class Layout:
    daemon: DaemonSettings
    spool: Path | None
    """Where the sink keeps what the server could not take yet."""
    files: tuple[Path, ...]
    """The configuration with all that it includes or names, but for secrets. Absolute."""


def layout(path: Path) -> Layout:
    """``ConfigError`` only when not even the main file or ``[daemon]`` can be read."""
    findings = Findings()
    sources = read_sources(path, findings)
    daemon = sections.single("daemon", DaemonSettings, sources, findings)
    if findings.errors or not sources.files:
        raise ConfigError(findings.problems)
    sink: Any = sections.variant("sink", SinkSettings, NullSinkSettings(), sources, findings)
    kinds = sections.kinds(sources, findings)
    _, inventories = read_inventory(sources, kinds, findings)
    checks = sections.checks(sources.named("checks", findings), findings)
    traps = snmp.read_traps(sources, SCHEMA, findings)
    parts = [*checks.values(), *([traps] if traps is not None else [])]
    named = [file for part in parts for place in _paths(part) for file in _files(place)]
    files = dict.fromkeys(file.absolute() for file in (*sources.paths, *inventories, *named))
    return Layout(daemon, sink.spool.path if isinstance(sink, InfluxSettings) else None, tuple(files))


def _paths(value: Any) -> Iterator[Path]:
    """Every path in the settings that does not lead to a secret."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, BaseModel) and not isinstance(value, SecretRef):
        for name in type(value).model_fields:
            yield from _paths(getattr(value, name))
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _paths(part)
    elif isinstance(value, dict):
        yield from _paths(list(value.values()))


def _files(place: Path) -> list[Path]:
    if place.is_dir():
        return sorted(file for file in place.iterdir() if file.is_file())
    return [place] if place.is_file() else []
