"""One RTSP session with one camera: DESCRIBE, SETUP, PLAY, watch, and TEARDOWN whatever happened."""

from __future__ import annotations

import asyncio
import random
import re
from contextlib import suppress
from dataclasses import dataclass

from monitor.clock import Clock
from monitor.collectors.credentials import Credential, admit
from monitor.collectors.digest import Answerer, parse_challenges
from monitor.collectors.http1 import WireError
from monitor.collectors.rtsp.connection import RtspConnection, open_rtsp
from monitor.collectors.rtsp.demux import Response
from monitor.collectors.rtsp.sdp import video_track
from monitor.collectors.rtsp.watch import Proof, Watch
from monitor.model import DeviceId, Reason

_BUSY_WORDS = re.compile(r"too many|user|limit|max|busy|connection|session|resource|bandwidth", re.IGNORECASE)
_SESSION = re.compile(r"^[A-Za-z0-9$\-_.+=/%]{1,200}$")
_CHANNEL = re.compile(r"interleaved=(\d{1,3})")
TEARDOWN_S = 0.5


@dataclass(frozen=True, slots=True)
class Stream:
    """Where the video is and how long to look for it."""

    ip: str
    port: int
    path: str
    deadline: float
    """Of the running loop's ``time()``: the last moment that a frame may come."""
    max_bytes: int
    whole_gop: bool


class Session:
    """``prove`` once. ``WireError`` says why there is no proof."""

    def __init__(
        self,
        device: DeviceId,
        stream: Stream,
        credential: Credential | None,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._device = device
        self._stream = stream
        self._credential = credential
        self._clock = clock
        self._rng = rng
        self._answerer: Answerer | None = None
        self._session = ""
        host = f"[{stream.ip}]" if ":" in stream.ip else stream.ip
        self._url = f"rtsp://{host}:{stream.port}{stream.path}"
        self._aggregate = self._url
        self.connect_s = 0.0
        self._admitted: Credential | None = None
        """An account that this camera is judging."""
        self._logged_in = False

    async def prove(self) -> Proof:
        loop = asyncio.get_running_loop()
        began = loop.time()
        stream = self._stream
        connection = await open_rtsp(stream.ip, stream.port, stream.deadline, stream.max_bytes)
        self.connect_s = loop.time() - began
        timeout = WireError(Reason.TIMEOUT, "no answer in time")
        timer = loop.call_at(stream.deadline, connection.fail, timeout)
        try:
            return await self._play(connection)
        finally:
            timer.cancel()
            if self._admitted is not None:
                self._admitted.undecided(self._device)
            try:
                await self._teardown(connection)
            finally:
                connection.abort()

    async def _play(self, connection: RtspConnection) -> Proof:
        described = await self._ask(connection, "DESCRIBE", self._url, "Accept: application/sdp\r\n")
        self._logged_in = True
        if self._admitted is not None:
            self._admitted.accepted(self._device)
            self._admitted = None
        base = described.head.first("content-base") or described.head.first("content-location")
        usable = base.startswith("rtsp://") and base.isascii() and base.isprintable() and " " not in base
        if usable:
            self._aggregate = base
        track = video_track(described.body, self._aggregate)
        wanted = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        setup = await self._ask(connection, "SETUP", track.control, wanted)
        self._session = setup.head.first("session").partition(";")[0].strip()
        if not _SESSION.match(self._session):
            self._session = ""
            raise WireError(Reason.PROTOCOL, "SETUP was answered without a session")
        channel = _CHANNEL.search(setup.head.first("transport"))
        watch = Watch(track, int(channel[1]) if channel else 0, self._stream.whole_gop, self._clock)
        connection.on_packet, connection.on_error = watch.packet, watch.failed
        await self._ask(
            connection,
            "PLAY",
            self._aggregate,
            f"Session: {self._session}\r\nRange: npt=0.000-\r\n",
            watch.done,
        )
        return await watch.done

    async def _ask(
        self,
        connection: RtspConnection,
        method: str,
        url: str,
        headers: str,
        proof: asyncio.Future[Proof] | None = None,
    ) -> Response:
        """One request, logged in where that is wanted; ``WireError`` for every answer but success."""
        for _ in range(3):
            try:
                response = await connection.request(method, url, headers + self._authorization(method, url))
            except WireError:
                if proof is not None and proof.done():
                    proof.exception()  # it ends in the same error, which is told once
                raise
            if response.head.status != 401:
                _check(response, method)
                return response
            if not await self._take_challenge(response):
                break
        if self._admitted is not None:
            self._admitted.refused(self._device)
            self._admitted = None
        raise WireError(Reason.AUTH, "the password was refused")

    def _authorization(self, method: str, url: str) -> str:
        if self._answerer is None:
            return ""
        return f"Authorization: {self._answerer.header(method, url)}\r\n"

    async def _take_challenge(self, response: Response) -> bool:
        """Is there a challenge that has not been answered yet? Then it is answered from now on."""
        challenges = parse_challenges(response.head.all("www-authenticate"))
        account, used = self._credential, self._answerer
        if account is None:
            raise WireError(Reason.AUTH, "a password is wanted and none is configured")
        if not challenges:
            return False
        if used is not None:
            # Once logged in, a new nonce only means that the old one has aged.
            same = used.challenge.nonce == challenges[0].nonce
            if same or not (self._logged_in or challenges[0].stale):
                return False
        elif not self._logged_in:
            await admit(account, self._device, self._stream.deadline)
            self._admitted = account
        cnonce = f"{self._rng.getrandbits(64):016x}"
        self._answerer = Answerer(challenges[0], account.user, account.password, cnonce)
        return True

    async def _teardown(self, connection: RtspConnection) -> None:
        """Ends the session and gives the camera a moment to agree: one that is only cut off stays in its
        table of users for a minute. Runs for a cancelled check too."""
        connection.on_packet = connection.on_error = None
        if self._session:
            headers = f"Session: {self._session}\r\n{self._authorization('TEARDOWN', self._aggregate)}"
            with suppress(TimeoutError, WireError):
                async with asyncio.timeout(TEARDOWN_S):
                    await connection.request("TEARDOWN", self._aggregate, headers)


def _check(response: Response, method: str) -> None:
    status, phrase = response.head.status, response.head.phrase
    if 200 <= status < 300:
        return
    if status in (453, 503) or (status == 403 and _BUSY_WORDS.search(phrase)):
        raise WireError(Reason.BUSY, f"no more sessions now ({method}: {status})")
    if status == 403:
        raise WireError(Reason.AUTH, f"the account may not do that ({method}: 403)")
    if 300 <= status < 400:
        raise WireError(Reason.UNEXPECTED, f"a redirect ({method}: {status})")
    if status == 404:
        raise WireError(Reason.UNEXPECTED, "no stream at that path (404)")
    raise WireError(Reason.UNEXPECTED, f"{method} was answered {status}")
