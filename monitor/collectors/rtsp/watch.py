"""Watches the packets of a playing stream until they prove that video flows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from monitor.clock import Clock
from monitor.collectors.http1 import WireError
from monitor.collectors.rtsp.demux import Packet
from monitor.collectors.rtsp.frames import Frame, FrameReader
from monitor.collectors.rtsp.rtp import parse_rtp, sender_clock
from monitor.collectors.rtsp.sdp import Codec, VideoTrack
from monitor.collectors.rtsp.sps import Size, SpsError, h264_size, h265_size
from monitor.model import Reason

MORE_FRAMES = 3
"""Whole frames after the key frame that make a proof: one alone may come from a buffer of a dead encoder."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the watch has seen."""

    first_key_s: float
    """From the start of the watch (PLAY) to the end of the first key frame."""
    frame_rate: float | None
    """Frames a second by the RTP time stamps; None where these do not advance."""
    size: Size | None
    loss_percent: float
    clock_drift_s: float | None
    """The sender's clock minus ours, where it told."""
    gop: int | None
    """Frames from one key frame to the next, where that was watched."""
    bit_rate: float | None
    """Bits a second over that whole GOP: over less, the key frame would weigh too much."""


class Watch:
    def __init__(self, track: VideoTrack, channel: int, whole_gop: bool, clock: Clock) -> None:
        self._loop = asyncio.get_running_loop()
        self._track = track
        self._channel = channel
        self._whole_gop = whole_gop
        self._clock = clock
        self._reader = FrameReader(track.codec)
        self._began = self._loop.time()
        self._first_key_s: float | None = None
        self._drift_s: float | None = None
        self._stamps: list[int] = []
        """Of the key frame and of the frames after it."""
        self._octets = 0
        self._gop: int | None = None
        self._frames = 0
        self.done: asyncio.Future[Proof] = self._loop.create_future()

    def packet(self, packet: Packet) -> None:
        if packet.channel == self._channel:
            rtp = parse_rtp(packet.data)
            if rtp is not None and rtp.payload_type == self._track.payload_type:
                for frame in self._reader.feed(rtp):
                    self._frame(frame)
        elif packet.channel == self._channel + 1:
            sent = sender_clock(packet.data)
            if sent is not None:
                self._drift_s = sent - self._clock.now().wall / 1000

    def failed(self, error: WireError) -> None:
        """The wait is over: what was missing, in the words of what had come."""
        if self.done.done():
            return
        if error.reason is Reason.TIMEOUT:
            if self._reader.losses.received == 0:
                error = WireError(Reason.NO_VIDEO, "PLAY was answered but no video packet came")
            elif self._first_key_s is None:
                error = WireError(Reason.NO_VIDEO, f"{self._frames} frames but no whole key frame in time")
            elif self._whole_gop and len(self._stamps) > MORE_FRAMES:
                self.done.set_result(self._proof())  # video flows; only the next key frame did not come
                return
            else:
                frames = len(self._stamps) - 1
                error = WireError(Reason.NO_VIDEO, f"a key frame, then only {frames} more frames in time")
        self.done.set_exception(error)

    def _frame(self, frame: Frame) -> None:
        if not frame.picture or self.done.done():
            return
        self._frames += 1
        if self._first_key_s is None:
            if not frame.key or frame.broken:
                return
            self._first_key_s = self._loop.time() - self._began
        elif frame.key and self._gop is None:
            self._gop = len(self._stamps)
        if self._gop is None:
            self._octets += frame.octets
        if not frame.broken:
            self._stamps.append(frame.timestamp)
        if len(self._stamps) > MORE_FRAMES and (self._gop is not None or not self._whole_gop):
            self.done.set_result(self._proof())

    def _proof(self) -> Proof:
        # Signed distances from the first, over the wrap: with B frames the latest is not the last.
        offsets = [((s - self._stamps[0] + (1 << 31)) & 0xFFFFFFFF) - (1 << 31) for s in self._stamps]
        span_s = (max(offsets) - min(offsets)) / self._track.clock_rate
        rate = (len(self._stamps) - 1) / span_s if 0 < span_s < 3600 else None
        gop_s = self._gop / rate if self._gop and rate else None
        return Proof(
            self._first_key_s or 0.0,
            rate,
            _size(self._track.codec, self._reader.sps or self._track.sps),
            self._reader.losses.percent,
            self._drift_s,
            self._gop,
            self._octets * 8 / gop_s if gop_s else None,
        )


def _size(codec: Codec, sps: bytes) -> Size | None:
    try:
        return h264_size(sps) if codec is Codec.H264 else h265_size(sps)
    except SpsError:
        return None
