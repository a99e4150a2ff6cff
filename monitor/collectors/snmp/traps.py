"""The receiver of traps and informs: they make a check happen at once, and are never the only way to know.

A notification is believed only from an address of the inventory, under a community or user that we were
given. Each source may send so many a minute; what is beyond is counted, not looked at.

``trap.alarm`` and ``trap.over_limit`` stand for what no check can see; they are 1, and after a while without
another notification 0, so that a rule about them ends as it began.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from monitor.collectors.base import Env
from monitor.collectors.snmp import traptable, udp
from monitor.collectors.snmp.ber import BerError
from monitor.collectors.snmp.credentials import UserSection
from monitor.collectors.snmp.notification import Reader, Refused
from monitor.model import DeviceId, Point, Reading, Reason, Result, Tags
from monitor.secrets import SecretRef
from monitor.settings import Duration, FiledSection

CHECK = "trap"
"""The check that the results of notifications name."""
_BOOTS_EPOCH_S = 1_577_836_800
"""2020: our engine's boots are the minutes since, so that a restart counts on without a file."""
_MINUTE_MS = 60_000
_STRANGERS = 100
"""Unknown senders that are remembered by address; all are counted."""

COUNTED = (
    "received", "believed", "unknown_sender", "over_limit", "garbage", "refused_community", "refused_user",
    "refused_level", "refused_digest", "refused_time", "refused_pdu", "refused_discovery", "reply_failed",
)  # fmt: skip
"""What becomes of notifications; ``refused_discovery`` and ``refused_time`` are also steps of a v3 inform."""


class TrapSettings(FiledSection):
    """``[traps]``: receive SNMP notifications."""

    listen: str = "::"
    """The address to listen on; "::" is all of both kinds, "0.0.0.0" all of IPv4."""
    port: int = Field(default=162, ge=0, le=65535)
    """0: one that is free (for tests)."""
    communities: tuple[SecretRef, ...] = ()
    """Of v1 and v2c notifications that are believed."""
    users: tuple[UserSection, ...] = ()
    """Of v3 notifications that are believed."""
    engine_id: str = Field(default="", pattern=r"^([0-9a-fA-F]{2}){0,32}$")
    """Our own, in hexadecimal, for informs; by default made of the host's name."""
    per_minute: int = Field(default=60, ge=1)
    """Notifications a minute that one source may send."""
    check_again_after: Duration = 5.0
    """A device that goes on sending is checked at once no more often than this."""
    table: Path = traptable.INSTALLED
    """Which notifications mean what."""

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.communities and not self.users:
            raise ValueError("nothing would be believed; give communities or users")
        return self


class TrapReceiver:
    """``results`` is called with what notifications mean, ``check`` with a device to be checked now."""

    def __init__(
        self,
        settings: TrapSettings,
        env: Env,
        results: Callable[[list[Result]], None],
        check: Callable[[DeviceId], None],
    ) -> None:
        """Raises ``SecretError`` or ``ProfileError``."""
        self.settings = settings
        self.stats: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))
        self.strangers: dict[str, int] = {}
        """Senders that are in no inventory, and how many notifications came of each; the last few."""
        self._env = env
        self._results = results
        self._check = check
        self._table = traptable.load(settings.table)
        now = env.clock.now()
        self._started = now.mono
        self._reader = Reader(
            [ref.read().reveal().encode() for ref in settings.communities],
            [user.read_user() for user in settings.users],
            bytes.fromhex(settings.engine_id) or _own_engine_id(),
            max(1, (now.wall // 1000 - _BOOTS_EPOCH_S) // 60),
        )
        self._devices: dict[str, DeviceId] = {}
        self._spent: dict[str, int] = {}
        self._spent_since = now.mono
        self._checked: dict[DeviceId, int] = {}
        self._holding: dict[tuple[DeviceId, str, Tags], int] = {}
        """Until when (monotonic ms) which reading is 1."""
        self._socket: socket.socket | None = None

    def devices_changed(self, devices: Mapping[str, DeviceId]) -> None:
        """Who sends: resolved addresses of the inventory's devices."""
        self._devices = {_plain(ip): id_ for ip, id_ in devices.items()}

    async def start(self) -> None:
        """Raises ``OSError`` when the port cannot be had."""
        family = socket.AF_INET6 if ":" in self.settings.listen else socket.AF_INET
        self._socket = udp.open_socket(family, self.settings.listen, self.settings.port, both=True)
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def succeed(self, old: TrapReceiver) -> None:
        """Go on for ``old``, which is stopped by it: its socket if that is where we listen too, its counts,
        its engine's time (to senders of informs we are the same engine), and what it still holds."""
        place = (self.settings.listen, self.settings.port)
        if self._socket is None and (old.settings.listen, old.settings.port) == place:
            self._socket, sock = old._socket, old._socket
            if sock is not None:
                asyncio.get_running_loop().remove_reader(sock)
                asyncio.get_running_loop().add_reader(sock, self._readable)
            old._socket = None
        old.close()
        self.stats, self.strangers = old.stats, old.strangers
        self._started = old._started
        self._reader.succeed(old._reader)
        self._devices, self._checked = old._devices, old._checked
        self._spent, self._spent_since, self._holding = old._spent, old._spent_since, old._holding

    def close(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    async def stop(self) -> None:
        self.close()

    @property
    def port(self) -> int:
        return 0 if self._socket is None else int(self._socket.getsockname()[1])

    def point(self) -> Point:
        """How many notifications came, and what became of them, since the start: for our own health."""
        return Point("camwatch_traps", (), tuple(self.stats.items()), self._env.clock.now().wall)

    def hold(self, device: DeviceId, metric: str, tags: Tags, seconds: float) -> None:
        """The metric is 1, for so long unless there is another cause."""
        self._holding[device, metric, tags] = self._env.clock.now().mono + int(seconds * 1000)

    def tick(self) -> None:
        """Time has passed: call every second or so."""
        now = self._env.clock.now()
        self._end([key for key, until in self._holding.items() if until <= now.mono])

    def let_go(self) -> None:
        """No notifications will be received any more: what holds by them ends."""
        self._end(list(self._holding))

    def _end(self, over: Sequence[tuple[DeviceId, str, Tags]]) -> None:
        for device, metric, tags in over:
            del self._holding[device, metric, tags]
            self._tell(device, (Reading(metric, 0, tags),), "no more")

    def _readable(self) -> None:
        sock = self._socket
        if sock is None:
            return
        for _ in range(64):
            try:
                data, address = sock.recvfrom(65535)
            except BlockingIOError:
                return
            except OSError:  # what ICMP said of an acknowledgement
                list(udp.icmp_errors(sock))
                continue
            reply = self.receive(data, _plain(address[0]))
            if reply is not None:
                try:
                    sock.sendto(reply, address)
                except OSError:
                    self.stats["reply_failed"] += 1

    def receive(self, data: bytes, source: str) -> bytes | None:
        """One datagram; what to answer, if anything."""
        self.stats["received"] += 1
        device = self._devices.get(source)
        if device is None:
            self.stats["unknown_sender"] += 1
            self.strangers[source] = self.strangers.pop(source, 0) + 1
            if len(self.strangers) > _STRANGERS:
                del self.strangers[next(iter(self.strangers))]
            return None
        now = self._env.clock.now()
        if now.mono - self._spent_since >= _MINUTE_MS:
            self._spent, self._spent_since = {}, now.mono
        spent = self._spent[source] = self._spent.get(source, 0) + 1
        if spent > self.settings.per_minute:
            self.stats["over_limit"] += 1
            if spent == self.settings.per_minute + 1:
                self._tell(device, (Reading("trap.over_limit", 1),), "sends more notifications than allowed")
                # The minute that it broke, and a whole one in which it does not.
                self.hold(device, "trap.over_limit", (), 2 * _MINUTE_MS / 1000)
            return None
        try:
            found = self._reader.read(data, (now.mono - self._started) / 1000)
        except BerError:
            self.stats["garbage"] += 1
            return None
        except Refused as refused:
            self.stats[f"refused_{refused.why}"] += 1
            return refused.reply
        self.stats["believed"] += 1
        meaning = self._table.meaning(found.oid, found.bindings)
        readings: Sequence[Reading] = meaning.readings
        if meaning.alarm:
            tags = (("name", meaning.name),)
            readings = (*readings, Reading("trap.alarm", 1, tags))
            self.hold(device, "trap.alarm", tags, meaning.alarm)
        self._tell(device, tuple(readings), meaning.name)
        if meaning.check:
            last = self._checked.get(device)
            if last is None or now.mono - last >= self.settings.check_again_after * 1000:
                self._checked[device] = now.mono
                self._check(device)
        return found.reply

    def _tell(self, device: DeviceId, readings: tuple[Reading, ...], detail: str) -> None:
        at = self._env.clock.now().wall
        self._results([Result(device, CHECK, at, Reason.OK, readings, detail)])


def _own_engine_id() -> bytes:
    """RFC 3411: the high bit, enterprise 0, format "text", and our name."""
    return b"\x80\x00\x00\x00\x04" + socket.gethostname().encode()[:27]


def _plain(address: str) -> str:
    """IPv4 as IPv4, also where it came in through an IPv6 socket; without a zone."""
    found = ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)
