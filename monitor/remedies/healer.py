"""The task that lets alerts ask for remedies: which alert, which device, when. How is ``remedies``.

An alert asks once for each of its rule's actions. Where a limit or maintenance stands in the way the reason
is written down once, and it asks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

from monitor.alerts.incident import Alert, Fingerprint, Incident
from monitor.books.exclusion import Cause, Exclusion, places_of
from monitor.books.read import exclusions_of
from monitor.collectors.base import Env
from monitor.collectors.onvif.collector import OnvifCollector
from monitor.core import Core
from monitor.ladder import DeviceFault
from monitor.model import Device, DeviceId, Target, WallMs
from monitor.remedies.actors import OnvifReboot, PoeCycle, shows_key_frame
from monitor.remedies.attempts import ActionSettings, Actor, Mode, Remedies
from monitor.remedies.poe import PoePort, PoeSettings
from monitor.remedies.ports import DarkPort, Ports, dark_ports
from monitor.remedies.steps import Action, Remedied, Step, broken_off, recent
from monitor.storage.ledger.records import IncidentEvent, Record
from monitor.storage.ledger.writer import connect

if TYPE_CHECKING:
    from monitor.config import Config

log = structlog.get_logger(room="remedies")

_TROUBLE = "poe_port"
_LOOK_S = 1.0
_PROOF_S = 20.0


class _Wish(NamedTuple):
    """An alert's asking for one action."""

    fingerprint: Fingerprint
    since: WallMs
    action: Action


class Healer:
    """One task of the daemon. Idle unless ``[remedies]`` says otherwise."""

    def __init__(self, core: Core, leads: Callable[[], bool]) -> None:
        """``leads``: whether it is for us to act, and not for another instance."""
        self._core = core
        self._leads = leads
        self._config: Config | None = None
        self._remedies: Remedies | None = None
        self._actions: dict[str, list[ActionSettings]] = {}
        self._history: list[Remedied] = []
        self._done: set[_Wish] = set()
        self._rehearsed: set[_Wish] = set()
        """Those of ``_done`` that were only dry runs."""
        self._held: dict[_Wish, str] = {}
        self._treated: dict[DeviceId, asyncio.Task[None]] = {}
        self._incidents: dict[DeviceId, Incident] = {}
        self._works: list[Exclusion] = []
        self._broken_off: list[Remedied] = []
        """What the last run did not bring to its end."""
        self._ports = Ports(self._poe, self._journal, self._tell, core.clock, core.rng)

    async def run(self) -> None:
        try:
            await self._take_up()
            while True:
                await self.look()
                await asyncio.sleep(_LOOK_S)
        finally:
            tasks = list(self._treated.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # A port that is without power gets it back before we are gone.
            await self._ports.stop()

    async def _take_up(self) -> None:
        """What the last run left; ports get their power back whatever the configuration now says."""
        core = self._core
        self._ports = Ports(self._poe, self._journal, self._tell, core.clock, core.rng)
        self._config = None  # nothing made for an earlier run of this task is used
        history, dark = await asyncio.to_thread(self._read_ledger)
        self._broken_off = broken_off(history)
        for subject in core.pipeline.own_subjects(_TROUBLE):
            if subject not in {_subject(each.port) for each in dark}:
                self._told(subject, "")
        self._ports.take_up(dark)

    async def look(self) -> None:
        """Begin what the open alerts ask for now."""
        core = self._core
        if self._config is not core.config:
            await self._renew(core.config)
        remedies = self._remedies
        if remedies is None or core.pipeline.states.blind or not self._leads():
            return
        self._resume(remedies)
        wishes: set[_Wish] = set()
        asking: list[tuple[_Wish, Device, Incident]] = []
        now = core.clock.now().wall
        for incident in core.pipeline.desk.incidents.values():
            for alert in incident.open_alerts():
                for action in self._actions.get(alert.fingerprint.rule, ()):
                    wish = _Wish(alert.fingerprint, alert.since, action.action)
                    wishes.add(wish)
                    device = self._wanted(alert, action, now)
                    if device is not None and wish not in self._done:
                        asking.append((wish, device, incident))
        self._done &= wishes
        self._rehearsed &= wishes
        self._held = {wish: why for wish, why in self._held.items() if wish in wishes}
        if asking:
            known = await asyncio.to_thread(exclusions_of, core.ledger.path)
            self._works = [each for each in known if each.cause is Cause.MAINTENANCE and each.counts]
        for wish, device, incident in asking:
            self._begin(remedies, wish, device, incident)

    def _wanted(self, alert: Alert, action: ActionSettings, now: WallMs) -> Device | None:
        if alert.device is None or now - alert.since < action.after * 1000:
            return None
        device = self._core.config.inventory.devices.get(alert.device)
        return device if device is not None and action.match.selects(device) else None

    def _begin(self, remedies: Remedies, wish: _Wish, device: Device, incident: Incident) -> None:
        ip = self._core.resolver.ip(device.address)
        if ip is None or device.id in self._treated:
            return
        if self._asked_before(remedies, wish, device):
            self._done.add(wish)
            return
        held = remedies.held(device, wish.action)
        if held and self._held.get(wish) == held:
            return
        self._done.add(wish)
        self._start(self._apply(remedies, wish, Target(device, ip)), device, wish.action, incident)

    async def _apply(self, remedies: Remedies, wish: _Wish, target: Target) -> Step:
        step = await remedies.apply(target, wish.action, wish.fingerprint.rule)
        if step is Step.HELD:  # it asks again; also if a limit was reached by another one a moment ago
            self._held[wish] = remedies.held(target.device, wish.action)
            self._done.discard(wish)
        elif step is Step.DRY_RUN:
            self._rehearsed.add(wish)
        return step

    def _resume(self, remedies: Remedies) -> None:
        """Go on with what the last run began."""
        core, waiting = self._core, self._broken_off
        self._broken_off = []
        for last in waiting:
            device = core.config.inventory.devices.get(last.device)
            if device is None or remedies.mode is not Mode.ON:
                continue
            ip = core.resolver.ip(device.address)
            if ip is None or device.id in self._treated:
                self._broken_off.append(last)
            else:
                incident = self._incident(last.device, last.rule)
                if incident is not None:
                    self._credit(incident, last)
                work = remedies.resume(last, Target(device, ip))
                self._start(work, device, last.action, incident)

    def _incident(self, device: DeviceId, rule: str) -> Incident | None:
        """Which an alert of this rule about this device has opened."""
        return next(
            (
                incident
                for incident in self._core.pipeline.desk.incidents.values()
                for alert in incident.open_alerts()
                if alert.device == device and alert.fingerprint.rule == rule
            ),
            None,
        )

    def _start(
        self, work: Coroutine[Any, Any, Step], device: Device, action: Action, incident: Incident | None
    ) -> None:
        if incident is not None:
            self._incidents[device.id] = incident
        task = asyncio.create_task(self._treat(work, device, action, incident))
        self._treated[device.id] = task
        task.add_done_callback(lambda _: self._treated.pop(device.id, None))

    def _asked_before(self, remedies: Remedies, wish: _Wish, device: Device) -> bool:
        """Before a restart: an alert that goes on does not ask twice. What was only rehearsed may be done."""
        steps = (Step.ASKED,) if remedies.mode is Mode.ON else (Step.ASKED, Step.DRY_RUN)
        return any(
            r.device == device.id and r.action is wish.action and r.step in steps and r.at >= wish.since
            for r in self._history
            if r.rule == wish.fingerprint.rule
        )

    async def _treat(
        self, work: Coroutine[Any, Any, Step], device: Device, action: Action, incident: Incident | None
    ) -> None:
        try:
            step = await work
        except Exception:
            self._core.health.task_failures += 1
            log.exception("a remedy broke off", device=device.id, action=action.value)
            return
        if step is Step.CURED:
            # Its own checks find it sound, which ends the alert.
            now = self._core.clock.now()
            for check in device.checks:
                self._core.schedule.soon(device.id, check, 0, now)

    # ---------------------------------------------------------------- what remedies need

    async def _renew(self, config: Config) -> None:
        """Another configuration: what has been done stays known."""
        settings = config.remedies
        self._config, self._remedies, self._actions = config, None, {}
        if settings.mode is Mode.OFF:
            return
        for action in settings.action:
            self._actions.setdefault(action.rule, []).append(action)
        self._done -= self._rehearsed
        self._rehearsed.clear()
        self._history, _ = await asyncio.to_thread(self._read_ledger)
        self._remedies = Remedies(
            settings,
            self._actors(config),
            self._proof,
            self._in_maintenance,
            self._journal,
            self._core.clock,
            self._history,
        )

    def _read_ledger(self) -> tuple[list[Remedied], list[DarkPort]]:
        with closing(connect(self._core.ledger.path, read_only=True)) as db:
            return recent(db, self._core.clock.now().wall), dark_ports(db)

    def _actors(self, config: Config) -> dict[Action, Actor]:
        core, actors = self._core, dict[Action, Actor]()
        onvif: object = core.checks.collector("onvif")
        if isinstance(onvif, OnvifCollector):
            env = Env(core.clock, core.rng)
            actors[Action.REBOOT] = OnvifReboot(onvif.account_of, onvif.endpoint_of, env)
        poe = config.remedies.poe
        if poe.has_account:
            actors[Action.POE_CYCLE] = PoeCycle(self._port_of, self._ports, poe.off)
        return actors

    def _poe(self) -> PoeSettings:
        return self._core.config.remedies.poe

    def _port_of(self, device: Device) -> PoePort | None:
        port, devices = device.tags.get("poe_port", ""), self._core.config.inventory.devices
        switch = devices.get(device.parents[0]) if device.parents else None
        ip = self._core.resolver.ip(switch.address) if switch is not None else None
        sound = all(part.isdigit() for part in port.split("."))
        return PoePort(ip, port) if ip is not None and port and sound else None

    async def _proof(self, target: Target) -> bool:
        rtsp = self._core.checks.collector("rtsp")
        return rtsp is not None and await shows_key_frame(rtsp, target, _PROOF_S)

    def _in_maintenance(self, device: Device) -> bool:
        """It, or what it is reached through and has its power from."""
        devices = self._core.config.inventory.devices
        return any(map(self._maintained, (device, *(devices[p] for p in device.parents if p in devices))))

    def _maintained(self, device: Device) -> bool:
        """By the plan of the configuration, or by an exclusion that somebody has entered."""
        now = self._core.clock.now().wall
        planned = self._core.config.policy.maintenance
        if any(window.span_at(now) and window.select.selects(device) for window in planned):
            return True
        places = places_of(device.id, device.site, device.area, device.feeder)
        open_now = (work for work in self._works if work.span.since <= now // 1000 < work.span.until)
        return any(work.place in places for work in open_now)

    def _tell(self, dark: DarkPort, why: str) -> None:
        """A person must know of a camera that we took the power from and cannot give it back."""
        device = self._core.config.inventory.devices.get(dark.device)
        name = dark.device if device is None else f"{device.name} ({device.address})"
        self._told(_subject(dark.port), why and f"{name}: {why}")

    def _told(self, subject: str, why: str) -> None:
        now = self._core.clock.now()
        self._core.pipeline.own_trouble(_TROUBLE, bool(why), now.wall, now, why, subject=subject)

    async def _journal(self, *records: Record) -> None:
        """Returns once they are on disk: nothing is sent before that."""
        written = asyncio.Event()
        events = [self._event(record) for record in records if isinstance(record, Remedied)]
        self._core.ledger.write([*records, *filter(None, events)], written.set)
        await written.wait()

    def _event(self, done: Remedied) -> IncidentEvent | None:
        """A step as the history of its incident has it."""
        log.info(
            "remedy", device=done.device, action=done.action.value, step=done.step.value, why=done.detail
        )
        # The latter: of a port that the last run left dark.
        incident = self._incidents.get(done.device) or self._incident(done.device, done.rule)
        if incident is None:
            return None
        self._credit(incident, done)
        words = f"{done.action.value}: {done.step.value}{f' ({done.detail})' if done.detail else ''}"
        return IncidentEvent(incident.id, done.at, "remedy", "", words)

    @staticmethod
    def _credit(incident: Incident, last: Remedied) -> None:
        """What will be said to have cured it. "No video" ends with a key frame and with nothing else: should
        its own check see one before we do, that is the proof."""
        proven = last.step is Step.CURED
        if proven or (last.step in (Step.ACCEPTED, Step.UNSURE) and incident.cause == DeviceFault.NO_VIDEO):
            incident.remedy = last.action.value
        elif last.step is Step.NOT_CURED:
            incident.remedy = ""


def _subject(port: PoePort) -> str:
    return f"{port.switch} / {port.port}"
