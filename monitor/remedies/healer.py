"""The task that lets alerts ask for remedies: which alert, which device, when. How is ``remedies``.

An alert asks once for each of its rule's actions. Where a limit or maintenance stands in the way the reason
is written down once, and it asks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import structlog

from monitor.alerts.incident import Alert, Fingerprint, Incident
from monitor.books.exclusion import Cause, Exclusion, places_of
from monitor.books.read import exclusions_of
from monitor.collectors.base import Env
from monitor.collectors.onvif.collector import OnvifCollector
from monitor.core import Core
from monitor.model import Device, DeviceId, IncidentId, Target, WallMs
from monitor.remedies.actors import OnvifReboot, PoeCycle, PoePort, shows_key_frame
from monitor.remedies.attempts import Action, ActionSettings, Actor, Mode, Remedied, Remedies, Step, recent
from monitor.storage.ledger.records import IncidentEvent
from monitor.storage.ledger.writer import connect

if TYPE_CHECKING:
    from monitor.config import Config

log = structlog.get_logger(room="remedies")

_LOOK_S = 1.0
_PROOF_S = 20.0


class _Wish(NamedTuple):
    """An alert's asking for one action."""

    fingerprint: Fingerprint
    since: WallMs
    action: Action


class Healer:
    """One task of the daemon. Idle unless ``[remedies]`` says otherwise."""

    def __init__(self, daemon: Core, leads: Callable[[], bool]) -> None:
        """``leads``: whether it is for us to act, and not for another instance."""
        self._daemon = daemon
        self._leads = leads
        self._config: Config | None = None
        self._remedies: Remedies | None = None
        self._actions: dict[str, list[ActionSettings]] = {}
        self._history: list[Remedied] = []
        self._done: set[_Wish] = set()
        self._held: dict[_Wish, str] = {}
        self._treated: dict[DeviceId, asyncio.Task[None]] = {}
        self._incidents: dict[DeviceId, IncidentId] = {}
        self._works: list[Exclusion] = []

    async def run(self) -> None:
        try:
            while True:
                await self.look()
                await asyncio.sleep(_LOOK_S)
        finally:
            tasks = list(self._treated.values())
            for task in tasks:
                task.cancel()
            # A port that is without power gets it back before we are gone.
            await asyncio.gather(*tasks, return_exceptions=True)

    async def look(self) -> None:
        """Begin what the open alerts ask for now."""
        daemon = self._daemon
        if self._config is not daemon.config:
            await self._renew(daemon.config)
        remedies = self._remedies
        if remedies is None or daemon.pipeline.states.blind or not self._leads():
            return
        wishes: set[_Wish] = set()
        asking: list[tuple[_Wish, Device, Incident]] = []
        now = daemon.clock.now().wall
        for incident in daemon.pipeline.desk.incidents.values():
            for alert in incident.open_alerts():
                for action in self._actions.get(alert.fingerprint.rule, ()):
                    wish = _Wish(alert.fingerprint, alert.since, action.action)
                    wishes.add(wish)
                    device = self._wanted(alert, action, now)
                    if device is not None and wish not in self._done:
                        asking.append((wish, device, incident))
        self._done &= wishes
        self._held = {wish: why for wish, why in self._held.items() if wish in wishes}
        if asking:
            known = await asyncio.to_thread(exclusions_of, daemon.ledger.path)
            self._works = [each for each in known if each.cause is Cause.MAINTENANCE and each.counts]
        for wish, device, incident in asking:
            self._begin(remedies, wish, device, incident)

    def _wanted(self, alert: Alert, action: ActionSettings, now: WallMs) -> Device | None:
        if alert.device is None or now - alert.since < action.after * 1000:
            return None
        device = self._daemon.config.inventory.devices.get(alert.device)
        return device if device is not None and action.match.selects(device) else None

    def _begin(self, remedies: Remedies, wish: _Wish, device: Device, incident: Incident) -> None:
        ip = self._daemon.resolver.ip(device.address)
        if ip is None or device.id in self._treated:
            return
        held = remedies.held(device, wish.action)
        if held and self._held.get(wish) == held:
            return
        if held:
            self._held[wish] = held
        elif self._asked_before(wish, device):
            self._done.add(wish)
            return
        else:
            self._done.add(wish)
        self._incidents[device.id] = incident.id
        task = asyncio.create_task(self._treat(remedies, wish, Target(device, ip), incident))
        self._treated[device.id] = task
        task.add_done_callback(lambda _: self._treated.pop(device.id, None))

    def _asked_before(self, wish: _Wish, device: Device) -> bool:
        """Before a restart: an alert that goes on does not ask twice."""
        steps = (Step.ASKED, Step.DRY_RUN)
        return any(
            r.device == device.id and r.action is wish.action and r.step in steps and r.at >= wish.since
            for r in self._history
            if r.rule == wish.fingerprint.rule
        )

    async def _treat(self, remedies: Remedies, wish: _Wish, target: Target, incident: Incident) -> None:
        try:
            step = await remedies.apply(target, wish.action, wish.fingerprint.rule)
        except Exception:
            self._daemon.health.task_failures += 1
            log.exception("a remedy broke off", device=target.device.id, action=wish.action.value)
            return
        if step is Step.CURED:
            incident.remedy = wish.action.value
            # Its own checks find it sound, which ends the alert.
            now = self._daemon.clock.now()
            for check in target.device.checks:
                self._daemon.schedule.soon(target.device.id, check, 0, now)

    # ---------------------------------------------------------------- what remedies need

    async def _renew(self, config: Config) -> None:
        """Another configuration: what has been done stays known."""
        settings = config.remedies
        self._config, self._remedies, self._actions = config, None, {}
        if settings.mode is Mode.OFF:
            return
        for action in settings.action:
            self._actions.setdefault(action.rule, []).append(action)
        self._history = await asyncio.to_thread(self._read_history)
        self._remedies = Remedies(
            settings,
            self._actors(config),
            self._proof,
            self._in_maintenance,
            self._journal,
            self._daemon.clock,
            self._history,
        )

    def _read_history(self) -> list[Remedied]:
        with closing(connect(self._daemon.ledger.path, read_only=True)) as db:
            return recent(db, self._daemon.clock.now().wall)

    def _actors(self, config: Config) -> dict[Action, Actor]:
        daemon, actors = self._daemon, dict[Action, Actor]()
        onvif: object = daemon.checks.collector("onvif")
        if isinstance(onvif, OnvifCollector):
            env = Env(daemon.clock, daemon.rng)
            actors[Action.REBOOT] = OnvifReboot(onvif.account_of, onvif.endpoint_of, env)
        poe = config.remedies.poe
        if poe.community is not None:
            community = poe.community.read()
            actors[Action.POE_CYCLE] = PoeCycle(self._port_of, community, poe.off, udp_port=poe.port)
        return actors

    def _port_of(self, device: Device) -> PoePort | None:
        port, devices = device.tags.get("poe_port", ""), self._daemon.config.inventory.devices
        switch = devices.get(device.parents[0]) if device.parents else None
        ip = self._daemon.resolver.ip(switch.address) if switch is not None else None
        sound = all(part.isdigit() for part in port.split("."))
        return PoePort(ip, port) if ip is not None and port and sound else None

    async def _proof(self, target: Target) -> bool:
        rtsp = self._daemon.checks.collector("rtsp")
        return rtsp is not None and await shows_key_frame(rtsp, target, _PROOF_S)

    def _in_maintenance(self, device: Device) -> bool:
        """By the plan of the configuration, or by an exclusion that somebody has entered."""
        now = self._daemon.clock.now().wall
        planned = self._daemon.config.policy.maintenance
        if any(window.span_at(now) and window.select.selects(device) for window in planned):
            return True
        places = places_of(device.id, device.site, device.area, device.feeder)
        open_now = (work for work in self._works if work.span.since <= now // 1000 < work.span.until)
        return any(work.place in places for work in open_now)

    async def _journal(self, done: Remedied) -> None:
        """Returns once it is on disk: nothing is sent before that."""
        log.info(
            "remedy", device=done.device, action=done.action.value, step=done.step.value, why=done.detail
        )
        written = asyncio.Event()
        words = f"{done.action.value}: {done.step.value}{f' ({done.detail})' if done.detail else ''}"
        event = IncidentEvent(self._incidents[done.device], done.at, "remedy", "", words)
        self._daemon.ledger.write([done, event], written.set)
        await written.wait()
