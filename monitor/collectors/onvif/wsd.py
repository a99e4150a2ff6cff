"""WS-Discovery 1.0 (April 2005) as ONVIF uses it: probes, and the answers of cameras.

Unicast probes work where multicast does not: over routers and in big flat networks, where thousands of
answers to one multicast probe are mostly lost. An answer counts only if it relates to our own message and
comes from an address that was asked for (or, for multicast, that the caller admits).
"""

from __future__ import annotations

import asyncio
import random
import socket
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from monitor.collectors.http1 import WireError
from monitor.collectors.onvif.xml import Element, parse
from monitor.collectors.pin import same_host

PORT = 3702
GROUP = "239.255.255.250"
_MAX_ANSWER = 16 * 1024
_TICK_S = 0.01
_BATCH = 256
_RCVBUF = 8 << 20
_KNOWN = frozenset(("RelatesTo", "AppSequence", "ProbeMatch", "Types", "Scopes", "XAddrs"))
_PROBE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"'
    ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><s:Header>'
    "<a:MessageID>{message}</a:MessageID><a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
    "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action></s:Header>"
    "<s:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></s:Body></s:Envelope>"
)


@dataclass(frozen=True, slots=True)
class Match:
    """What one device says of itself. All of it is hearsay."""

    address: str
    """Where the answer came from."""
    name: str
    hardware: str
    service: str
    """The first address of its device service, as it names it."""
    boot: int | None
    """AppSequence/InstanceId: grows with each start of the device."""


def probe_message(message: str) -> bytes:
    return _PROBE.format(message=message).encode()


def parse_match(raw: bytes, message: str, address: str) -> Match | None:
    """The answer in one datagram; None for anything but a match that relates to ``message``."""
    try:
        root = parse(raw, _KNOWN)
    except WireError:
        return None
    header, body = root.child("Header"), root.child("Body")
    if header is None or body is None or not body.children:
        return None
    relates, sequence = header.child("RelatesTo"), header.child("AppSequence")
    match = body.children[0].child("ProbeMatch")
    if relates is None or _uuid(relates.text) != _uuid(message) or match is None:
        return None
    scopes = [unquote(scope) for scope in _text(match, "Scopes").split()]
    is_onvif = any(scope.lower().startswith("onvif://www.onvif.org/") for scope in scopes)
    if "NetworkVideoTransmitter" not in _text(match, "Types") and not is_onvif:
        return None
    instance = sequence.attributes.get("InstanceId", "") if sequence is not None else ""
    return Match(
        address,
        _scope(scopes, "name"),
        _scope(scopes, "hardware"),
        _service(_text(match, "XAddrs").split(), address)[:1024],
        int(instance) if instance.isascii() and instance.isdigit() and len(instance) < 19 else None,
    )


def _uuid(message: str) -> str:
    """Some answer with the id alone, or in capitals."""
    return message.strip().lower().removeprefix("urn:").removeprefix("uuid:")


def _service(named: list[str], address: str) -> str:
    """Of several addresses (IPv4, IPv6, a second network) the one that the answer came from."""
    if len(named) < 2:
        return named[0] if named else ""
    return next((uri for uri in named if same_host(_host(uri), address)), named[0])


def _host(uri: str) -> str:
    try:
        return urlsplit(uri).hostname or ""
    except ValueError:
        return ""


def _text(element: Element, name: str) -> str:
    found = element.child(name)
    return found.text if found is not None else ""


def _scope(scopes: list[str], kind: str) -> str:
    start = f"onvif://www.onvif.org/{kind}/"
    found = next((scope[len(start) :] for scope in scopes if scope.lower().startswith(start)), "")
    found = found[:100]
    return (found if found.isprintable() else "".join(c if c.isprintable() else " " for c in found)).strip()


class Prober:
    """One UDP socket for any number of probes. Close it in any case."""

    def __init__(self, rng: random.Random, port: int = PORT) -> None:
        self._message = f"urn:uuid:{uuid.UUID(int=rng.getrandbits(128), version=4)}"
        self._port = port
        self._admits: Callable[[str], bool] = lambda address: False
        self._matches: dict[str, Match] = {}
        self._wanted = 0
        self._all_here = asyncio.Event()
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RCVBUF)
        self._sock.bind(("", 0))  # answers come to whichever address they were asked from

    def close(self) -> None:
        self._sock.close()

    async def unicast(self, addresses: Iterable[str], per_second: float, wait_s: float) -> list[Match]:
        """Asks each address once, at a steady pace, and the silent ones twice; listens ``wait_s`` longer."""
        asked = list(addresses)
        known = set(asked)
        async with self._listening(known.__contains__):
            await self._send(asked, per_second)
            await self._settle(len(asked), wait_s / 2)
            # Datagrams get lost: the silent ones are asked once more (SOAP-over-UDP, section 3.4).
            await self._send([address for address in asked if address not in self._matches], per_second)
            await self._settle(len(asked), wait_s / 2)
        return list(self._matches.values())

    async def multicast(
        self, admits: Callable[[str], bool], wait_s: float, interface: str = ""
    ) -> list[Match]:
        """Asks everybody on the local network (TTL 1), twice; keeps the answers of addresses that
        ``admits`` lets in. ``interface`` is the local address to send from."""
        async with self._listening(admits):
            if interface:
                self._sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface))
            for _ in range(2):
                with suppress(OSError):
                    self._sock.sendto(probe_message(self._message), (GROUP, self._port))
                await asyncio.sleep(wait_s / 2)
        return list(self._matches.values())

    async def _send(self, addresses: Sequence[str], per_second: float) -> None:
        loop = asyncio.get_running_loop()
        began, sent, message = loop.time(), 0, probe_message(self._message)
        while sent < len(addresses):
            due = min(len(addresses), int((loop.time() - began) * per_second) + 1, sent + _BATCH)
            for address in addresses[sent:due]:
                with suppress(OSError):  # no route, or our buffer is full: it counts as not answered
                    self._sock.sendto(message, (address, self._port))
            sent = due
            await asyncio.sleep(_TICK_S)

    async def _settle(self, wanted: int, wait_s: float) -> None:
        """Waits until all have answered, at most ``wait_s``."""
        self._wanted = wanted
        self._all_here.clear()
        if len(self._matches) < wanted:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._all_here.wait()

    def _listening(self, admits: Callable[[str], bool]) -> _Listening:
        self._admits, self._matches = admits, {}
        return _Listening(self._sock, self._readable)

    def _readable(self) -> None:
        for _ in range(64):
            try:
                data, sender = self._sock.recvfrom(_MAX_ANSWER)
            except OSError:  # drained; or an ICMP error of some probe, which says nothing of the others
                return
            address = sender[0]
            if address not in self._matches and self._admits(address):
                match = parse_match(data, self._message, address)
                if match is not None:
                    self._matches[address] = match
                    if len(self._matches) == self._wanted:
                        self._all_here.set()


class _Listening:
    """Reads the socket while it is entered."""

    def __init__(self, sock: socket.socket, readable: Callable[[], None]) -> None:
        self._sock = sock
        self._readable = readable

    async def __aenter__(self) -> None:
        asyncio.get_running_loop().add_reader(self._sock.fileno(), self._readable)

    async def __aexit__(self, *error: object) -> None:
        asyncio.get_running_loop().remove_reader(self._sock.fileno())


class BootAsker:
    """Asks single devices for their boot count beside a poll. Nobody waits for the answer."""

    def __init__(self, rng: random.Random, port: int) -> None:
        self._rng = rng
        self._port = port
        self._asked: dict[str, tuple[str, asyncio.Future[int]]] = {}
        """The message that each address was sent, and what becomes of it."""
        self._sock: socket.socket | None = None

    def start(self) -> None:
        self._sock = sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind(("", 0))  # answers come to whichever address they were asked from
        asyncio.get_running_loop().add_reader(sock.fileno(), self._readable)

    def stop(self) -> None:
        if self._sock is not None:
            asyncio.get_running_loop().remove_reader(self._sock.fileno())
            self._sock.close()
            self._sock = None
        self._asked.clear()

    def ask(self, address: str) -> asyncio.Future[int]:
        """Done once the device has told its count. ``forget`` it in any case."""
        future = asyncio.get_running_loop().create_future()
        if self._sock is not None and ":" not in address:
            message = f"urn:uuid:{uuid.UUID(int=self._rng.getrandbits(128), version=4)}"
            self._asked[address] = message, future
            with suppress(OSError):
                self._sock.sendto(probe_message(message), (address, self._port))
        return future

    def forget(self, address: str) -> None:
        self._asked.pop(address, None)

    def _readable(self) -> None:
        for _ in range(16):
            try:
                data, sender = self._sock.recvfrom(_MAX_ANSWER) if self._sock else (b"", ("", 0))
            except OSError:
                return
            message, future = self._asked.get(sender[0], ("", None))
            if future is None or future.done():
                continue
            match = parse_match(data, message, sender[0])
            if match is not None and match.boot is not None:
                future.set_result(match.boot)
