"""The configuration reference, from the settings classes themselves: ``python -m monitor.reference``.

docs/configuration.md is its output; a test holds the two equal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from monitor.alerts.maintenance import MaintenanceSettings
from monitor.alerts.policy import StormSettings
from monitor.alerts.roster import RosterSettings
from monitor.alerts.routes import RouteSettings
from monitor.alerts.service import LevelSettings
from monitor.alerts.suppress import InhibitSettings
from monitor.books.settings import ContractSettings
from monitor.collectors import COLLECTORS, collector_class
from monitor.collectors.snmp.traps import TrapSettings
from monitor.config.daemon import DaemonSettings, KindSettings
from monitor.config.wording import duration_text
from monitor.health.settings import HealthSettings
from monitor.inventory.columns import KIND_WORDS, SYNONYMS
from monitor.inventory.inline import DeviceSettings, SiteSettings
from monitor.key_event import KeyEventSettings
from monitor.model import Kind
from monitor.notifiers.settings import ChannelSettings, ReceiverSettings
from monitor.remedies.attempts import RemedySettings
from monitor.reports.settings import ReportSettings
from monitor.rules import RULES, rule_class
from monitor.secrets import SecretRef
from monitor.select import LABELS, Selector
from monitor.settings import Duration
from monitor.states import StateSettings
from monitor.storage.settings import SinkSettings

_DURATION = get_args(Duration)[1]

_HEAD = """\
# Configuration

Written by `python -m monitor.reference` from the settings classes; do not edit by hand.

The configuration is one TOML file (UTF-8) and what it includes. `camwatch check -c FILE` names every fault
in it, one a line, as `file: path: message`. In a path, `route[2]` is the second `[[route]]` of that file.
An unknown key is an error, so is a name that two files define. Relative names of files start from the file
that they stand in.

**Durations** are text with a unit: `"500ms"`, `"30s"`, `"5m"`, `"1h30m"`, `"2d"`, `"1w"`.

**Selectors** pick devices by their labels: `{ kind = "camera", area = ["East", "West"], key_site = true }`.
All keys must match; a list means any of; `"!x"` means not x; `"~x"` a regular expression that is searched
for; `*` and `?` are wild cards. The labels are LABELS and `tag.NAME`.

**Secrets** are never written in a configuration, only referred to, by exactly one of these keys:
"""

_FILES = """\
## include

```toml
include = ["rules.d/*.toml"]
```

Files read as if they stood here; only the main file may include. They may hold every section; `[daemon]`,
`[states]` and `[sink]` stand in one file only.

## inventory

```toml
inventory = ["inventory/*.csv", "cameras.xlsx"]
```

Lists of devices, one a row: CSV (UTF-8 with or without BOM, or GB18030) and XLSX (each visible sheet with
headings). Titles above the headings do no harm: the headings are looked for in the first ten rows. The
columns `id`, `name` and `address` are needed. A column that is not known is left out with a warning.

| column | headings understood |
|---|---|
"""

_CELLS = """
Headings are understood whatever their case, width and blanks, and whatever follows in parentheses.

- `id`: 20-digit GB/T 28181 codes are text: in a spreadsheet, give the column the format Text. A code that
  has become a number has lost its last digits and is refused.
- `kind`: empty means camera. KINDS
- `key_site`: 是/否, yes/no, true/false, 1/0, √/×.
- `parents`, `checks`, `liveness`: several are separated by `;` or `、`.
- `tags`: `street=Nanjing Road;rainproof`; a tag without a value is `true`.
- `longitude`, `latitude`: decimal degrees.
- `-`, `/` and `无` are read as empty.
"""


def reference() -> str:
    """The whole document."""
    return "\n".join(_parts()).rstrip() + "\n"


def _parts() -> Iterator[str]:
    yield _HEAD.replace("LABELS", ", ".join(f"`{label}`" for label in LABELS))
    yield _table(SecretRef)
    yield _FILES + "\n".join(
        f"| `{field}` | {', '.join(names.split())} |" for field, names in SYNONYMS.items()
    )
    yield _CELLS.replace("KINDS", _kind_words())
    yield from _section("[daemon]", DaemonSettings)
    yield from _section("[states]", StateSettings)
    for check in COLLECTORS:
        yield from _section(f"[checks.{check}]", collector_class(check).Settings)
    yield from _section("[kind.NAME]", KindSettings, f"NAME is one of {', '.join(Kind)}.")
    yield from _section("[[site]]", SiteSettings)
    yield from _section("[[device]]", DeviceSettings)
    for sort in RULES:
        yield from _section(f'[[rule]] of type "{sort}"', rule_class(sort).Settings)
    yield from _section("[[route]]", RouteSettings)
    yield from _section("[receiver.NAME]", ReceiverSettings)
    yield from _section("[roster.NAME]", RosterSettings)
    yield from _section("[[level]]", LevelSettings)
    yield from _section("[[inhibit]]", InhibitSettings)
    yield from _section("[[maintenance]]", MaintenanceSettings)
    yield from _section("[storm]", StormSettings)
    yield from _section("[channel.NAME]", ChannelSettings)
    for sink in get_args(get_args(SinkSettings)[0]):
        sort = get_args(sink.model_fields["type"].annotation)[0]
        yield from _section(f'[sink] of type "{sort}"', sink)
    yield from _section("[traps]", TrapSettings)
    yield from _section("[health]", HealthSettings)
    yield from _section("[contract]", ContractSettings)
    yield from _section("[remedies]", RemedySettings)
    yield from _section("[[report]]", ReportSettings)
    yield from _section("[[key_event]]", KeyEventSettings)


def _kind_words() -> str:
    words = (
        f"{kind} ({', '.join(word for word, its in KIND_WORDS.items() if its is kind and word != kind)})"
        for kind in Kind
    )
    return "Words: " + "; ".join(words) + "."


def _section(title: str, shape: type[BaseModel], more: str = "") -> Iterator[str]:
    yield f"## {title}\n"
    # Not inspect.getdoc: a class without a docstring of its own would show its base's.
    text = _plain(shape.__dict__.get("__doc__") or "")
    if text and text != f"`{title}`":
        yield text + "\n"
    if more:
        yield more + "\n"
    yield _table(shape)
    for name, field in shape.model_fields.items():
        inner = _model_of(field.annotation)
        if inner is not None and inner is not SecretRef:
            yield from _section(f"{title.partition(']')[0]}.{name}]", inner)


def _table(shape: type[BaseModel]) -> str:
    lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for name, field in shape.model_fields.items():
        if _model_of(field.annotation) not in (None, SecretRef):
            continue
        meaning = _plain(field.description or "").replace("\n", " ").replace("|", "\\|")
        value = _value(field).replace("|", "\\|")
        lines.append(f"| `{field.alias or name}` | {value} | {_default(field)} | {meaning} |")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().replace("``", "`").splitlines())


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """The section that a key is a table of."""
    models = [
        part
        for part in (annotation, *get_args(annotation))
        if isinstance(part, type) and issubclass(part, BaseModel)
    ]
    return models[0] if models and get_origin(annotation) in (None, Union, UnionType) else None


def _value(field: FieldInfo) -> str:
    if _DURATION in field.metadata:
        return ", ".join(["duration", *_bounds(field.metadata, duration_text)])
    return ", ".join([_words(field.annotation), *_bounds(field.metadata, str)])


def _bounds(metadata: Sequence[Any], shown: Callable[[Any], str]) -> Iterator[str]:
    for limit in metadata:
        match limit:
            case Ge(ge=least):
                yield f"at least {shown(least)}"
            case Gt(gt=least):
                yield f"more than {shown(least)}"
            case Le(le=most):
                yield f"at most {shown(most)}"
            case Lt(lt=most):
                yield f"less than {shown(most)}"
            case MinLen(min_length=1):
                yield "not empty"
            case MinLen(min_length=least):
                yield f"at least {least} long"
            case _:
                pass


_NAMES = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    date: "date",
    datetime: "date and time",
    time: "time of day",
    Any: "values",
}


def _words(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return "duration" if _DURATION in parts else _words(parts[0])
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_words(part) for part in parts if part is not NoneType))
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in (tuple, list, set, frozenset):
        return f"list of {_words(parts[0])}"
    if origin is dict:
        return f"table of {_words(parts[1])}"
    if annotation is SecretRef:
        return "secret"
    if isinstance(annotation, type) and issubclass(annotation, Selector):
        return "selector"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{getattr(member, 'label', member.value)}`" for member in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    return _NAMES[annotation]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**needed**"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value == "" or (isinstance(value, Selector) and not value.source):
        return ""
    if _DURATION in field.metadata:
        return f'`"{duration_text(value)}"`'
    if isinstance(value, Enum):
        return f'`"{getattr(value, "label", value.value)}"`'
    if isinstance(value, tuple | list | dict) and not value:
        return ""
    return f"`{json.dumps(value, default=str, ensure_ascii=False)}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
