"""WS-Discovery of the simulated cameras: one UDP socket answers as every one of them (IP_PKTINFO).

Unicast probes are answered by the camera they were sent to; a multicast probe, which in the loopback
arrives for all alike, by the first few, since thousands of answers to one probe would only be lost.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import uuid

from monitor.simulate.camera import SimCamera, SimFleet
from monitor.simulate.faults import Fault

GROUP = "239.255.255.250"
_IP_PKTINFO = 8  # not named by Python 3.11's socket module
_BATCH = 64
_MULTICAST_ANSWERS = 16
_MESSAGE_ID = re.compile(rb"<(?:[\w-]+:)?MessageID[^>]*>\s*([^<\s]{1,120})\s*<")
_MATCHES = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:wsadis="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"'
    ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><env:Header>'
    "<wsadis:MessageID>urn:uuid:{message}</wsadis:MessageID><wsadis:RelatesTo>{relates}</wsadis:RelatesTo>"
    "<wsadis:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsadis:To>"
    "<wsadis:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</wsadis:Action>"
    '<d:AppSequence InstanceId="{boot}" MessageNumber="1"/></env:Header><env:Body><d:ProbeMatches>'
    "<d:ProbeMatch><wsadis:EndpointReference><wsadis:Address>urn:uuid:{uuid}</wsadis:Address>"
    "</wsadis:EndpointReference><d:Types>dn:NetworkVideoTransmitter</d:Types>"
    "<d:Scopes>onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/hardware/{model}"
    " onvif://www.onvif.org/name/SIMCAM%20{model}</d:Scopes>"
    "<d:XAddrs>http://{host}:{port}/onvif/device_service</d:XAddrs><d:MetadataVersion>10</d:MetadataVersion>"
    "</d:ProbeMatch></d:ProbeMatches></env:Body></env:Envelope>"
)


class WsdService:
    """Opened by ``start``; ``port`` 0 takes any."""

    def __init__(self, fleet: SimFleet, http_port: int) -> None:
        self._fleet = fleet
        self._http_port = http_port
        self._sock: socket.socket | None = None
        self.port = 0

    def start(self, port: int) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind(("0.0.0.0", port))  # noqa: S104 - answers only for addresses of 127.0.0.0/8
        member = socket.inet_aton(GROUP) + socket.inet_aton("127.0.0.1")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        self.port = sock.getsockname()[1]
        self._sock = sock
        asyncio.get_running_loop().add_reader(sock.fileno(), self._readable)

    def stop(self) -> None:
        if self._sock is not None:
            asyncio.get_running_loop().remove_reader(self._sock.fileno())
            self._sock.close()
            self._sock = None

    def _readable(self) -> None:
        sock = self._sock
        for _ in range(_BATCH):
            if sock is None:
                return
            try:
                data, ancillary, _, sender = sock.recvmsg(8192, socket.CMSG_SPACE(12))
            except BlockingIOError:
                return
            asked = next((d for level, kind, d in ancillary if (level, kind) == (0, _IP_PKTINFO)), b"")
            if len(asked) >= 12 and sender[0].startswith("127."):
                # in_pktinfo: interface index, local address, destination of the header.
                self._answer(sock, data, socket.inet_ntoa(asked[8:12]), sender)

    def _answer(self, sock: socket.socket, data: bytes, to: str, sender: tuple[str, int]) -> None:
        message = _MESSAGE_ID.search(data)
        if message is None or b"Probe" not in data:
            return
        if to == GROUP:
            cameras = list(self._fleet.cameras.values())[:_MULTICAST_ANSWERS]
        else:
            camera = self._fleet.camera(to)
            cameras = [camera] if camera is not None else []
        now = asyncio.get_running_loop().time()
        for camera in cameras:
            if camera.fault is Fault.STALL or camera.deaf_until > now:
                continue
            source = struct.pack("I4s4s", 0, socket.inet_aton(camera.address), b"\0" * 4)
            try:
                sock.sendmsg(
                    [self._matches(camera, message[1].decode("latin-1"))],
                    [(0, _IP_PKTINFO, source)],
                    0,
                    sender,
                )
            except (BlockingIOError, ConnectionRefusedError):
                continue  # UDP: an answer may be lost

    def _matches(self, camera: SimCamera, relates: str) -> bytes:
        if camera.fault is Fault.GARBAGE:
            return b"\xff\xfe" * 40
        unique = uuid.uuid5(uuid.NAMESPACE_DNS, camera.serial)
        host = self._fleet.decoy if camera.fault is Fault.FOREIGN_XADDR else camera.address
        return _MATCHES.format(
            message=unique, relates=relates, boot=camera.boot, uuid=unique, model=camera.model, host=host,
            port=self._http_port,
        ).encode()  # fmt: skip
