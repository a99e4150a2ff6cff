"""RTP and RTCP packets (RFC 3550): headers, losses by sequence number, the sender's clock."""

from __future__ import annotations

from typing import NamedTuple

_NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 (NTP) to 1970 (Unix)."""
_YEAR_2000 = 946_684_800
_SENDER_REPORT = 200
_FAR = 3000
"""A jump of the sequence number beyond this is a new start, not a loss (RFC 3550, MAX_DROPOUT)."""


class RtpPacket(NamedTuple):
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    payload: bytes


def parse_rtp(data: bytes) -> RtpPacket | None:
    """None for what is not an RTP packet of version 2 with a payload."""
    if len(data) < 13 or data[0] >> 6 != 2:
        return None
    start = 12 + 4 * (data[0] & 0x0F)
    if data[0] & 0x10:
        if len(data) < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = len(data) - (data[-1] if data[0] & 0x20 else 0)
    if end <= start:
        return None
    return RtpPacket(
        data[1] & 0x7F,
        data[1] >= 0x80,
        (data[2] << 8) | data[3],
        int.from_bytes(data[4:8], "big"),
        data[start:end],
    )


def sender_clock(data: bytes) -> float | None:
    """Unix seconds by the sender's clock, of a compound RTCP packet that begins with a sender report.

    None where there is none, or where the "wall clock" is a time since boot, as many cameras send.
    """
    if len(data) < 20 or data[0] >> 6 != 2 or data[1] != _SENDER_REPORT:
        return None
    seconds = int.from_bytes(data[8:12], "big") - _NTP_EPOCH
    if seconds < _YEAR_2000:
        return None
    return seconds + int.from_bytes(data[12:16], "big") / (1 << 32)


class Losses:
    """Counts what is missing between the sequence numbers, over wraps and restarts."""

    __slots__ = ("_next", "lost", "received")

    def __init__(self) -> None:
        self._next: int | None = None
        self.received = 0
        self.lost = 0

    def seen(self, sequence: int) -> bool:
        """True when packets are missing before this one."""
        self.received += 1
        gap = 0 if self._next is None else (sequence - self._next) & 0xFFFF
        if gap >= 0x10000 - _FAR:  # late or repeated: it fills a hole that was counted
            self.lost = max(0, self.lost - 1)
            return False
        self._next = (sequence + 1) & 0xFFFF
        if gap > _FAR:
            return True
        self.lost += gap
        return gap > 0

    @property
    def percent(self) -> float:
        return 100 * self.lost / (self.lost + self.received) if self.received else 0.0
