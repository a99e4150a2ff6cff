"""The RTSP side of a simulated camera (RFC 2326): the clip over interleaved TCP, and its faults."""

from __future__ import annotations

import asyncio
import re
import struct
from dataclasses import dataclass
from typing import cast

from monitor.clock import Clock
from monitor.simulate.auth import Verdict, challenge, check_digest
from monitor.simulate.camera import Auth, SimCamera, SimFleet
from monitor.simulate.clip import FRAME_RATE, TICKS, clip
from monitor.simulate.faults import Fault
from monitor.simulate.http_service import reset

_MAX_REQUEST = 16 * 1024
_PAYLOAD_TYPE = 96
_NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 (NTP) to 1970 (Unix)."""
_SSRC = 0x43414D57
_INTERLEAVED = re.compile(r"interleaved=(\d{1,3})-\d{1,3}")


@dataclass(slots=True)
class _Stream:
    """Where the sending of one session stands."""

    frame: int = 0
    packet: int = 0
    octets: int = 0


class RtspService(asyncio.Protocol):
    def __init__(self, fleet: SimFleet, clock: Clock) -> None:
        self._fleet = fleet
        self._clock = clock
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._camera: SimCamera | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._session = False
        self._channel = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._camera = self._fleet.camera(transport.get_extra_info("sockname")[0])
        deaf = self._camera and self._camera.deaf_until > asyncio.get_running_loop().time()
        if self._camera is None or deaf:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        self._end_session()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end])
            del self._buffer[: end + 4]
            if self._camera is not None and self._transport is not None:
                self._serve(self._camera, self._transport, head.decode("latin-1"))
        if len(self._buffer) > _MAX_REQUEST and self._transport is not None:
            self._transport.abort()

    def _serve(self, camera: SimCamera, out: asyncio.Transport, head: str) -> None:
        camera.seen.requests += 1
        first, *lines = head.split("\r\n")
        method, _, rest = first.partition(" ")
        url = rest.partition(" ")[0]
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        cseq = headers.get("cseq", "0")
        if self._misbehave(camera, out, cseq):
            return
        if method == "OPTIONS":
            self._reply(cseq, "200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n")
        elif not self._admitted(camera, method, headers.get("authorization", ""), cseq):
            return
        elif method == "DESCRIBE":
            self._describe(camera, url, cseq)
        elif method == "SETUP":
            self._setup(camera, url, headers.get("transport", ""), cseq)
        elif method == "PLAY" and self._session:
            camera.seen.plays += 1
            self._reply(cseq, "200 OK", f"Session: {camera.serial}\r\nRange: npt=0.000-\r\n")
            self._play(camera)
        elif method == "TEARDOWN" and self._session:
            camera.seen.teardowns += 1
            self._stop()
            self._reply(cseq, "200 OK", f"Session: {camera.serial}\r\n")
            self._end_session()
        else:
            self._reply(cseq, "455 Method Not Valid in This State")

    def _reply(self, cseq: str, status: str, headers: str = "", body: str = "") -> None:
        if self._transport is not None:
            length = f"Content-Length: {len(body)}\r\n" if body else ""
            self._transport.write(
                f"RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{headers}{length}\r\n{body}".encode()
            )

    def _admitted(self, camera: SimCamera, method: str, authorization: str, cseq: str) -> bool:
        if camera.auth is Auth.NONE and camera.fault is not Fault.WRONG_PASSWORD:
            return True
        verdict = check_digest(camera, self._fleet, method, authorization)
        camera.seen.logins += verdict is not Verdict.OPEN
        if verdict is Verdict.GOOD:
            return True
        camera.seen.refused += verdict is Verdict.BAD
        self._reply(cseq, "401 Unauthorized", f"WWW-Authenticate: {challenge(camera, qop=False)}\r\n")
        return False

    def _describe(self, camera: SimCamera, url: str, cseq: str) -> None:
        sdp = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=Media Presentation\r\nt=0 0\r\na=control:*\r\n"
        if camera.fault is not Fault.AUDIO_ONLY:
            media = clip(camera.codec)
            sdp += (
                f"m=video 0 RTP/AVP {_PAYLOAD_TYPE}\r\na=rtpmap:{_PAYLOAD_TYPE} {media.codec.value}/90000\r\n"
                f"a=fmtp:{_PAYLOAD_TYPE} {media.fmtp}\r\na=framerate:{FRAME_RATE}\r\na=control:trackID=1\r\n"
            )
        sdp += "m=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=control:trackID=2\r\n"
        self._reply(cseq, "200 OK", f"Content-Type: application/sdp\r\nContent-Base: {url}/\r\n", sdp)

    def _setup(self, camera: SimCamera, url: str, transport: str, cseq: str) -> None:
        if camera.fault is Fault.BUSY:
            self._reply(cseq, "453 Not Enough Bandwidth")
        elif camera.fault is Fault.TOO_MANY_USERS:
            self._reply(cseq, "403 Forbidden - Too many users")
        elif not (channels := _INTERLEAVED.search(transport)):
            self._reply(cseq, "461 Unsupported Transport")
        else:
            if not url.endswith("trackID=2"):  # the sound track is accepted, and silent
                self._channel = int(channels[1])
            if not self._session:
                self._session = True
                camera.seen.sessions += 1
                camera.seen.peak_sessions = max(camera.seen.peak_sessions, camera.seen.sessions)
            self._reply(
                cseq,
                "200 OK",
                f"Session: {camera.serial};timeout=60\r\n"
                f"Transport: RTP/AVP/TCP;unicast;{channels[0]};ssrc={_SSRC:08X}\r\n",
            )

    def _play(self, camera: SimCamera) -> None:
        if camera.fault is Fault.NO_FRAMES:
            return
        if camera.fault is Fault.ENDLESS_RTP:
            self._pour()
            return
        self._send_report(camera)
        start = 1 if camera.fault is Fault.NO_KEY_FRAME else 0
        self._send_frame(camera, _Stream(frame=start))

    def _send_frame(self, camera: SimCamera, at: _Stream) -> None:
        out = self._transport
        if out is None or out.is_closing():
            return
        frames = clip(camera.codec).frames
        frame = frames[at.frame % len(frames)]
        stamp = (at.frame * TICKS) & 0xFFFFFFFF
        pieces: list[bytes] = []
        for number, payload in enumerate(frame.payloads):
            at.packet += 1
            if camera.fault is Fault.PACKET_LOSS and at.packet % 10 == 7:
                continue
            marker = 0x80 if number == len(frame.payloads) - 1 else 0
            head = struct.pack(
                ">cBHBBHII",
                b"$",
                self._channel,
                12 + len(payload),
                0x80,
                marker | _PAYLOAD_TYPE,
                at.packet & 0xFFFF,
                stamp,
                _SSRC,
            )
            pieces += (head, payload)
        if not (camera.fault is Fault.FROZEN and at.frame > 0):
            out.write(b"".join(pieces))
        at.frame += 1
        if camera.fault is Fault.NO_KEY_FRAME and frames[at.frame % len(frames)].key:
            at.frame += 1
        self._timer = asyncio.get_running_loop().call_later(1 / FRAME_RATE, self._send_frame, camera, at)

    def _send_report(self, camera: SimCamera) -> None:
        """An RTCP sender report (RFC 3550 section 6.4.1) with the camera's clock."""
        wall = self._clock.now().wall / 1000 + camera.skew_s + _NTP_EPOCH
        fraction = int((wall % 1) * (1 << 32))
        report = struct.pack(">BBHIIIIII", 0x80, 200, 6, _SSRC, int(wall), fraction, 0, 0, 0)
        if self._transport is not None:
            self._transport.write(struct.pack(">cBH", b"$", self._channel + 1, len(report)) + report)

    def _pour(self) -> None:
        out = self._transport
        if out is not None and not out.is_closing():
            if out.get_write_buffer_size() < 1 << 20:
                out.write((b"$\x05\xff\xff" + b"\0" * 65535) * 4)
            self._timer = asyncio.get_running_loop().call_later(0.001, self._pour)

    def _misbehave(self, camera: SimCamera, out: asyncio.Transport, cseq: str) -> bool:
        match camera.fault:
            case Fault.STALL:
                pass
            case Fault.DRIP:
                self._drip(b"RTSP/1.0 200 OK\r\n" + b"X-Padding: x\r\n" * 10_000)
            case Fault.ENDLESS_HEAD:
                out.write(b"RTSP/1.0 200 OK\r\n" + b"X-Padding: xxxxxxxxxxxxxxxx\r\n" * 40_000)
            case Fault.GARBAGE:
                out.write(bytes((i * 73 + 41) & 0xFF for i in range(600)))
            case Fault.REDIRECT:
                self._reply(cseq, "302 Moved Temporarily", f"Location: rtsp://{self._fleet.decoy}/\r\n")
            case Fault.SERVER_ERROR:
                self._reply(cseq, "500 Internal Server Error")
            case Fault.LOGIN_PAGE:
                out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhtml")
            case Fault.RESET:
                reset(out)
            case _:
                return False
        return True

    def _drip(self, data: bytes, at: int = 0) -> None:
        if self._transport is not None and at < len(data) and not self._transport.is_closing():
            self._transport.write(data[at : at + 1])
            self._timer = asyncio.get_running_loop().call_later(0.1, self._drip, data, at + 1)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_session(self) -> None:
        if self._session and self._camera is not None:
            self._session = False
            self._camera.seen.sessions -= 1
