"""Frames: how a gzip batch of points stands in a segment of the spool, and how damage is told.

A frame is ``CWF1`` · body length · points · newest time (ms) · CRC-32 of the header · CRC-32 of the body ·
body. Two sums, because a good header over a bad body still says how many points were lost.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, replace
from zlib import crc32

MAGIC = b"CWF1"
_HEAD = struct.Struct("<4sIIq")
_SUMS = struct.Struct("<II")
HEADER_BYTES = _HEAD.size + _SUMS.size
MAX_BODY = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame's place in its segment."""

    offset: int
    length: int
    """Of the body."""
    points: int
    newest: int
    """Time of its newest point, UTC ms."""

    @property
    def end(self) -> int:
        return self.offset + HEADER_BYTES + self.length


@dataclass(frozen=True, slots=True)
class Scan:
    """What a segment holds."""

    frames: tuple[Frame, ...]
    end: int
    """Where the last good frame ends."""
    damaged_bytes: int
    """Bytes that belong to no good frame, the torn tail included."""
    lost_points: int
    """Points of frames whose header is good and whose body is not."""


def pack(body: bytes, points: int, newest: int) -> bytes:
    head = _HEAD.pack(MAGIC, len(body), points, newest)
    return head + _SUMS.pack(crc32(head), crc32(body)) + body


def read_header(data: bytes | memoryview, at: int = 0) -> tuple[Frame, int] | None:
    """The frame whose header stands at ``at`` and its body's sum; None when that is no good header."""
    if len(data) - at < HEADER_BYTES:
        return None
    head = bytes(data[at : at + _HEAD.size])
    magic, length, points, newest = _HEAD.unpack(head)
    head_sum, body_sum = _SUMS.unpack_from(data, at + _HEAD.size)
    if magic != MAGIC or head_sum != crc32(head) or length > MAX_BODY:
        return None
    return Frame(at, length, points, newest), body_sum


def skim(fd: int, size: int) -> Scan | None:
    """A segment by its headers alone, for two gigabytes in a moment. Bodies are checked when they are read.

    None when a header is not good or the last body is cut: then only ``scan`` can tell.
    """
    frames: list[Frame] = []
    at = 0
    while at < size:
        found = read_header(os.pread(fd, HEADER_BYTES, at))
        if found is None:
            return None
        frame = replace(found[0], offset=at)
        if frame.end > size:
            return None
        frames.append(frame)
        at = frame.end
    return Scan(tuple(frames), at, 0, 0)


def scan(data: bytes) -> Scan:
    """All good frames of a segment, whatever stands between them."""
    frames: list[Frame] = []
    view = memoryview(data)
    at = end = damaged = lost = 0
    while at < len(data):
        found = read_header(view, at)
        if found is not None:
            frame, body_sum = found
            body = view[at + HEADER_BYTES : frame.end]
            if len(body) == frame.length and crc32(body) == body_sum:
                frames.append(frame)
                at = end = frame.end
                continue
            lost += frame.points
        after = data.find(MAGIC, at + 1)
        after = len(data) if after < 0 else after
        damaged += after - at
        at = after
    return Scan(tuple(frames), end, damaged, lost)
