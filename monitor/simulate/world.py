"""A simulated fleet under a virtual clock: the real schedule, pipeline and ledger, in no time at all.

Only the wires are made up: which devices have power, which links hold, whether our own uplink works. Probes
answer at once or time out after a second, as on a real network. Everything that the pipeline decides goes
through real SQLite, so a crash is simply forgetting all but the file.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from monitor.alerts.desk import Desk
from monitor.alerts.policy import Policy
from monitor.clock import ManualClock
from monitor.key_event import KeyEvent, guarded, in_force, paces
from monitor.model import Device, DeviceId, Instant, Kind, Reason, Result, State
from monitor.notifiers.notice import OutboxEntry
from monitor.pipeline import Pipeline, Plan, Step
from monitor.resume import resume
from monitor.rules.base import RuleSettings
from monitor.schedule import Round, Schedule
from monitor.states import StateSettings
from monitor.storage.ledger import commit
from monitor.storage.ledger.records import DeliveryTried, MessageDone, RunAlive, RunStarted
from monitor.storage.ledger.schema import migrate
from monitor.uplink import Uplink, UplinkSettings

_TIMEOUT_MS = 1600
_REFERENCE_MS = 1000
_ALIVE_MS = 5000
_FEW = 50
"""Of so many devices in doubt it pays to know who is probed next."""


@dataclass(frozen=True, slots=True)
class WorldSettings:
    rules: Sequence[RuleSettings]
    policy: Policy
    states: StateSettings = field(default_factory=StateSettings)
    uplink: UplinkSettings = field(default_factory=UplinkSettings)
    interval_s: float = 10.0
    tick_ms: int = 250
    key_events: Sequence[KeyEvent] = ()
    skip_calm: bool = False
    """Jump over the time in which every probe would only say again what is known, and nothing is due: for
    replays of months. Devices whose truth has changed or that are in doubt are probed as ever."""


class World:
    """Drive it by ``unplug``/``plug``, ``uplink_up``, ``crash``, ``reload`` and ``advance``."""

    def __init__(
        self, devices: Iterable[Device], settings: WorldSettings, wall: int = 1_800_000_000_000
    ) -> None:
        self.devices = {device.id: device for device in devices}
        self.settings = settings
        self.clock = ManualClock(wall)
        self.unplugged: set[DeviceId] = set()
        self.uplink_up = True
        self._hot: set[DeviceId] = set()
        self._wanted: set[DeviceId] | None = None
        """With ``skip_calm``: devices whose next probe may say something new."""
        self._saw_uplink = True
        self.broken_channels: set[str] = set()
        self.dead_channels: set[str] = set()
        """Channels that refuse every message for good."""
        self.sent: list[OutboxEntry] = []
        """Every message accepted by its channel, in the order of acceptance."""
        self.steps: list[Step] = []
        self._queue: dict[str, list[OutboxEntry]] = {}
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        migrate(self.db)
        self._start()

    def _start(self) -> None:
        saved = resume(self.db)
        now = self.clock.now()
        self._run = saved.next_run
        commit(self.db, [RunStarted(self._run, now.wall, "world")])
        self._queue = {}
        self.uplink = Uplink(self.settings.uplink, has_references=True)
        self.schedule = Schedule()
        self.pipeline = Pipeline(self._plan(), self.uplink, saved.past, now)
        self._load(now)
        self._flight: list[tuple[int, int, Result]] = []
        self._number = count()
        self._next_reference = self._next_alive = int(now.mono)
        self._carry(self.pipeline.begin())
        self._hot, self._wanted = set(self.devices), None
        for entry in saved.pending:
            self._queue.setdefault(entry.channel, []).append(entry)

    def _plan(self) -> Plan:
        s = self.settings
        self.events = in_force(s.key_events, self.clock.now().wall)
        return guarded(Plan(self.devices, s.states, s.rules, s.policy), self.events)

    def _load(self, now: Instant) -> None:
        loads = paces({"icmp": self.settings.interval_s}, self.devices.values(), self.events)
        self.schedule.load(loads, now)
        self._slots: dict[tuple[str, int], frozenset[DeviceId]] = {}

    # ---------------------------------------------------------------- what happens to it

    def unplug(self, *ids: str) -> None:
        self.unplugged.update(DeviceId(id_) for id_ in ids)
        self._look_again(ids)

    def plug(self, *ids: str) -> None:
        self.unplugged.difference_update(DeviceId(id_) for id_ in ids)
        self._look_again(ids)

    def _look_again(self, ids: Iterable[str]) -> None:
        """The truth about these devices has changed, and about all that hang on them."""
        todo = [DeviceId(id_) for id_ in ids]
        seen = set(todo)
        while todo:
            for child in self.pipeline.states.children(todo.pop()):
                if child not in seen:
                    seen.add(child)
                    todo.append(child)
        self._hot |= seen & self.devices.keys()
        self._wanted = None

    def crash(self, down_ms: int = 0) -> None:
        """``kill -9``, and a new start after ``down_ms``: only the ledger is left."""
        self.clock.advance(down_ms)
        self._start()

    def reload(self, devices: Iterable[Device] | None = None) -> None:
        if devices is not None:
            self.devices = {device.id: device for device in devices}
        now = self.clock.now()
        self._carry(self.pipeline.reload(self._plan(), self.uplink, now))
        self._load(now)
        self._hot, self._wanted = set(self.devices), None

    def by_hand(self, act: Callable[[Desk, Instant], object]) -> None:
        """Something that a person does at the desk."""
        now = self.clock.now()
        self._carry(self.pipeline.by_hand(lambda desk: act(desk, now), now))

    def advance(self, seconds: float) -> None:
        end = self.clock.now().mono + int(seconds * 1000)
        while (now := self.clock.now().mono) < end:
            if self.settings.skip_calm:
                # By whole ticks, so that what happens afterwards happens when it would have.
                tick = self.settings.tick_ms
                ticks = (self._calm_ms(end - now) - 1) // tick
                if ticks > 0:
                    self._skip(self.clock.advance(ticks * tick))
            self._tick(self.clock.advance(self.settings.tick_ms))

    def _calm_ms(self, at_most: int) -> int:
        """How long nothing new will happen."""
        if self._saw_uplink != self.uplink_up:
            self._saw_uplink = self.uplink_up
            self._hot, self._wanted = set(self.devices), None
        waiting = any(queue and name not in self.broken_channels for name, queue in self._queue.items())
        if self._flight or waiting or self.schedule.waiting_soon or not self.uplink_up:
            return 0
        now = self.clock.now()
        if self._hot:
            turn = self.schedule.next_turn(self._worth()) if len(self._hot) <= _FEW else now.mono
            at_most = min(at_most, turn - now.mono if turn is not None else 0)
        until = self.pipeline.idle_until(now)
        edges = [edge for e in self.settings.key_events for edge in (e.settings.begin_ms, e.settings.end_ms)]
        at_most = min([at_most, *(edge - now.wall for edge in edges if edge > now.wall)])
        return at_most if until is None else min(at_most, max(0, until - now.mono))

    def _skip(self, now: Instant) -> None:
        """What went on all the while: our references answered, the run was alive."""
        self.schedule.skip(now)
        if self._next_reference <= now.mono:
            ago = (now.mono - self._next_reference) % _REFERENCE_MS
            self._next_reference = now.mono - ago + _REFERENCE_MS
            at = now.plus(-ago)
            self.pipeline.on_references([Result(DeviceId("reference"), "icmp", at.wall, Reason.OK)], at)
        if self._next_alive <= now.mono:
            ago = (now.mono - self._next_alive) % _ALIVE_MS
            self._next_alive = now.mono - ago + _ALIVE_MS
            commit(self.db, [RunAlive(self._run, now.plus(-ago).wall)])

    # ---------------------------------------------------------------- the truth

    def reachable(self, id_: DeviceId) -> bool:
        """There is a way to it: itself and one chain of parents have power."""
        if id_ in self.unplugged:
            return False
        parents = [parent for parent in self.devices[id_].parents if parent in self.devices]
        return not parents or any(self.reachable(parent) for parent in parents)

    def truth(self, id_: DeviceId) -> set[State]:
        """The states that would be right once things have settled."""
        if not self.uplink_up:
            return {State.UNKNOWN}
        if self.reachable(id_):
            return {State.UP}
        parents = [parent for parent in self.devices[id_].parents if parent in self.devices]
        if parents and not any(self.reachable(parent) for parent in parents):
            return {State.UNREACHABLE, State.DOWN} if id_ in self.unplugged else {State.UNREACHABLE}
        return {State.DOWN}

    # ---------------------------------------------------------------- the machinery

    def _tick(self, now: Instant) -> None:
        if self.settings.key_events and in_force(self.settings.key_events, now.wall) != self.events:
            self.reload()
        for round_ in self.schedule.due(now):
            for id_ in self._worth_probing(round_):
                self._probe(id_, now)
            self.schedule.done(round_)
        due = []
        while self._flight and self._flight[0][0] <= now.mono:
            due.append(heapq.heappop(self._flight)[2])
        if due:
            self._carry(self.pipeline.on_results(due, now))
            self._cool(due)
        if now.mono >= self._next_reference:
            self._next_reference += _REFERENCE_MS
            reason = Reason.OK if self.uplink_up else Reason.TIMEOUT
            self.pipeline.on_references([Result(DeviceId("reference"), "icmp", now.wall, reason)], now)
        self._carry(self.pipeline.on_tick(now))
        if now.mono >= self._next_alive:
            self._next_alive += _ALIVE_MS
            commit(self.db, [RunAlive(self._run, now.wall)])
        self._deliver(now)

    def _worth_probing(self, round_: Round) -> Iterable[DeviceId]:
        if round_.slot is None or not self.settings.skip_calm:
            return round_.devices
        slot = self._slots.get((round_.part, round_.slot))
        if slot is None:
            slot = self._slots[round_.part, round_.slot] = frozenset(round_.devices)
        found = self._worth() & slot
        return [id_ for id_ in round_.devices if id_ in found] if found else ()

    def _worth(self) -> set[DeviceId]:
        if self._wanted is None:
            # A verdict about a device waits for an answer of its parents: they are probed as well.
            self._wanted = self._hot | {p for id_ in self._hot for p in self.devices[id_].parents}
        return self._wanted

    def _cool(self, results: Sequence[Result]) -> None:
        """Devices that are held to be what they are need no more probes until that changes."""
        for result in results:
            track = self.pipeline.states.tracks.get(result.device)
            if result.device in self._hot and (
                track is None or (track.settled and track.state in self.truth(result.device))
            ):
                self._hot.discard(result.device)
                self._wanted = None

    def _probe(self, id_: DeviceId, now: Instant) -> None:
        if id_ not in self.devices:
            return
        ok = self.uplink_up and self.reachable(id_)
        result = Result(id_, "icmp", now.wall, Reason.OK if ok else Reason.TIMEOUT)
        heapq.heappush(self._flight, (now.mono + (1 if ok else _TIMEOUT_MS), next(self._number), result))

    def _carry(self, step: Step) -> None:
        if not step:
            return
        if step.records:
            commit(self.db, step.records)
        for entry in step.messages:
            self._queue.setdefault(entry.channel, []).append(entry)
        now = self.clock.now()
        for device, check in step.rechecks:
            self.schedule.soon(device, check, int(self.settings.states.recheck * 1000), now)
        if step.transitions or step.opened or step.resolved:
            self.steps.append(step)

    def _deliver(self, now: Instant) -> None:
        """Channels take their messages in order; a broken one keeps them waiting."""
        for channel, waiting in list(self._queue.items()):
            if channel in self.broken_channels:
                continue
            if channel in self.dead_channels:
                self._bury(waiting, now)
                continue
            for entry in waiting:
                commit(
                    self.db,
                    [
                        DeliveryTried(entry.id, now.wall, "delivered", "", "", 0),
                        MessageDone(entry.id, "delivered", now.wall),
                    ],
                )
                self.sent.append(entry)
            waiting.clear()

    def _bury(self, waiting: list[OutboxEntry], now: Instant) -> None:
        dead, waiting[:] = list(waiting), []
        for entry in dead:
            commit(self.db, [MessageDone(entry.id, "dead", now.wall)])
            self._carry(self.pipeline.by_hand(partial(Desk.message_died, entry=entry), now))


def small_town(areas: int = 2, switches: int = 2, cameras: int = 5) -> list[Device]:
    """A core switch per area, access switches below it, cameras below those; the first camera of each area
    stands at a key site."""
    devices = []
    for a in range(areas):
        core, area = DeviceId(f"core{a}"), f"area{a}"
        devices.append(Device(core, f"Core {a}", Kind.SWITCH, f"127.0.{a}.1", area=area))
        for s in range(switches):
            switch, site = DeviceId(f"sw{a}.{s}"), f"site{a}.{s}"
            name, address = f"Switch {a}.{s}", f"127.1.{a}.{s}"
            devices.append(Device(switch, name, Kind.SWITCH, address, site, area, parents=(core,)))
            for c in range(cameras):
                key = s == 0 and c == 0
                devices.append(
                    Device(
                        DeviceId(f"cam{a}.{s}.{c}"),
                        f"Camera {a}.{s}.{c}",
                        Kind.CAMERA,
                        f"127.{2 + a}.{s}.{c}",
                        f"key{a}" if key else site,
                        area,
                        key,
                        parents=(switch,),
                    )
                )
    return devices
