"""Selectors: which devices (or alerts) something is about, by their labels.

``{ kind = "camera", area = ["East", "West"], key_site = true, model = "!DS-*", name = "~^Gate" }``:
all keys must match; a list means any of; ``!`` in front means not; ``~`` a regular expression that is
searched for; ``*`` and ``?`` are wild cards.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from fnmatch import translate
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from monitor.model import Device
from monitor.problems import did_you_mean

LABELS = ("id", "name", "kind", "site", "area", "key_site", "vendor", "model", "feeder", "address")
TAG = "tag."
_PATTERN = re.compile(r"^[!~]|[*?]")


def labels_of(device: Device) -> dict[str, str]:
    """The labels that selectors and groups see; tags as ``tag.NAME``."""
    labels = {
        "id": device.id,
        "name": device.name,
        "kind": device.kind.value,
        "site": device.site,
        "area": device.area,
        "key_site": "true" if device.key_site else "false",
        "vendor": device.vendor,
        "model": device.model,
        "feeder": device.feeder,
        "address": device.address,
    }
    for key, value in device.tags.items():
        labels[TAG + key] = value
    return labels


def _matcher(pattern: str) -> Callable[[str], bool]:
    negate, pattern = pattern.startswith("!"), pattern.removeprefix("!")
    if pattern.startswith("~"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # "[[" may mean something else one day
                search = re.compile(pattern[1:]).search
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f'not a regular expression: "{pattern[1:]}" ({error})') from error
        return (lambda text: not search(text)) if negate else (lambda text: bool(search(text)))
    if "*" in pattern or "?" in pattern:
        match = re.compile(translate(pattern)).match
        return (lambda text: not match(text)) if negate else (lambda text: bool(match(text)))
    return (lambda text: text != pattern) if negate else (lambda text: text == pattern)


class Selector:
    """A compiled selector; empty selects all. Equal when written alike."""

    __slots__ = ("_tests", "source")

    def __init__(self, source: Mapping[str, Any] | None = None) -> None:
        self.source = dict(source or {})
        self._tests = [(label, _any(label, wanted)) for label, wanted in self.source.items()]

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(test(labels.get(label, "")) for label, test in self._tests)

    def selects(self, device: Device) -> bool:
        return self.matches(labels_of(device))

    def both(self, other: Selector) -> Self:
        """What both select."""
        found = type(self)()
        found.source = {**self.source, "and": other.source} if self.source else dict(other.source)
        found._tests = [*self._tests, *other._tests]
        return found

    @property
    def labels(self) -> Iterable[str]:
        """The labels it looks at."""
        return [label for label, _ in self._tests]

    def plain_values(self, label: str) -> list[str]:
        """What the label is compared with as it stands: no patterns, nothing excluded."""
        wanted = self.source.get(label)
        texts = wanted if isinstance(wanted, list) else [wanted]
        return [text for text in texts if isinstance(text, str) and not _PATTERN.search(text)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Selector) and other.source == self.source

    def __hash__(self) -> int:
        return hash(repr(sorted(self.source.items())))

    def __repr__(self) -> str:
        return f"Selector({self.source})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.plain_serializer_function_ser_schema(lambda s: s.source)
        )

    @classmethod
    def _validate(cls, value: Any) -> Selector:
        if isinstance(value, Selector):
            return value
        if not isinstance(value, dict):
            raise ValueError('a selector is a table of labels, for example { kind = "camera" }')
        return cls(value)


class DeviceSelector(Selector):
    """A selector over devices: its labels are those that devices have."""

    __slots__ = ()

    @classmethod
    def _validate(cls, value: Any) -> Selector:
        selector = super()._validate(value)
        for label in selector.labels:
            if label not in LABELS and not label.startswith(TAG):
                hint = f"{did_you_mean(label, LABELS)} they have {', '.join(LABELS)} and {TAG}NAME"
                raise ValueError(f'devices have no label "{label}"; {hint.lstrip()}')
        return selector


def _any(label: str, wanted: Any) -> Callable[[str], bool]:
    if isinstance(wanted, bool):
        wanted = "true" if wanted else "false"
    if isinstance(wanted, str):
        return _matcher(wanted)
    if isinstance(wanted, list) and wanted and all(isinstance(item, str) for item in wanted):
        tests = [_matcher(item) for item in wanted]
        return lambda text: any(test(text) for test in tests)
    raise ValueError(f"{label}: match a text, true/false or a list of texts, not {wanted!r}")
