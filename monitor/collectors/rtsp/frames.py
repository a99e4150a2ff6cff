"""From RTP payloads to frames: which pictures came whole, and which of them stand alone (key frames).

RFC 6184 (H.264) and RFC 7798 (H.265). Nothing is decoded: the NAL unit headers tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from monitor.collectors.rtsp.rtp import Losses, RtpPacket
from monitor.collectors.rtsp.sdp import Codec

_H264_STAP_A, _H264_FU_A, _H264_FU_B = 24, 28, 29
_H264_IDR, _H264_SLICE, _H264_SPS = 5, 1, 7
_H265_AP, _H265_FU, _H265_SPS = 48, 49, 33
_I_SLICES = {2, 4, 7, 9}
"""slice_type I and SI (H.264 table 7-6)."""


@dataclass(slots=True)
class Frame:
    """One access unit so far."""

    timestamp: int
    key: bool = False
    picture: bool = False
    """A slice of a picture was begun."""
    broken: bool = False
    """Packets are missing in it, or its beginning was not seen."""
    sps_here: bool = False
    octets: int = 0


class FrameReader:
    """Takes the packets of one track in order; ``feed`` gives a frame when it has ended."""

    __slots__ = ("_codec", "_frame", "losses", "sps")

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._frame: Frame | None = None
        self.losses = Losses()
        self.sps = b""
        """The latest sequence parameter set in the stream."""

    def feed(self, packet: RtpPacket) -> Iterator[Frame]:
        missing = self.losses.seen(packet.sequence)
        frame = self._frame
        if frame is not None and frame.timestamp != packet.timestamp:
            # Its marker was lost, or the sender sets none.
            frame.broken |= missing
            yield frame
            frame = None
        if frame is None:
            frame = self._frame = Frame(packet.timestamp)
        elif missing:
            frame.broken = True
        frame.octets += len(packet.payload)
        if self._codec is Codec.H264:
            self._h264(frame, packet.payload)
        else:
            self._h265(frame, packet.payload)
        if packet.marker:
            self._frame = None
            yield frame

    def _h264(self, frame: Frame, payload: bytes) -> None:
        kind = payload[0] & 0x1F
        if kind in (_H264_FU_A, _H264_FU_B):
            if len(payload) < 3:
                frame.broken = True
            elif payload[1] & 0x80:
                header_size = 4 if kind == _H264_FU_B else 2
                self._h264_nal(frame, payload[1] & 0x1F, payload[header_size : header_size + 8], b"")
            elif not frame.picture and not frame.sps_here:
                frame.broken = True  # its first fragment was never seen
        elif kind == _H264_STAP_A:
            for nal in _aggregated(payload, 1):
                self._h264_nal(frame, nal[0] & 0x1F, nal[1:9], nal)
        else:
            self._h264_nal(frame, kind, payload[1:9], payload)

    def _h264_nal(self, frame: Frame, kind: int, start: bytes, whole: bytes) -> None:
        if kind == _H264_SPS:
            frame.sps_here = True
            self.sps = whole or self.sps
        elif kind == _H264_IDR:
            frame.picture = frame.key = True
        elif 1 <= kind < _H264_IDR:
            frame.picture = True
            # Encoders with open GOPs send no IDR: an intra picture after its parameter sets stands alone.
            if kind == _H264_SLICE and frame.sps_here and _slice_type(start) in _I_SLICES:
                frame.key = True

    def _h265(self, frame: Frame, payload: bytes) -> None:
        kind = (payload[0] >> 1) & 0x3F
        if kind == _H265_FU:
            if len(payload) < 4:
                frame.broken = True
            elif payload[2] & 0x80:
                self._h265_nal(frame, payload[2] & 0x3F, b"")
            elif not frame.picture and not frame.sps_here:
                frame.broken = True
        elif kind == _H265_AP:
            for nal in _aggregated(payload, 2):
                self._h265_nal(frame, (nal[0] >> 1) & 0x3F, nal)
        else:
            self._h265_nal(frame, kind, payload)

    def _h265_nal(self, frame: Frame, kind: int, whole: bytes) -> None:
        if kind == _H265_SPS:
            frame.sps_here = True
            self.sps = whole or self.sps
        elif kind < 32:
            frame.picture = True
            frame.key |= 16 <= kind <= 21  # IRAP: BLA, IDR, CRA (H.265 table 7-1)


def _aggregated(payload: bytes, start: int) -> Iterator[bytes]:
    """The NAL units of a STAP-A or an AP; stops where the sizes make no sense."""
    while start + 2 < len(payload):
        size = (payload[start] << 8) | payload[start + 1]
        start += 2
        if not size or start + size > len(payload):
            return
        yield payload[start : start + size]
        start += size


def _slice_type(start: bytes) -> int:
    """The second Exp-Golomb number of a slice header (first_mb_in_slice, slice_type); -1 if not there."""
    value, left = int.from_bytes(start, "big"), len(start) * 8
    number = -1
    for _ in range(2):
        zeros = 0
        while left and not (value >> (left - 1)) & 1:
            left -= 1
            zeros += 1
        if left < zeros + 1:
            return -1
        left -= zeros + 1
        number = (value >> left & ((1 << (zeros + 1)) - 1)) - 1
    return number
