"""pydantic's complaints in plain words, at the place where a technician finds them."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from monitor.problems import Findings, Place, did_you_mean, suggest

_EXPECTED = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list in square brackets",
    "tuple_type": "a list in square brackets",
    "set_type": "a list in square brackets",
    "frozen_set_type": "a list in square brackets",
    "dict_type": "a table",
    "mapping_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "path_type": "the path of a file, in quotes",
    "time_type": "a time of day such as 07:30:00",
    "time_parsing": "a time of day such as 07:30:00",
    "date_type": "a date such as 2026-01-31",
    "date_parsing": "a date such as 2026-01-31",
    "datetime_type": "a date and time such as 2026-01-31T07:30:00+08:00",
    "datetime_parsing": "a date and time such as 2026-01-31T07:30:00+08:00",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


_SELECTING = frozenset(("match", "select", "source", "target"))
"""Keys without which a section would be about everything."""
_UNITS = (("d", 86400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001))


@dataclass(frozen=True, slots=True)
class _Complaint:
    steps: tuple[str | int, ...]
    found: str
    right: str
    joins: bool
    """``right`` is one of several forms that a value may have."""


def validate(shape: Any, value: Any, place: Place, findings: Findings, *, private: bool = False) -> Any:
    """``value`` as ``shape`` (a settings class or a union of them), with every fault noted.

    With faults: what is left of it without the keys that are wrong, so that other sections can be held
    against it and all faults are found at once; ``None`` where too little is left. ``private`` keeps what was
    found out of the messages, and takes up nothing that has a fault: somebody may have put a secret there.
    """
    try:
        return TypeAdapter(shape).validate_python(value)
    except ValidationError as error:
        details = error.errors(include_url=False)
    merged: dict[tuple[str | int, ...], _Complaint] = {}
    for detail in details:
        if detail["type"] == "too_short" and any(_within(other, detail) for other in details):
            continue  # it is only short of what was refused
        complaint = _complaint(detail, shape, value, private)
        earlier = merged.get(complaint.steps)
        if earlier is None:
            merged[complaint.steps] = complaint
        elif earlier.joins and complaint.joins and complaint.right not in earlier.right:
            merged[complaint.steps] = _Complaint(
                complaint.steps, earlier.found, f"{earlier.right}, or {complaint.right}", True
            )
    for complaint in merged.values():
        findings.error(place.at(*complaint.steps), complaint.found, complaint.right)
    return (
        None if private else _what_is_left(shape, value, [complaint.steps for complaint in merged.values()])
    )


def _what_is_left(shape: Any, value: Any, wrong: list[tuple[str | int, ...]]) -> Any:
    """``value`` as ``shape`` without what stands at these places."""
    left = deepcopy(value)
    for steps in sorted(wrong, reverse=True):  # of a list, the last first
        if not steps or not _SELECTING.isdisjoint(steps):
            return None
        holder = _at_steps(left, steps[:-1])
        try:
            del holder[steps[-1]]
        except (LookupError, TypeError):
            return None  # it is something missing that is wrong
    try:
        return TypeAdapter(shape).validate_python(left)
    except ValidationError:
        return None


def _within(inner: ErrorDetails, outer: ErrorDetails) -> bool:
    place = outer["loc"]
    return len(inner["loc"]) > len(place) and inner["loc"][: len(place)] == place


def describe(value: Any) -> str:
    """A value of a TOML file in words."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'text "{value if len(value) <= 60 else value[:57] + "..."}"'
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return f"{value}"


def _complaint(detail: ErrorDetails, shape: Any, value: Any, private: bool) -> _Complaint:
    kind, context = detail["type"], detail.get("ctx", {})
    steps = _real_steps(detail["loc"], value, missing=kind == "missing")
    # What the file has: by the time a limit is checked, "20m" has become a number.
    given = detail["input"] if kind == "missing" else _at_steps(value, steps)
    found = "found " + (_sort_of(given) if private else describe(given))
    if kind == "extra_forbidden":
        return _Complaint(
            steps, "unknown key", suggest(str(steps[-1]), _keys(shape, detail["loc"][:-1])), False
        )
    if kind == "missing":
        return _Complaint(steps, "is missing", _meaning(shape, detail["loc"]), False)
    if kind == "value_error":
        # A validator of ours; it may quote what it was given.
        return _Complaint(steps, *_own_words(_unquoted(detail, private), detail["input"], found), False)
    if kind in ("literal_error", "enum"):
        choices = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        hint = "" if private else did_you_mean(str(given), choices)
        return _Complaint(steps, found, hint or "it is one of " + ", ".join(choices), True)
    if kind == "union_tag_invalid":
        key = context["discriminator"].strip("'")
        choices = context["expected_tags"].replace("'", "").split(", ")
        tag = str(context["tag"])
        return _Complaint(
            (*steps, key),
            f"found {describe(tag)}",
            suggest(tag, choices),
            False,
        )
    if kind == "union_tag_not_found":
        key = context["discriminator"].strip("'")
        return _Complaint((*steps, key), "is missing", "it says which sort this is", False)
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        limit = context[key]
        # A number that was written as text can only be a duration.
        text = duration_text(limit) if isinstance(given, str) else f"{limit:g}"
        return _Complaint(steps, f"found {describe(given)}", f"it must be {words} {text}", False)
    if kind in ("too_short", "string_too_short"):
        return _Complaint(
            steps, "is too short" if detail["input"] else "is empty", _length(kind, context), False
        )
    if kind in ("too_long", "string_too_long"):
        return _Complaint(steps, "is too long", f"at most {context['max_length']}", False)
    if kind == "string_pattern_mismatch":
        return _Complaint(steps, found, f"it must match {context['pattern']}", False)
    if kind in ("model_type", "model_attributes_type") and context.get("class_name") == "SecretRef":
        return _Complaint(
            steps,
            f"found {_sort_of(given)}",
            'say where the secret is kept, for example { env = "NAME" }',
            False,
        )
    if kind in _EXPECTED:
        return _Complaint(steps, found, f"expected {_EXPECTED[kind]}", True)
    return _Complaint(steps, found, detail["msg"][:1].lower() + detail["msg"][1:], False)


def _unquoted(detail: ErrorDetails, private: bool) -> str:
    text = str(detail.get("ctx", {}).get("error", detail["msg"]))
    given = detail["input"]
    return text.replace(given, "…") if private and isinstance(given, str) and given else text


def _own_words(text: str, value: Any, found: str) -> tuple[str, str]:
    """A validator of ours says "what; what would be right", or only what would be right."""
    what, split, right = text.partition("; ")
    if split or isinstance(value, Mapping):
        return what, right
    return found, text


def _length(kind: str, context: Mapping[str, Any]) -> str:
    least = context["min_length"]
    if kind == "string_too_short":
        return f"write at least {least} character{'s' * (least > 1)}"
    return f"it needs at least {least} item{'s' * (least > 1)}"


def _sort_of(value: Any) -> str:
    if isinstance(value, str):
        return "text (not shown, it may be a secret)"
    return describe(value) if isinstance(value, Mapping | list | bool) else "a value (not shown)"


def _real_steps(loc: tuple[str | int, ...], value: Any, *, missing: bool) -> tuple[str | int, ...]:
    """pydantic's location without the names of union members, which stand in no file. ``missing``: its last
    step is a key that is not there."""
    steps: list[str | int] = []
    for index, step in enumerate(loc):
        if isinstance(value, Mapping):
            if step in value:
                value = value[step]
            elif not missing or index < len(loc) - 1:
                continue
        elif isinstance(value, list | tuple) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            continue
        steps.append(step)
    return tuple(steps)


def _at_steps(value: Any, steps: tuple[str | int, ...]) -> Any:
    for step in steps:
        value = value[step]
    return value


def _models(shape: Any) -> list[type[BaseModel]]:
    """The settings classes within an annotation: itself, the members of a union, a list's items."""
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        return [shape]
    return [model for part in get_args(shape) for model in _models(part)]


def _at(shape: Any, loc: tuple[str | int, ...]) -> list[type[BaseModel]]:
    """The classes that may stand at ``loc`` below ``shape``."""
    models = _models(shape)
    for step in loc:
        below = [
            model
            for parent in models
            if isinstance(step, str) and step in _named(parent)
            for model in _models(_named(parent)[step])
        ]
        tagged = [model for model in models if model.__name__ == step]
        models = below or tagged or models
    return models


def _named(model: type[BaseModel]) -> dict[str, Any]:
    """The keys of a table as the file writes them, with their annotations."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _keys(shape: Any, loc: tuple[str | int, ...]) -> list[str]:
    return [key for model in _at(shape, loc) for key in _named(model)]


def _meaning(shape: Any, loc: tuple[str | int, ...]) -> str:
    """What a missing key is for: the first sentence of its description."""
    for model in _at(shape, loc[:-1]):
        for name, field in model.model_fields.items():
            if (field.alias or name) == loc[-1] and field.description:
                return field.description.split("\n\n")[0].replace("\n", " ").replace("``", "").rstrip(".")
    return ""


def duration_text(seconds: float) -> str:
    """The shortest way to write a duration in one unit or two: ``5m``, ``1h30m``, ``1.5s``."""
    for index, (unit, size) in enumerate(_UNITS):
        whole, rest = divmod(seconds, size)
        if whole and not rest:
            return f"{whole:g}{unit}"
        if whole and index + 1 < len(_UNITS) and not rest % _UNITS[index + 1][1] and size > 1:
            return f"{whole:g}{unit}{rest / _UNITS[index + 1][1]:g}{_UNITS[index + 1][0]}"
    return f"{seconds:g}s"
