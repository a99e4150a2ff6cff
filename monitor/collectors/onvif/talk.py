"""One conversation with one camera: its connection, its way of asking for a password, its clock.

A request is sent once. The exceptions are all harmless questions: a kept connection that the camera had
closed before it said anything, a Digest challenge, and a refusal that came from a clock that has moved.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from monitor.clock import Clock
from monitor.collectors import wire
from monitor.collectors.credentials import Credential
from monitor.collectors.digest import Answerer, Scheme, parse_challenges
from monitor.collectors.http1 import Answer, WireError
from monitor.collectors.onvif import answers, soap
from monitor.collectors.onvif.xml import Element
from monitor.collectors.turns import Turns
from monitor.model import Reading, Reason

T = TypeVar("T")

_CLOCK_MOVED_S = 1.0


class Login(StrEnum):
    OPEN = "open"
    """It asked for no password."""
    WSSE = "wsse"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Endpoint:
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class Address:
    """A URL that the camera named, and what we made of it."""

    uri: str
    ip: str
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class Profiles:
    """The media profiles that a camera has."""

    digest: int
    """Of the answer that told them: ten kilobytes that are the same from poll to poll are read once."""
    count: int
    token: str
    """Of the first with video."""


@dataclass(slots=True)
class Memory:
    """What is kept of one camera between polls: a few hundred bytes."""

    login: Login | None = None
    answerer: Answerer | None = None
    """Its latest Digest nonce."""
    media: Endpoint | None = None
    serial: str = ""
    model: str = ""
    boot: int | None = None
    """How often it had started when last asked (WS-Discovery's InstanceId)."""
    addresses: dict[str, Address] = field(default_factory=dict)
    profiles: Profiles | None = None


class Talk:
    """Close it in any case. ``WireError`` is all that ``ask`` raises."""

    def __init__(
        self,
        ip: str,
        device: Endpoint,
        deadline: float,
        max_body: int,
        memory: Memory,
        credential: Credential | None,
        clock: Clock,
        rng: random.Random,
        turns: Turns | None = None,
    ) -> None:
        self._ip = ip
        self._device = device
        self._deadline = deadline
        self._max_body = max_body
        self._memory = memory
        self._credential = credential
        self._clock = clock
        self._rng = rng
        self._turns = turns
        self._connection: wire.Connection | None = None
        self._port = 0
        self._nonce_is_new = False
        self.drift_s = 0.0
        """The camera's clock minus ours; 0 while it is not known."""
        self.tells_time = False
        self.took_ms = 0.0
        """From sending the latest request to having its whole answer."""
        self.connect_ms = 0.0

    async def ask(self, call: soap.Call, token: str = "") -> Element:
        """The response element of ``call``, logged in where the call needs it."""
        return await self.read(call, lambda answer: answers.response(call, answer), token)

    async def read(self, call: soap.Call, reader: Callable[[Answer], T], token: str = "") -> T:
        """What ``reader`` makes of the answer to ``call``; it raises ``WireError`` for what is none."""
        if call.open or self._credential is None:
            try:
                return reader(await self._send(call, token))
            except WireError as error:
                # Some cameras want a password even for what the specification leaves open.
                if error.reason is not Reason.AUTH or self._credential is None:
                    raise
        return await self._read_logged_in(call, reader, token, self._credential)

    async def measure_clock(self) -> None:
        """Asks for the time and sets ``drift_s``, to half a second: ONVIF tells whole ones, if any."""
        element = await self.ask(soap.GET_DATE)
        now_s = self._clock.now().wall / 1000
        theirs = answers.utc_seconds(element)
        self.tells_time = theirs is not None
        if theirs is not None:
            self.drift_s = theirs + 0.5 - (now_s - self.took_ms / 2000)

    @property
    def port(self) -> int:
        """Where its device service is."""
        return self._device.port

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _read_logged_in(
        self, call: soap.Call, reader: Callable[[Answer], T], token: str, account: Credential
    ) -> T:
        memory = self._memory
        clock_tried = False
        for _ in range(4 if call.repeatable else 1):
            digest = memory.answerer if memory.login is Login.DIGEST else None
            answer = await self._send(call, token, account, digest)
            if answer.status == 401 and self._take_challenge(answer, account, digest):
                continue
            try:
                found = reader(answer)
            except WireError as error:
                if error.reason is not Reason.AUTH or digest is not None or clock_tried:
                    raise
                clock_tried = True
                if not call.open and await self._clock_moved():
                    continue
                raise
            memory.login = memory.login or Login.WSSE
            self._nonce_is_new = False  # the password is right: should a nonce be refused now, it has aged
            return found
        raise WireError(Reason.AUTH, "the password was refused")

    def _take_challenge(self, answer: Answer, account: Credential, used: Answerer | None) -> bool:
        """Is there a Digest challenge that has not been answered yet? Then it is answered from now on."""
        offered = parse_challenges(answer.head.all("www-authenticate"))
        challenge = next((each for each in offered if each.scheme is Scheme.DIGEST), None)
        if challenge is None or (used is not None and self._nonce_is_new and not challenge.stale):
            return False
        cnonce = f"{self._rng.getrandbits(64):016x}"
        self._memory.login = Login.DIGEST
        self._memory.answerer = Answerer(challenge, account.user, account.password, cnonce)
        self._nonce_is_new = True
        return True

    async def _clock_moved(self) -> bool:
        """A UsernameToken is judged by the camera's clock: has it been set since we looked?"""
        before = self.drift_s
        await self.measure_clock()
        return abs(self.drift_s - before) >= _CLOCK_MOVED_S

    async def _send(
        self,
        call: soap.Call,
        token: str,
        account: Credential | None = None,
        digest: Answerer | None = None,
    ) -> Answer:
        at = self._device
        if call.service is soap.Service.MEDIA and self._memory.media is not None:
            at = self._memory.media
        header = authorization = ""
        if digest is None and account is not None:
            created = self._clock.now().wall / 1000 + self.drift_s - 0.5
            nonce = self._rng.getrandbits(128).to_bytes(16, "big")
            header = soap.username_token(account.user, account.password.reveal(), nonce, created)
        body = soap.envelope(call.element(token), header)
        if digest is not None:
            authorization = digest.header("POST", at.path, body)
        host = f"[{self._ip}]" if ":" in self._ip else self._ip
        request = soap.http_request(f"{host}:{at.port}", at.path, call, body, authorization)
        return await self._exchange(request, at.port, call.repeatable)

    async def _exchange(self, request: bytes, port: int, repeatable: bool) -> Answer:
        # What may be asked once only gets a fresh connection: a kept one may prove closed, and then nobody
        # could tell whether it was heard.
        kept = self._connection if self._port == port and repeatable else None
        if kept is not None and kept.usable:
            try:
                return await self._timed(kept, request)
            except WireError as error:
                if error.reason is not Reason.PROTOCOL or kept.answered:
                    raise
        return await self._timed(await self._connect(port), request)

    async def _connect(self, port: int) -> wire.Connection:
        self.close()
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._connection = await wire.connect(
            self._ip, port, self._deadline, self._max_body, turns=self._turns
        )
        self._port = port
        self.connect_ms = (loop.time() - began) * 1000
        return self._connection

    async def _timed(self, connection: wire.Connection, request: bytes) -> Answer:
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await connection.request(request)
        self.took_ms = (loop.time() - began) * 1000
        return answer
