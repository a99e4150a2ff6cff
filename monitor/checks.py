"""Carrying out rounds: the schedule says who is due, collectors answer, results go on in batches.

This is the door through which results of other machines may come in one day: what follows sees only
``Result``s.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import structlog

from monitor.collectors import collector_class
from monitor.collectors.base import CheckSettings, Collector, Env, KnowsDevices
from monitor.collectors.credentials import Account, HasAccounts
from monitor.key_event import KeyEvent, paces
from monitor.model import Device, DeviceId, Reason, Result, Target
from monitor.resolve import Resolver
from monitor.schedule import Round, Schedule

log = structlog.get_logger(room="checks")

_ROUNDS_KEPT = 120
_QUICK_ROUND_S = 10.0
"""The deadline of a round of re-probes."""


class Checks:
    """The collectors at work."""

    def __init__(self, env: Env, resolver: Resolver, schedule: Schedule,
                 deliver: Callable[[list[Result]], None]) -> None:  # fmt: skip
        self._env = env
        self._resolver = resolver
        self._schedule = schedule
        self._deliver = deliver
        self._collectors: dict[str, Collector] = {}
        self._settings: Mapping[str, CheckSettings] = {}
        self._devices: Mapping[DeviceId, Device] = {}
        self._rounds: set[asyncio.Task[None]] = set()
        self._took: dict[str, deque[float]] = {}
        self.failures = 0
        """Rounds that a collector broke off by an exception: a bug of ours, and its devices unmeasured."""

    async def prepare(self, settings: Mapping[str, CheckSettings]) -> dict[str, Collector]:
        """Start the collectors that ``settings`` need anew. Raises what they raise, and changes nothing."""
        fresh: dict[str, Collector] = {}
        try:
            for name, section in settings.items():
                if name not in self._collectors or self._settings.get(name) != section:
                    collector = collector_class(name)(section, self._env)
                    await collector.start()
                    fresh[name] = collector
        except BaseException:
            for collector in fresh.values():
                await collector.stop()
            raise
        return fresh

    def configure(
        self,
        settings: Mapping[str, CheckSettings],
        devices: Mapping[DeviceId, Device],
        fresh: Mapping[str, Collector],
        events: Sequence[KeyEvent] = (),
    ) -> list[Collector]:
        """Go on with these, at once; answers with the collectors that are to be stopped now. ``events`` are
        those in force."""
        self._devices, self._settings = devices, settings
        replaced = [
            self._collectors.pop(name)
            for name in list(self._collectors)
            if name in fresh or name not in settings
        ]
        self._collectors.update(fresh)
        for collector in self._collectors.values():
            if isinstance(collector, KnowsDevices):
                collector.devices_changed(devices)
        self._schedule.load(
            paces({name: s.interval for name, s in settings.items()}, devices.values(), events),
            self._env.clock.now(),
        )
        return replaced

    def start_rounds(self) -> None:
        """Begin what is due now. Call every tenth of a second or so."""
        for round_ in self._schedule.due(self._env.clock.now()):
            task = asyncio.create_task(self._carry_out(round_), name=f"round {round_.check}")
            self._rounds.add(task)
            task.add_done_callback(self._rounds.discard)

    async def _carry_out(self, round_: Round) -> None:
        started = asyncio.get_running_loop().time()
        try:
            collector = self._collectors[round_.check]
            targets, unresolved = self._targets(round_)
            if unresolved:
                self._deliver(unresolved)
            length = _QUICK_ROUND_S if round_.interval_s is None else round_.interval_s
            async for results in collector.collect(targets, started + length):
                self._deliver(results)
        except Exception:
            self._broken_off(round_)
        finally:
            self._schedule.done(round_)
            if round_.slot is not None:
                self._took.setdefault(round_.part, deque(maxlen=_ROUNDS_KEPT)).append(
                    asyncio.get_running_loop().time() - started
                )

    def _broken_off(self, round_: Round) -> None:
        """Whatever the reason, its devices were not measured, and must not seem to be as they were."""
        self.failures += 1
        log.exception("round broken off", check=round_.check, devices=len(round_.devices))
        now = self._env.clock.now().wall
        detail = f"our {round_.check} check broke off"
        try:
            self._deliver(
                [Result(id_, round_.check, now, Reason.OWN_LOSS, (), detail) for id_ in round_.devices]
            )
        except Exception:
            log.exception("its devices could not be booked as unmeasured", check=round_.check)

    def _targets(self, round_: Round) -> tuple[list[Target], list[Result]]:
        targets: list[Target] = []
        unresolved: list[Result] = []
        for id_ in round_.devices:
            device = self._devices.get(id_)
            if device is None:
                continue
            ip = self._resolver.ip(device.address)
            if ip is not None:
                targets.append(Target(device, ip))
            else:
                now = self._env.clock.now().wall
                detail = f"{device.address} does not resolve"
                unresolved.append(Result(id_, round_.check, now, Reason.RESOLVE, (), detail))
        return targets, unresolved

    def accounts(self) -> list[Account]:
        """How the accounts of all collectors stand."""
        return [
            account
            for collector in self._collectors.values()
            if isinstance(collector, HasAccounts)
            for account in collector.accounts()
        ]

    def collector(self, check: str) -> Collector | None:
        """The collector at work for ``check``."""
        return self._collectors.get(check)

    def timing(self, check: str) -> dict[str, float]:
        """How long the last rounds of the check took, in seconds."""
        took = self._took.get(check)
        if not took:
            return {"round_mean_s": 0.0, "round_max_s": 0.0}
        return {"round_mean_s": round(sum(took) / len(took), 3), "round_max_s": round(max(took), 3)}

    async def stop(self) -> None:
        for task in list(self._rounds):
            task.cancel()
        await asyncio.gather(*self._rounds, return_exceptions=True)
        while self._collectors:
            await self._collectors.popitem()[1].stop()
