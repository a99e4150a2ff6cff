"""Going through settings, whatever sections they are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

S = TypeVar("S", bound=BaseModel)
Steps = tuple[str | int, ...]


def values(settings: Any, steps: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    """Every value within, sections and collections too, with the keys that lead to it."""
    yield steps, settings
    if isinstance(settings, BaseModel):
        for name, field in type(settings).model_fields.items():
            yield from values(getattr(settings, name), (*steps, field.alias or name))
    elif isinstance(settings, Mapping):
        for key, value in settings.items():
            yield from values(value, (*steps, key))
    elif isinstance(settings, list | tuple):
        for index, value in enumerate(settings):
            yield from values(value, (*steps, index))


def with_paths_from(settings: S, base: Path) -> S:
    """The same settings, their relative paths made absolute: they start from the file they stand in."""
    changed = {
        name: moved
        for name in type(settings).model_fields
        if (moved := _moved(value := getattr(settings, name), base)) is not value
    }
    return settings.model_copy(update=changed) if changed else settings


def _moved(value: Any, base: Path) -> Any:
    if isinstance(value, Path):
        return value if value.is_absolute() else base / value
    if isinstance(value, BaseModel):
        return with_paths_from(value, base)
    if isinstance(value, dict):
        moved = {key: _moved(item, base) for key, item in value.items()}
        return moved if any(moved[key] is not value[key] for key in value) else value
    if isinstance(value, list | tuple):
        items = type(value)(_moved(item, base) for item in value)
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value
