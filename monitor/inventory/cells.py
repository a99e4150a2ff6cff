"""From what a cell holds to a value: tidied where that is safe, refused with a reason where it is not."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

from monitor.inventory.address import canonical
from monitor.inventory.columns import KIND_WORDS, folded
from monitor.inventory.tables import NumberText
from monitor.model import Kind
from monitor.problems import did_you_mean

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"))
_NOTHING = frozenset(("-", "--", "—", "/", "\\", "无", "空", "n/a", "none", "null"))
_SEPARATORS = re.compile(r"[;；、,，\n]")
_YES = frozenset(("是", "yes", "y", "true", "1", "√", "✓", "✔", "重点", "重点部位", "重点点位"))
_NO = frozenset(("否", "no", "n", "false", "0", "×", "✗", "x", "非重点", "不是", "普通", "一般"))
_SCIENTIFIC = re.compile(r"[0-9](\.[0-9]+)?[eE]\+?[0-9]+\Z")
_TAG = re.compile(r"\w[\w.-]{0,63}\Z")
_LONG_CODE = 15
"""The decimal digits that a spreadsheet's number keeps (IEEE 754: any 15, at most 17)."""


def plain(value: object) -> str:
    """The text of a cell for people (a name, a site): without blanks around it and invisible characters."""
    if not isinstance(value, str):
        return "" if value is None else str(value)
    if not value:
        return ""
    text = value.strip()
    if text.isascii() and text.isprintable():
        return text
    return " ".join(text.translate(_INVISIBLE).split()) if not text.isprintable() else text


def code(value: object) -> str:
    """The text of a cell for machines (an id, an address): full-width characters made plain as well."""
    text = plain(value)
    if text.isascii():
        # ='...', ="..." and a leading apostrophe are how people make a spreadsheet keep a long number.
        if text[:1] in ("'", "="):
            text = text.removeprefix("=").strip("\"'").strip()
        return text
    return unicodedata.normalize("NFKC", text).strip()


def is_tidy(text: str) -> bool:
    """At a glance: ``code`` would leave the text as it is."""
    return (text.isalnum() and text.isascii()) or not text


def optional(text: str) -> str:
    """``-``, ``无`` and the like are how people leave a cell empty."""
    return "" if text.casefold() in _NOTHING else text


def device_id(value: object) -> str:
    """An id as text; refuses numbers whose digits a spreadsheet has thrown away."""
    text = code(value)
    if not text:
        raise ValueError("is empty; each device needs an id of its own")
    if _SCIENTIFIC.match(text):
        raise ValueError(
            f'"{text}" is a number that has lost digits: spreadsheets keep only {_LONG_CODE}; '
            "set the column to the format Text and enter the codes again"
        )
    if isinstance(value, NumberText) and len(text) > _LONG_CODE and len(text.rstrip("0")) <= 17:
        raise ValueError(
            f"{text} has {len(text)} digits and is stored as a number, so its last digits are lost: "
            f"spreadsheets keep only {_LONG_CODE}; "
            "set the column to the format Text and enter the codes again"
        )
    if len(text) > 64 or not text.isprintable() or " " in text:
        raise ValueError(f'"{text[:64]}" cannot be an id; write at most 64 characters, without blanks')
    return text


def address(value: object) -> tuple[str, str]:
    """An address as written, and as it is however written."""
    text = code(value)
    if not text:
        raise ValueError("is empty; write an IP address or a host name")
    return text, canonical(text)


def odd_code(text: str) -> str:
    """What is odd about an id that looks like a GB/T 28181 code (20 digits), or nothing."""
    if text.isdigit() and len(text) in (18, 19, 21, 22):
        return f"{text} has {len(text)} digits; a GB/T 28181 code has 20"
    return ""


def kind(value: object) -> Kind:
    """A kind in Chinese or English; lists without one are lists of cameras."""
    text = optional(code(value))
    if not text:
        return Kind.CAMERA
    found = KIND_WORDS.get(text) or KIND_WORDS.get(folded(text))
    if found is None:
        raise ValueError(f'"{text}" is not a kind of device; {_kinds_like(text)}')
    return found


@lru_cache(1000)
def _kinds_like(text: str) -> str:
    """Kept: one misspelt word may stand in every row of a long list."""
    return did_you_mean(text, KIND_WORDS) or f"write one of {', '.join(Kind)}, or 摄像机, 交换机 …"


def yes_no(value: object) -> bool | None:
    """True, false, or ``None`` for an empty cell."""
    if isinstance(value, bool):
        return value
    text = optional(code(value)).casefold()
    if not text:
        return None
    if text in _YES:
        return True
    if text in _NO:
        return False
    raise ValueError(f'"{text}" is neither yes nor no; write 是 or 否')


def coordinate(value: object, limit: int) -> float | None:
    """Decimal degrees within ±``limit``, or ``None`` for an empty cell."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    else:
        text = optional(code(value))
        if not text:
            return None
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if math.isnan(number):
            raise ValueError(f'"{text}" is not a number; write decimal degrees such as 116.3974')
    if not -limit <= number <= limit:
        raise ValueError(f"{number:g} is outside -{limit} to {limit}; write decimal degrees")
    return number


def several(value: object) -> list[str]:
    """Several ids or words in one cell, separated by ``;`` ``、`` or ``,``; a list in TOML."""
    parts = (
        value
        if isinstance(value, list | tuple)
        else _SEPARATORS.split(value)
        if isinstance(value, str)
        else ()
    )
    return list(dict.fromkeys(text for part in parts if (text := optional(code(part)))))


def tags(value: object) -> dict[str, str]:
    """``street=Nanjing Rd;rainproof`` → street, and rainproof = "true"; a table in TOML."""
    if isinstance(value, Mapping):
        pairs: Sequence[tuple[str, str]] = [(str(key), plain(text)) for key, text in value.items()]
    else:
        pairs = [
            (code(key), plain(text) if equals else "true")
            for part in _SEPARATORS.split(plain(value))
            if optional(part.strip())
            for key, equals, text in [part.replace("＝", "=").partition("=")]
        ]
    found: dict[str, str] = {}
    for key, text in pairs:
        if not _TAG.match(key):
            raise ValueError(
                f'"{key[:64]}" cannot be the name of a tag; write name=value;name, of letters and digits'
            )
        if key in found:
            raise ValueError(f'the tag "{key}" is there twice; write it once')
        found[key] = text
    return found
