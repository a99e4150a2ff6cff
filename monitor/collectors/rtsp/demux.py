"""The byte stream of an RTSP connection, taken apart: answers, and RTP packets between them.

RFC 2326 section 10.12 (embedded binary data). Pure, incremental and bounded.
"""

from __future__ import annotations

from typing import NamedTuple

from monitor.collectors.http1 import MAX_HEAD, Head, WireError, parse_head
from monitor.model import Reason

_MAX_BODY = 64 * 1024
_DOLLAR = 0x24


class Packet(NamedTuple):
    """One interleaved packet: RTP or RTCP by its channel."""

    channel: int
    data: bytes


class Response(NamedTuple):
    head: Head
    body: bytes


Event = Packet | Response


class Demux:
    """``feed`` gives what has become whole; ``WireError`` when the stream makes no sense."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Event]:
        buffer = self._buffer
        buffer += data
        events: list[Event] = []
        at, size = 0, len(buffer)
        while at < size:
            if buffer[at] == _DOLLAR:
                end = at + 4 + ((buffer[at + 2] << 8) | buffer[at + 3]) if size - at >= 4 else size + 1
                if end > size:
                    break
                events.append(Packet(buffer[at + 1], bytes(buffer[at + 4 : end])))
                at = end
            elif buffer[at] in b"\r\n":
                at += 1  # some servers put an empty line between messages
            else:
                step = self._message(at, events)
                if not step:
                    break
                at += step
        del buffer[:at]
        return events

    def _message(self, at: int, events: list[Event]) -> int:
        """Bytes taken by a text message that begins at ``at``; 0 while it is not whole."""
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n", at, at + MAX_HEAD + 4)
        if end < 0:
            if len(buffer) - at > MAX_HEAD:
                raise WireError(Reason.OVERSIZE, f"the head of the answer is over {MAX_HEAD} bytes")
            start = bytes(buffer[at : at + 7])
            if start[:5] != b"RTSP/"[: len(start)] and not start[:1].isupper():
                raise WireError(Reason.PROTOCOL, "not RTSP")
            return 0
        raw = bytes(buffer[at:end])
        if raw.partition(b"\r\n")[0].endswith(b" RTSP/1.0"):
            return end + 4 - at  # a request of the server's own (OPTIONS, ANNOUNCE): nothing hangs on it
        head = parse_head(raw, b"RTSP/1.")
        length = head.first("content-length") or "0"
        if not (length.isascii() and length.isdigit() and len(length) < 10):
            raise WireError(Reason.PROTOCOL, "Content-Length is not a number")
        if int(length) > _MAX_BODY:
            raise WireError(Reason.OVERSIZE, f"the answer is over {_MAX_BODY} bytes")
        whole = end + 4 + int(length)
        if whole > len(buffer):
            return 0
        events.append(Response(head, bytes(buffer[end + 4 : whole])))
        return whole - at
