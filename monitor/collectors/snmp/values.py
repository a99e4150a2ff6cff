"""A device's values as a profile's field wants them. What does not fit is no value, never a guess."""

from __future__ import annotations

import re
from functools import lru_cache

from monitor.collectors.snmp.ber import Missing, Value
from monitor.collectors.snmp.profiles import FieldSection

FieldValue = float | int | bool | str

MAX_TEXT = 120
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")


@lru_cache(maxsize=65536)
def text(octets: bytes) -> str:
    """Words out of an OCTET STRING: UTF-8, else GB 18030 (ports are often labelled in it), else hexadecimal
    with colons, as addresses are written. Control characters never come through."""
    octets = octets.rstrip(b"\0 \r\n")
    for encoding in ("utf-8", "gb18030"):
        try:
            words = octets.decode(encoding)
        except UnicodeDecodeError:
            continue
        words = " ".join(words.split())
        if words.isprintable():
            return words[:MAX_TEXT]
    return octets[: MAX_TEXT // 3].hex(":")


def words(value: Value) -> str:
    """Any value as text; empty if there is none."""
    if isinstance(value, bytes):
        return text(value)
    return "" if value is None or isinstance(value, Missing) else str(value)[:MAX_TEXT]


def number(value: Value) -> float | int | None:
    """A number, also where the agent writes it as text ("23.5 C")."""
    if isinstance(value, int | float):
        return value
    if isinstance(value, bytes):
        found = _NUMBER.search(value[:64].decode("latin-1"))
        if found is not None:
            return float(found[0]) if "." in found[0] else int(found[0])
    return None


def convert(field: FieldSection, value: Value) -> FieldValue | None:
    if value is None or isinstance(value, Missing):
        return None
    if field.type == "string":
        if isinstance(value, int):
            return None if value in field.missing else field.enum.get(str(value), str(value))
        return words(value) or None
    if field.type == "boolean" and isinstance(value, bytes) and text(value) in field.true:
        return True
    found = number(value)
    if found is None:
        return False if field.type == "boolean" and words(value) else None
    if found in field.missing:
        return None
    if field.type == "boolean":
        return found in field.true
    if field.type == "integer":
        return int(found)
    result = found * field.scale
    return result if abs(result) < float("inf") else None  # a float of the device may be NaN


def convert_all(field: FieldSection, values: list[Value]) -> list[FieldValue | None]:
    converted = [convert(field, value) for value in values]
    return converted if field.range is None else [plausible(field, value) for value in converted]


def plausible(field: FieldSection, value: FieldValue | None) -> FieldValue | None:
    """Makers have numbers of their own for "none" (-1, 65535, 2147483647); nobody knows them all."""
    if field.range is None or not isinstance(value, int | float):
        return value
    return value if field.range[0] <= value <= field.range[1] else None
