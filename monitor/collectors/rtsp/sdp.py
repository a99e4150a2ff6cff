"""The session description (RFC 4566), as far as it names the video track."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urljoin

from monitor.collectors.http1 import WireError
from monitor.model import Reason

_MAX_URL = 1024
_MAX_PARAMETER_SET = 1024


class Codec(StrEnum):
    H264 = "H264"
    H265 = "H265"


_CODECS = {"h264": Codec.H264, "h265": Codec.H265, "hevc": Codec.H265}


@dataclass(frozen=True, slots=True)
class VideoTrack:
    codec: Codec
    payload_type: int
    clock_rate: int
    """RTP time stamp units in a second."""
    control: str
    """The address to SET UP, absolute."""
    sps: bytes
    """The sequence parameter set as announced; empty if it is not."""


def video_track(body: bytes, base: str) -> VideoTrack:
    """The first video track in a codec that we know. ``WireError`` (``no_video``) if there is none."""
    sections = _sections(body.decode("utf-8", "replace"))
    whole = _control(sections[0], base, base)
    unknown = ""
    for lines in sections[1:]:
        kind, _, rest = lines[0][2:].partition(" ")
        words = rest.split()
        if kind != "video" or len(words) < 3 or not words[2].isascii() or not words[2].isdigit():
            continue
        mapped = _attribute(lines, f"rtpmap:{words[2]} ").split("/")
        codec = _CODECS.get(mapped[0].strip().lower())
        if codec is None:
            unknown = "a codec that is not known here"
            continue
        rate = mapped[1].strip() if len(mapped) > 1 else ""
        return VideoTrack(
            codec,
            int(words[2][:3]),
            int(rate) if rate.isascii() and rate.isdigit() and 0 < int(rate[:9]) < 10**8 else 90_000,
            _control(lines, whole, base),
            _sps(codec, _attribute(lines, f"fmtp:{words[2]} ")),
        )
    raise WireError(Reason.NO_VIDEO, f"video in {unknown}" if unknown else "the stream has no video track")


def _sections(text: str) -> list[list[str]]:
    """The session's lines, then those of each medium."""
    sections: list[list[str]] = [[]]
    for line in text.splitlines()[:400]:
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line.strip())
    return sections


def _attribute(lines: list[str], name: str) -> str:
    return next((line[2 + len(name) :] for line in lines if line.startswith("a=" + name)), "")


def _control(lines: list[str], base: str, fallback: str) -> str:
    """RFC 2326 appendix C.1.1: absolute, or relative to the base; ``*`` is the base itself."""
    control = _attribute(lines, "control:").strip()
    if not control or control == "*":
        return base
    if len(control) > _MAX_URL or not control.isascii() or not control.isprintable() or " " in control:
        return fallback
    if control.startswith("rtsp://"):
        return control
    if "://" in control:
        return fallback
    # A query belongs to the base's last part: urljoin would drop it (rtsp://…/live?channel=1 + trackID=1).
    if "?" in base and not base.endswith("/"):
        return f"{base}/{control}"
    return urljoin(base if base.endswith("/") else base + "/", control)


def _sps(codec: Codec, fmtp: str) -> bytes:
    wanted = "sprop-parameter-sets" if codec is Codec.H264 else "sprop-sps"
    for part in fmtp.split(";"):
        name, _, value = part.strip().partition("=")
        if name.lower() == wanted:
            try:
                return base64.b64decode(value.partition(",")[0])[:_MAX_PARAMETER_SET]
            except (binascii.Error, ValueError):
                return b""
    return b""
