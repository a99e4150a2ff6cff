"""What the sections say of each other: names that must exist, selectors that should match."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import BaseModel

from monitor.config.files import Entry
from monitor.inventory import Inventory
from monitor.problems import Findings
from monitor.rules.base import RuleSettings
from monitor.select import DeviceSelector, labels_of


def check_rules(
    rules: Sequence[tuple[Entry, RuleSettings]], inventory: Inventory, findings: Findings
) -> None:
    """Warns of rules about no device: of a misspelt area nobody would ever hear again."""
    if not inventory.devices:
        return
    labels = [labels_of(device) for device in inventory.devices.values()]
    for entry, rule in rules:
        for key, selector in _selectors(rule):
            if not any(map(selector.matches, labels)):
                findings.warning(
                    entry.place.at(key), "no device of the inventory is selected", _closest(selector, labels)
                )


def _closest(selector: DeviceSelector, labels: Sequence[dict[str, str]]) -> str:
    """Which single label is to blame, if one is."""
    for label, wanted in selector.source.items():
        alone = DeviceSelector({label: wanted})
        if not any(map(alone.matches, labels)):
            return f"none has {label} = {wanted!r}"
    return "each of its labels occurs, but never together"


def _selectors(settings: BaseModel) -> Iterator[tuple[str, DeviceSelector]]:
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, DeviceSelector):
            yield field.alias or name, value
