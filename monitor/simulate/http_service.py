"""The HTTP side of a simulated camera: ONVIF, snapshots, and its faults."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import struct
from collections.abc import Iterator
from functools import cache
from typing import cast

from monitor.clock import Clock
from monitor.simulate import onvif_replies
from monitor.simulate.auth import Verdict, challenge, check_digest, check_wsse, wants_digest
from monitor.simulate.camera import Auth, SimCamera, SimFleet
from monitor.simulate.clip import snapshot
from monitor.simulate.faults import Fault

_CALL = re.compile(rb"<(?:[\w-]+:)?(" + "|".join(onvif_replies.CALLS).encode() + rb")\b")
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d{1,7})\r\n", re.IGNORECASE)
_AUTHORIZATION = re.compile(rb"\r\nauthorization:\s*([^\r\n]*)\r\n", re.IGNORECASE)
_MAX_REQUEST = 64 * 1024
_DRIP_S = 0.1
_FLOOD = b"x" * (1 << 17)
_LOGIN_PAGE = (
    b"<!DOCTYPE html><html><head><title>Web Service</title></head><body><form>Login</form></body></html>"
)
_JPEG_CALL = "snapshot"


@cache
def gzip_bomb() -> bytes:
    """A gibibyte of spaces, about a megabyte packed."""
    packed = gzip.compress(b" " * (1 << 24), compresslevel=9)
    return packed * 64  # gzip members concatenate (RFC 1952 section 2.2)


@cache
def entity_bomb() -> bytes:
    levels = "".join(
        f'<!ENTITY lol{n} "{"&lol" + str(n - 1) + ";" if n else "lol"}'
        + (f"&lol{n - 1};" * 9 if n else "")
        + '">'
        for n in range(10)
    )
    body = "<tds:Manufacturer>&lol9;</tds:Manufacturer>"
    return _with_dtd(levels, body)


@cache
def external_entity() -> bytes:
    return _with_dtd('<!ENTITY x SYSTEM "file:///etc/passwd">', "<tds:Manufacturer>&x;</tds:Manufacturer>")


def _with_dtd(dtd: str, fields: str) -> bytes:
    return (
        f'<?xml version="1.0"?><!DOCTYPE e [{dtd}]><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl"><e:Body><tds:GetDeviceInformationResponse>'
        f"{fields}</tds:GetDeviceInformationResponse></e:Body></e:Envelope>"
    ).encode()


def _ok(body: bytes, kind: str = "application/soap+xml; charset=utf-8") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class HttpService(asyncio.Protocol):
    """One connection to whichever camera it was made to."""

    def __init__(self, fleet: SimFleet, clock: Clock, http_port: int, rtsp_port: int) -> None:
        self._fleet = fleet
        self._clock = clock
        self._ports = (http_port, rtsp_port)
        self._buffer = bytearray()
        self._feeder: asyncio.TimerHandle | None = None
        self._flood: Iterator[bytes] | None = None
        self._transport: asyncio.Transport | None = None
        self._camera: SimCamera | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._camera = self._fleet.camera(transport.get_extra_info("sockname")[0])
        deaf = self._camera and self._camera.deaf_until > asyncio.get_running_loop().time()
        self._fleet.strays += self._camera is None
        if self._camera is None or deaf:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._flood = None
        if self._feeder is not None:
            self._feeder.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > _MAX_REQUEST and self._transport:
                    self._transport.abort()
                return
            head = bytes(self._buffer[: end + 2])
            length = int(m[1]) if (m := _LENGTH.search(head)) else 0
            if len(self._buffer) < end + 4 + length:
                return
            body = bytes(self._buffer[end + 4 : end + 4 + length])
            del self._buffer[: end + 4 + length]
            if self._camera is not None and self._transport is not None:
                self._serve(self._camera, self._transport, head, body)

    def _serve(self, camera: SimCamera, out: asyncio.Transport, head: bytes, body: bytes) -> None:
        camera.seen.requests += 1
        camera.seen.calls += 1
        if self._misbehave(camera, out):
            return
        is_get = head.startswith(b"GET ")
        call = _JPEG_CALL if is_get else m[1].decode() if (m := _CALL.search(body)) else ""
        if not call or (is_get and b"/onvif-http/snapshot" not in head):
            out.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        if call not in onvif_replies.OPEN_CALLS and not self._admitted(camera, out, head, body, is_get):
            return
        out.write(self._answer(camera, out, call))
        if camera.fault is Fault.CLOSE_EACH:
            out.close()

    def _admitted(
        self, camera: SimCamera, out: asyncio.Transport, head: bytes, body: bytes, is_get: bool
    ) -> bool:
        if camera.auth is Auth.NONE and camera.fault is not Fault.WRONG_PASSWORD:
            return True
        if wants_digest(camera) or is_get:
            header = m[1].decode("latin-1") if (m := _AUTHORIZATION.search(head)) else ""
            verdict = check_digest(camera, self._fleet, "GET" if is_get else "POST", header)
            refusal = (
                f"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {challenge(camera, qop=True)}\r\n"
                "Content-Length: 0\r\n\r\n"
            ).encode()
        else:
            verdict = check_wsse(camera, self._fleet, body, self._clock.now().wall / 1000)
            text = onvif_replies.fault_reply(
                "ter:NotAuthorized", "The action requested requires authorization"
            )
            refusal = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)
        if verdict is not Verdict.OPEN:
            camera.seen.logins += 1
        if verdict is Verdict.GOOD:
            return True
        camera.seen.refused += verdict is Verdict.BAD
        out.write(refusal)
        return False

    def _answer(self, camera: SimCamera, out: asyncio.Transport, call: str) -> bytes:
        if call == _JPEG_CALL:
            return _ok(snapshot(), "image/jpeg")
        if call == "SystemReboot":
            loop = asyncio.get_running_loop()
            camera.seen.reboots += 1
            camera.boot += 1
            camera.deaf_until = loop.time() + self._fleet.reboot_s
            if camera.fault is Fault.REBOOTING:
                out.abort()
                return b""
        if camera.fault is Fault.EMPTY_FIELDS:
            return _ok(onvif_replies.empty_reply(call))
        if camera.fault is Fault.WRONG_RESPONSE:
            call = "GetSystemDateAndTime" if call != "GetSystemDateAndTime" else "GetCapabilities"
        foreign = camera.fault is Fault.FOREIGN_XADDR
        host = self._fleet.decoy if foreign else camera.address
        now = self._clock.now().wall / 1000
        return _ok(onvif_replies.reply(camera, call, now, host, *self._ports))

    def _misbehave(self, camera: SimCamera, out: asyncio.Transport) -> bool:
        """Carries out the camera's fault; True when that was the whole answer."""
        match camera.fault:
            case Fault.STALL:
                pass
            case Fault.DRIP:
                self._drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b" " * 100_000)
            case Fault.ENDLESS_BODY:
                out.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n\r\n")
                self._pour(_FLOOD)
            case Fault.ENDLESS_HEAD:
                out.write(b"HTTP/1.1 200 OK\r\n")
                self._pour(b"X-Padding: " + b"x" * 1000 + b"\r\n")
            case Fault.GZIP_BOMB:
                bomb = gzip_bomb()
                out.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Encoding: gzip\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(bomb)
                )
                out.write(bomb)
            case Fault.ENTITY_BOMB:
                out.write(_ok(entity_bomb()))
            case Fault.EXTERNAL_ENTITY:
                out.write(_ok(external_entity()))
            case Fault.DEEP_XML:
                out.write(_ok(b"<a>" * 60_000))
            case Fault.MANY_ELEMENTS:
                out.write(_ok(b"<a>" + b"<b/>" * 60_000 + b"</a>"))
            case Fault.REDIRECT:
                host = self._fleet.decoy.encode()
                out.write(b"HTTP/1.1 302 Found\r\nLocation: http://%s/\r\nContent-Length: 0\r\n\r\n" % host)
            case Fault.LOGIN_PAGE:
                out.write(_ok(_LOGIN_PAGE, "text/html"))
            case Fault.EMPTY:
                out.write(_ok(b""))
            case Fault.JPEG:
                out.write(_ok(snapshot(), "image/jpeg"))
            case Fault.TRUNCATED:
                out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n<?xml version='1.0'?><Envelope>")
                out.close()
            case Fault.GARBAGE:
                out.write(bytes((i * 73 + 41) & 0xFF for i in range(600)))
            case Fault.RESET:
                reset(out)
            case Fault.SERVER_ERROR:
                out.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops")
            case _:
                return False
        return True

    def _drip(self, data: bytes, at: int = 0) -> None:
        if self._transport is not None and at < len(data) and not self._transport.is_closing():
            self._transport.write(data[at : at + 1])
            self._feeder = asyncio.get_running_loop().call_later(_DRIP_S, self._drip, data, at + 1)

    def _pour(self, piece: bytes) -> None:
        self._flood = iter(lambda: piece, b"")
        self.resume_writing()

    def resume_writing(self) -> None:
        """The pipe has room again: an endless answer goes on, a few pieces at a time."""
        if self._flood is not None and self._transport is not None and not self._transport.is_closing():
            for _ in range(4):
                self._transport.write(next(self._flood))
            self._feeder = asyncio.get_running_loop().call_later(0.001, self.resume_writing)


def reset(out: asyncio.Transport) -> None:
    """Closes with RST."""
    sock = out.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    out.abort()
