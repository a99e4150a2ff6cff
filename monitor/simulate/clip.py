"""The project's own small clip as RTP packets (RFC 6184 for H.264, RFC 7798 for H.265).

``clip.h264`` and ``clip.h265`` are 50 frames of ffmpeg's test card at 320×180 and 25 frames a second, a key
frame every 25, no B frames; ``clip.jpg`` is one picture of it. Made once with::

    SOURCE="-f lavfi -i testsrc2=size=320x180:rate=25 -frames:v 50 -pix_fmt yuv420p"
    ffmpeg $SOURCE -c:v libx264 -preset veryslow -profile:v main -bf 0 -g 25 -keyint_min 25 -sc_threshold 0
        -crf 34 -x264-params aud=0:repeat-headers=1 -bsf:v filter_units=remove_types=6 clip.h264
    ffmpeg $SOURCE -c:v libx265 -preset slow
        -x265-params bframes=0:keyint=25:min-keyint=25:scenecut=0:crf=36:repeat-headers=1:info=0 clip.h265
    ffmpeg -f lavfi -i testsrc2=size=320x180:rate=25 -frames:v 1 -q:v 12 clip.jpg
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

FRAME_RATE = 25
RTP_CLOCK = 90_000
TICKS = RTP_CLOCK // FRAME_RATE
_MTU_PAYLOAD = 1400


class Codec(StrEnum):
    H264 = "H264"
    H265 = "H265"


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture: the RTP payloads that carry it; the last bears the marker."""

    key: bool
    payloads: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Clip:
    codec: Codec
    frames: tuple[Frame, ...]
    fmtp: str
    """The parameter sets as an SDP ``a=fmtp`` value."""


def snapshot() -> bytes:
    """A JPEG of the test card."""
    return (Path(__file__).parent / "clip.jpg").read_bytes()


@cache
def clip(codec: Codec) -> Clip:
    raw = (Path(__file__).parent / f"clip.{codec.value.lower()}").read_bytes()
    frames: list[Frame] = []
    payloads: list[bytes] = []
    sets: dict[int, bytes] = {}
    for nal in split_annex_b(raw):
        kind = nal_type(codec, nal)
        payloads += _fragments(codec, nal)
        if _is_picture(codec, kind):
            frames.append(Frame(_is_key(codec, kind), tuple(payloads)))
            payloads = []
        else:
            sets.setdefault(kind, nal)
    return Clip(codec, tuple(frames), _fmtp(codec, sets))


def split_annex_b(raw: bytes) -> Iterator[bytes]:
    """The NAL units between start codes."""
    for part in raw.split(b"\x00\x00\x01")[1:]:
        yield part.rstrip(b"\x00")


def nal_type(codec: Codec, nal: bytes) -> int:
    return nal[0] & 0x1F if codec is Codec.H264 else (nal[0] >> 1) & 0x3F


def _is_picture(codec: Codec, kind: int) -> bool:
    return 1 <= kind <= 5 if codec is Codec.H264 else kind < 32


def _is_key(codec: Codec, kind: int) -> bool:
    return kind == 5 if codec is Codec.H264 else 16 <= kind <= 21


def _fragments(codec: Codec, nal: bytes) -> Iterator[bytes]:
    """A NAL unit whole, or as fragmentation units (FU-A; FU of RFC 7798)."""
    if len(nal) <= _MTU_PAYLOAD:
        yield nal
        return
    kind = nal_type(codec, nal)
    if codec is Codec.H264:
        indicator, body = bytes([(nal[0] & 0xE0) | 28]), nal[1:]
    else:
        indicator, body = bytes([(nal[0] & 0x81) | (49 << 1), nal[1]]), nal[2:]
    for start in range(0, len(body), _MTU_PAYLOAD):
        flags = (0x80 if start == 0 else 0) | (0x40 if start + _MTU_PAYLOAD >= len(body) else 0)
        yield indicator + bytes([flags | kind]) + body[start : start + _MTU_PAYLOAD]


def _fmtp(codec: Codec, sets: dict[int, bytes]) -> str:
    def text(kind: int) -> str:
        return base64.b64encode(sets[kind]).decode()

    if codec is Codec.H264:
        profile = sets[7][1:4].hex()
        return f"packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={text(7)},{text(8)}"
    return f"sprop-vps={text(32)};sprop-sps={text(33)};sprop-pps={text(34)}"
