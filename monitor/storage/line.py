"""InfluxDB line protocol: how names, tag values, field values and times are written.

Source: the line protocol reference of InfluxDB 1.x and 2.x, and the parser of 1.6, which is the strictest
about what it cannot hold. What the protocol has no way to say in a *name* (measurement, tag key, tag value,
field key) is replaced, never sent to damage a neighbour: a line break or other control character and a
backslash that would swallow the character after it become ``_``, a lone surrogate becomes U+FFFD. String
*fields* keep everything but lone surrogates and NUL. Over-long text is cut.
"""

from __future__ import annotations

import re
from math import isfinite

from monitor.model import Tags

MAX_NAME = 1024
"""Characters of a name that are kept: 1.x refuses series keys above 65,535 bytes."""
MAX_TEXT = 16_000
"""Characters of a string field that are kept: 1.x refuses values above 65,535 bytes (4 bytes a character)."""
INT_MIN, INT_MAX = -(2**63), 2**63 - 1

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SWALLOWING = re.compile(r"\\(?=[\\ ,=]|$)")
_NEEDS_CARE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\\ ,=]")
_RESERVED_KEYS = frozenset({"time", "_measurement", "_field", "_time"})


def _name(text: str, special: str) -> str:
    text = text[:MAX_NAME]
    if not _NEEDS_CARE.search(text):
        return text
    text = _SURROGATE.sub("\ufffd", _CONTROL.sub("_", text))
    text = _SWALLOWING.sub("_", text)
    for char in special:
        text = text.replace(char, "\\" + char)
    return text


def measurement(text: str) -> str:
    """The name of a measurement; one that would read as a comment gets ``_`` for its ``#``."""
    if text.startswith("#"):
        text = "_" + text[1:]
    # The equals sign is written bare: 1.x takes the backslash before it for part of the name.
    return _name(text, ", ")


def key(text: str) -> str:
    """A tag or field key; the names that a server keeps for itself get a trailing ``_``."""
    return _name(text + "_" if text in _RESERVED_KEYS else text, ",= ")


def tag_text(tags: Tags) -> str:
    """``,key=value`` for each tag that has a value, in the order given."""
    return "".join(f",{key(name)}={_name(value, ',= ')}" for name, value in tags if name and value)


def float_text(value: float) -> str | None:
    """Digits of a float, or None for NaN and the infinities, which no version stores."""
    return repr(float(value)) if isfinite(value) else None


def int_text(value: int) -> str | None:
    """Digits of an integer, or None when it does not fit into 64 bits."""
    return f"{value}i" if INT_MIN <= value <= INT_MAX else None


def string_text(value: str) -> str:
    value = value[:MAX_TEXT].replace("\x00", "")
    value = _SURROGATE.sub("\ufffd", value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


_LINE = re.compile(
    rb"(?:[^ \\\n]|\\.)+ "  # measurement and tags, up to a bare space
    rb'(?:(?:[^=\\\n]|\\.)+=(?:"(?:[^"\\]|\\.)*"|[^", \n]+),?)+'  # fields; a string may hold line breaks
    rb"(?: -?\d+)?\n",
    re.DOTALL,
)


def split_lines(body: bytes) -> list[bytes]:
    """The lines of a body of ours, each with its line break; comments and blank lines are left out.

    A line break inside a quoted string does not end a line.
    """
    lines: list[bytes] = []
    at = 0
    while at < len(body):
        match = None if body[at : at + 1] in (b"#", b"\n") else _LINE.match(body, at)
        if match is not None:
            lines.append(match.group())
            at = match.end()
        else:  # a comment, or not ours: the plain line
            end = body.find(b"\n", at) + 1 or len(body)
            if body[at : at + 1] not in (b"#", b"\n"):
                lines.append(body[at:end])
            at = end
    return lines
