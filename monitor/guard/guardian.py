"""The task that looks after ourselves, the outside heartbeat and the other instance."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from monitor import ntp
from monitor.core import Core
from monitor.guard import selfwatch
from monitor.guard.heartbeat import HeartbeatError, beat
from monitor.guard.peer import PeerError, PeerServer, ask
from monitor.guard.standby import Standby
from monitor.model import MonoMs
from monitor.notifiers.notice import OutboxEntry
from monitor.secrets import SecretError
from monitor.service.pulse import Pulse, ailment

log = structlog.get_logger(room="guard")

_LOOK_S = 2.0
_NTP_S = 300.0
_BEATS_LOST = 3


class Guardian:
    """``standby_of``: the address of the instance that we stand by for; empty: we send ourselves."""

    def __init__(self, core: Core, pulse: Callable[[MonoMs], Pulse], standby_of: str = "") -> None:
        self._core = core
        self._pulse = pulse
        self._standby_of = standby_of
        peer = core.config.daemon.peer
        self._dead_after_ms = int(peer.dead_after * 1000)
        now = core.clock.now().mono
        self._peer_seen: MonoMs = now
        self._offset_ms: float | None = None
        self._watch = selfwatch.SelfWatch()
        self.standby = Standby(now, self._dead_after_ms) if standby_of else None

    async def run(self) -> None:
        """All the watches, until cancelled; one that dies takes the others with it, to be started again."""
        settings = self._core.config.daemon
        server = None
        if settings.peer.listen and settings.peer.secret is not None:
            server = PeerServer(settings.peer.listen, settings.peer.secret.read(), self.well)
            await server.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._look())
                group.create_task(self._ask_time())
                group.create_task(self._beat())
                group.create_task(self._ask_peer())
        finally:
            if server is not None:
                await server.stop()

    def woke(self, now: MonoMs) -> None:
        """We did not run for a while: the other one's silence meanwhile was our deafness."""
        self._peer_seen = max(self._peer_seen, now)
        if self.standby is not None:
            self.standby.woke(now)

    def well(self) -> bool:
        """Whether we can stand for the fleet: nothing stands still, and we see."""
        core = self._core
        return not core.pipeline.states.blind and not ailment(self._pulse(core.clock.now().mono))

    # ---------------------------------------------------------------- messages of a standby

    def admit(self, entry: OutboxEntry) -> bool:
        """Whether a message may go out now."""
        return self.standby is None or self.standby.admit(entry, self._core.clock.now().mono)

    @property
    def leads(self) -> bool:
        """It is for us to act: there is no other instance that does."""
        return self.standby is None or self.standby.leading

    def _release(self, now: MonoMs) -> None:
        if self.standby is None:
            return
        led = self.standby.leading
        send, drop = self.standby.tick(now)
        if self.standby.leading and not led:
            log.warning("the other instance is dead: taking over", messages=len(send))
        self._core.deliveries.release(send, drop)

    # ---------------------------------------------------------------- the watches

    async def _look(self) -> None:
        while True:
            core, now = self._core, self._core.presence.now()
            seen = selfwatch.sample(
                core.config.daemon.state_dir,
                lag_ms=core.health.loop_lag_ms,
                overruns=sum(core.schedule.overruns().values()),
                task_failures=core.health.task_failures + core.checks.failures,
                clock_offset_ms=self._offset_ms,
                synchronised=ntp.synchronised(now.wall, ntp.kernel_synchronised()),
            )
            found = self._watch.look(seen, core.config.daemon.watch, now.mono)
            for name in selfwatch.WATCHED:
                self._tell(name, found.get(name, ""))
            self._release(now.mono)
            await asyncio.sleep(_LOOK_S)

    def _tell(self, name: str, trouble: str, subject: str = "Camwatch") -> None:
        now = self._core.clock.now()
        self._core.pipeline.own_trouble(name, bool(trouble), now.wall, now, trouble, subject)

    async def _ask_time(self) -> None:
        while True:
            self._offset_ms = None
            for server in self._core.config.daemon.watch.ntp:
                try:
                    self._offset_ms = await ntp.offset_ms(server, lambda: self._core.clock.now().wall)
                    break
                except (ntp.NtpError, OSError) as error:
                    log.info("no time", server=server, why=str(error))
            await asyncio.sleep(_NTP_S)

    async def _beat(self) -> None:
        lost = 0
        while True:
            settings = self._core.config.daemon.heartbeat
            if settings.url is None:
                self._tell("heartbeat", "")
            elif self.well():
                try:
                    await beat(settings.url.read(), settings.timeout)
                    lost = 0
                    self._tell("heartbeat", "")
                except (HeartbeatError, SecretError) as error:
                    lost += 1
                    if lost == _BEATS_LOST:
                        self._tell("heartbeat", str(error))
            await asyncio.sleep(settings.every)

    async def _ask_peer(self) -> None:
        while True:
            settings = self._core.config.daemon.peer
            address = self._standby_of or settings.address
            if address and settings.secret is not None:
                why = ""
                try:
                    await ask(address, settings.secret.read())
                    self._peer_seen = self._core.clock.now().mono
                    if self.standby is not None:
                        self.standby.peer_alive(self._peer_seen)
                except (PeerError, SecretError) as error:
                    why = str(error)
                dead = self._core.clock.now().mono - self._peer_seen >= settings.dead_after * 1000
                # A standby tells of it only once it leads: the message would be held like the others.
                self._tell("peer", why if dead else "", subject=address)
            await asyncio.sleep(settings.every)
