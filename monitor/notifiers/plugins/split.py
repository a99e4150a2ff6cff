"""Cutting a long message into parts that a service takes, without cutting a character in two."""

from __future__ import annotations

_MARK = " ({}/{})"
_MARK_BYTES = len(" (999/999)")


def split_bytes(text: str, limit: int) -> list[str]:
    """``text`` in parts of at most ``limit`` bytes of UTF-8, cut at line ends where there are any in the
    part's second half. Several parts are numbered ``(1/3)``. Joined without their numbers, and with the line
    ends at which they were cut, they are the text again."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return [text]
    room = limit - _MARK_BYTES
    parts = []
    while data:
        end = len(data) if len(data) <= room else _cut(data, room)
        parts.append(data[:end].decode("utf-8"))
        data = data[end:].removeprefix(b"\n")
    return [part + _MARK.format(n, len(parts)) for n, part in enumerate(parts, 1)]


def _cut(data: bytes, room: int) -> int:
    line = data.rfind(b"\n", room // 2, room + 1)
    if line > 0:
        return line
    end = room
    while data[end] & 0xC0 == 0x80:  # a continuation byte: its character began earlier
        end -= 1
    return end
