"""The labels that alerts can have: what routes, levels, silences and inhibition may match on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from monitor.problems import suggest
from monitor.rules.base import RuleSettings
from monitor.select import LABELS, TAG

_ALWAYS = ("rule", "cause", "severity", "camwatch", "key_event", *LABELS)


def known_labels(rules: Iterable[RuleSettings], tags: Iterable[str]) -> frozenset[str]:
    """Those of every alert, those that rules add, and the ``tags`` of readings."""
    return frozenset((*_ALWAYS, *tags, *(label for rule in rules for label in rule.labels)))


def unknown_labels(named: Iterable[str], known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Labels that no alert will ever have, each with what was probably meant."""
    for label in named:
        if label not in known and not label.startswith(TAG):
            yield label, suggest(label, known)
