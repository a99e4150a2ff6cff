"""Bodies with ``$phone`` and ``$text`` in them, and conditions on the answer: for services nobody wrote a
plugin for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Template
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import requests

from monitor.notifiers.plugins.service import config_error

_CONDITION = re.compile(r"\s*([\w.]+)\s*(==|!=|in)\s*(.+?)\s*")
_MISSING = object()


def escaping(content_type: str) -> Callable[[str], str]:
    """How a value must be written into a body of this type so that it stays a value."""
    if "json" in content_type:
        return lambda value: json.dumps(value, ensure_ascii=False)[1:-1]
    if "form-urlencoded" in content_type:
        return lambda value: quote(value, safe="")
    if "xml" in content_type or "html" in content_type:
        return lambda value: escape(value, {'"': "&quot;", "'": "&apos;"})
    return lambda value: value


def checked_template(name: str, text: str, fields: frozenset[str]) -> Template:
    """The template. Raises ``Refused`` for one that is malformed or asks for what there is not."""
    template = Template(text)
    if not template.is_valid():
        raise config_error(f"{name}= has a stray $: write $$ for a dollar sign")
    unknown = sorted(set(template.get_identifiers()) - fields)
    if unknown:
        raise config_error(
            f"{name}= asks for ${unknown[0]}; there are {', '.join('$' + f for f in sorted(fields))}"
        )
    return template


def fill(template: Template, values: Mapping[str, str], escape_value: Callable[[str], str]) -> str:
    return template.substitute({key: escape_value(value) for key, value in values.items()})


@dataclass(frozen=True, slots=True)
class Condition:
    """``code == 0``, ``data.status in ok, queued`` on a JSON answer, or ``~^OK`` on its text."""

    path: tuple[str, ...]
    operator: str
    values: tuple[str, ...]

    @staticmethod
    def parse(name: str, text: str) -> Condition:
        if text.startswith("~"):
            try:
                re.compile(text[1:])
            except (re.error, OverflowError, RecursionError) as error:
                raise config_error(f"{name}= is not a regular expression: {error}") from error
            return Condition((), "~", (text[1:],))
        match = _CONDITION.fullmatch(text)
        if not match:
            raise config_error(
                f"{name}= is written code == 0, data.status in ok, queued or ~^OK; not {text!r}"
            )
        values = match[3].split(",") if match[2] == "in" else [match[3]]
        return Condition(
            tuple(match[1].split(".")), match[2], tuple(value.strip().strip("\"'") for value in values)
        )

    def holds(self, response: requests.Response, charset: str) -> bool:
        text = response.content.decode(charset, "replace")
        if self.operator == "~":
            return re.search(self.values[0], text) is not None
        found = _find(text, self.path)
        if found is _MISSING:
            return False
        shown = json.dumps(found) if isinstance(found, bool) or found is None else str(found)
        return (shown in self.values) is (self.operator != "!=")


def _find(text: str, path: tuple[str, ...]) -> Any:
    try:
        value: Any = json.loads(text)
    except ValueError:
        return _MISSING
    for step in path:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return _MISSING
    return value
