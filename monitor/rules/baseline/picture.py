"""A small picture of why: the value's line over the band of what was usual, as PNG.

Drawn with the standard library alone: a palette image of a few hundred pixels needs no imaging library.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

_WHITE, _BAND, _LINE, _ODD, _FRAME = range(5)
_PALETTE = bytes((255, 255, 255, 205, 225, 245, 40, 70, 110, 215, 30, 40, 200, 200, 200))


@dataclass(frozen=True, slots=True)
class Mark:
    """One column of the picture: a value and the band at that time; NaN where there is none."""

    value: float
    low: float
    high: float

    @property
    def odd(self) -> bool:
        return self.value < self.low or self.value > self.high


def sparkline(marks: Sequence[Mark], width: int = 320, height: int = 80) -> bytes:
    """PNG bytes; values outside their band in red. ``marks`` are spread evenly over the width."""
    canvas = [bytearray(width) for _ in range(height)]
    for x in range(width):
        canvas[0][x] = canvas[-1][x] = _FRAME
    known = [n for mark in marks for n in (mark.value, mark.low, mark.high) if math.isfinite(n)]
    if known:
        _draw(canvas, marks, min(known), max(known))
    return _png(canvas, width, height)


def _draw(canvas: list[bytearray], marks: Sequence[Mark], bottom: float, top: float) -> None:
    height, width = len(canvas), len(canvas[0])
    # Halved first: the span of two large finite numbers can overflow.
    span = top / 2 - bottom / 2

    def row(value: float) -> int:
        share = (value / 2 - bottom / 2) / span if span > 0 else 0.5
        return round((height - 7) * (1 - share)) + 3

    last: int | None = None
    for x in range(width):
        mark = marks[min(len(marks) - 1, x * len(marks) // width)]
        if math.isfinite(mark.low) and math.isfinite(mark.high):
            for y in range(row(mark.high), row(mark.low) + 1):
                canvas[y][x] = _BAND
        if not math.isfinite(mark.value):
            last = None
            continue
        y = row(mark.value)
        colour = _ODD if mark.odd else _LINE
        for filled in range(
            min(y, last if last is not None else y), max(y, last if last is not None else y) + 1
        ):
            canvas[filled][x] = colour
        canvas[y + 1][x] = colour
        last = y


def _png(canvas: Sequence[bytearray], width: int, height: int) -> bytes:
    raw = b"".join(b"\0" + bytes(line) for line in canvas)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"PLTE", _PALETTE), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(tag, data) for tag, data in chunks)


def _chunk(tag: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))
