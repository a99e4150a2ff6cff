"""A month of 5,000 cameras, replayed: what a person would have been told, beside one message a state change.

    python -m bench.alerts --json

The real schedule, states, rules, desk and ledger (SQLite) under a virtual clock (``simulate.world``); only
the wires are made up. Faults of known begin and end are injected: single cameras, switches, power cuts of
feeders, flapping cameras, losses of our own uplink, planned work. On call, somebody acknowledges within a
quarter of an hour. The naive pipeline sends one message for each confirmed change of a device's state;
``naive_messages_sighted`` leaves out those that come of our own lost uplink, which it takes for downtime.

``causes_missed``: faults that no message spoke of while they lasted. ``late``: first messages later than
settle time + group_wait after the incident opened.
"""

from __future__ import annotations

import argparse
import heapq
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bench.output import show
from monitor.alerts.maintenance import MaintenanceSettings
from monitor.alerts.policy import Policy
from monitor.alerts.routes import RouteSettings
from monitor.model import Device, DeviceId, Kind, State
from monitor.rules.base import RuleSettings
from monitor.rules.online_rate import OnlineRateSettings
from monitor.rules.power_cut import PowerCutSettings
from monitor.rules.threshold import ThresholdSettings
from monitor.simulate.city import city
from monitor.simulate.world import World, WorldSettings
from monitor.states import StateSettings

START = 1_793_466_000_000
HOUR, DAY = 3600, 86400
STATES = StateSettings()
GROUP_WAIT_S = 10.0
TICK_MS = 500


@dataclass(slots=True)
class Fault:
    """Something that is broken from ``begin`` to ``end``, in seconds of the month."""

    kind: str
    devices: list[DeviceId]
    begin: float
    end: float
    toggles: list[float] = field(default_factory=list)
    """For flapping: the moments at which the device changes."""


def fleet(cameras: int) -> list[Device]:
    """The made-up city, with a power feeder for every 96 cameras; switches have batteries."""
    found, number = [], 0
    for device in city(cameras):
        if device.kind is Kind.CAMERA:
            device = replace(device, feeder=f"{device.area}{number // 96}号线")
            number += 1
        found.append(device)
    return found


def rules() -> list[RuleSettings]:
    rate = {"type": "online_rate", "select": {"kind": "camera"}}
    return [
        PowerCutSettings.model_validate({"name": "power-cut", "type": "power_cut", "severity": "major"}),
        ThresholdSettings.model_validate({"name": "down", "type": "threshold", "state": "down"}),
        OnlineRateSettings.model_validate(
            {**rate, "name": "area", "group_by": ["area"], "below": 96, "for": "1m", "severity": "major"}
        ),
        OnlineRateSettings.model_validate(
            {**rate, "name": "key", "select": {"kind": "camera", "key_site": True}, "group_by": ["site"],
             "below": 100, "severity": "critical"}
        ),
    ]  # fmt: skip


def faults(devices: list[Device], days: int, rng: random.Random) -> list[Fault]:
    cameras = [d for d in devices if d.kind is Kind.CAMERA]
    switches = [d for d in devices if d.kind is Kind.SWITCH and d.parents]
    feeders: dict[str, list[DeviceId]] = {}
    for camera in cameras:
        feeders.setdefault(camera.feeder, []).append(camera.id)
    month = days * DAY - 12 * HOUR

    def span(kind: str, ids: list[DeviceId], low: float, high: float) -> Fault:
        begin = rng.uniform(600, month)
        return Fault(kind, ids, begin, begin + rng.uniform(low, high))

    found = [span("camera", [rng.choice(cameras).id], 600, 10 * HOUR) for _ in range(4 * days)]
    found += [span("switch", [rng.choice(switches).id], 300, 4 * HOUR) for _ in range(2 * days)]
    for _ in range(days // 2):
        dark = rng.sample(sorted(feeders), rng.choice([1, 1, 2, 4]))
        found.append(span("power", [id_ for name in dark for id_ in feeders[name]], 900, 3 * HOUR))
    for _ in range(days // 2):
        fault = span("flapping", [rng.choice(cameras).id], HOUR, 4 * HOUR)
        at = fault.begin
        while at < fault.end:
            fault.toggles.append(at)
            at += rng.uniform(20, 90)
        found.append(fault)
    found += [span("uplink", [], 30, 900) for _ in range(days // 5)]
    for _ in range(days // 3):
        work = span("work", [c.id for c in cameras if c.site == rng.choice(cameras).site], HOUR, 3 * HOUR)
        work.devices = work.devices or [rng.choice(cameras).id]
        found.append(work)
    return sorted(found, key=lambda f: f.begin)


def _events(found: list[Fault]) -> Iterator[tuple[float, int, str, Fault]]:
    for number, fault in enumerate(found):
        if fault.toggles:
            for n, at in enumerate(fault.toggles):
                yield at, number, "down" if n % 2 == 0 else "up", fault
            if len(fault.toggles) % 2:
                yield fault.end, number, "up", fault
        else:
            yield fault.begin, number, "down", fault
            yield fault.end, number, "up", fault


class Month:
    def __init__(self, cameras: int, days: int, seed: int) -> None:
        self.devices = fleet(cameras)
        self.faults = faults(self.devices, days, random.Random(seed))
        self.days = days
        windows = [
            MaintenanceSettings.model_validate(
                {"name": f"work {n}", "select": {"id": list(f.devices)}, "begin": _at(f.begin - 300),
                 "end": _at(f.end + 900)}
            )
            for n, f in enumerate(self.faults) if f.kind == "work"
        ]  # fmt: skip
        route = RouteSettings.model_validate(
            {"receiver": "duty", "group_by": ["area"], "group_wait": f"{GROUP_WAIT_S:g}s"}
        )
        policy = Policy([route], {"duty": ["phone"]}, maintenance=windows)
        settings = WorldSettings(rules(), policy, states=STATES, tick_ms=TICK_MS, skip_calm=True)
        self.world = World(self.devices, settings, START)
        self.down: Counter[DeviceId] = Counter()
        self.blind = 0

    def run(self) -> None:
        world, events = self.world, list(_events(self.faults))
        heapq.heapify(events)
        world.advance(120)
        next_ack = 0.0
        while events or next_ack < self.days * DAY:
            at = min(events[0][0] if events else self.days * DAY, next_ack + 900)
            world.advance(max(TICK_MS / 1000, at - self._elapsed()))
            if self._elapsed() >= next_ack + 900:
                next_ack += 900
                self._acknowledge()
            while events and events[0][0] <= self._elapsed():
                _, _, change, fault = heapq.heappop(events)
                self._apply(change, fault)
            world.steps = [s for s in world.steps if self._count(s)]

    def _elapsed(self) -> float:
        return (self.world.clock.now().wall - START) / 1000

    def _apply(self, change: str, fault: Fault) -> None:
        sign = 1 if change == "down" else -1
        if fault.kind == "uplink":
            self.blind += sign
            self.world.uplink_up = not self.blind
            return
        self.down.update(dict.fromkeys(fault.devices, sign))
        for id_ in fault.devices:
            (self.world.unplug if self.down[id_] > 0 else self.world.plug)(id_)

    def _acknowledge(self) -> None:
        open_ = [i.id for i in self.world.pipeline.desk.incidents.values() if i.acked_at is None and i.told]
        for id_ in open_:
            self.world.by_hand(lambda desk, now, i=id_: desk.acknowledge(i, "on call", now))

    naive = 0
    naive_blind = 0

    def _count(self, step: object) -> bool:
        """What the naive pipeline sends for a step; nothing of the step is kept."""
        for t in step.transitions:
            if t.before is t.after or (t.was_pending and t.before is State.UNKNOWN and not self._was_blind):
                continue
            if State.UNKNOWN in (t.before, t.after):
                self.naive_blind += 1
            elif t.before.offline != t.after.offline:
                self.naive += 1
        return False

    _was_blind = True


def _at(second: float) -> str:
    return datetime.fromtimestamp(START / 1000 + second, UTC).isoformat()


def judge(month: Month) -> dict[str, object]:
    """Which faults nobody was told of, and how late first messages were."""
    db = month.world.db
    parents = {d.id: d.parents for d in month.devices}
    told: dict[int, int] = dict(
        db.execute("SELECT incident, min(created) FROM outbox WHERE incident IS NOT NULL GROUP BY incident")
    )
    opened = dict(db.execute("SELECT id, opened FROM incident"))
    spans: dict[str, list[tuple[int, int, int]]] = {}
    cuts: list[tuple[int, int, int]] = []
    for incident, device, cause, since, until in db.execute(
        "SELECT incident, device, cause, since, until FROM alert"
    ):
        if incident in told:
            span = (since, until if until is not None else 1 << 60, told[incident])
            (cuts if cause == "power_cut" else spans.setdefault(device or "", [])).append(span)
    blind = [(f.begin, f.end) for f in month.faults if f.kind == "uplink"]
    missed: list[str] = []
    to_first: list[float] = []
    masked = 0
    for fault in month.faults:
        if fault.kind in ("uplink", "work"):
            continue
        begin, end = START + int(fault.begin * 1000), START + int(fault.end * 1000)
        if any(b - 60 <= fault.begin and fault.end <= e + 60 for b, e in blind):
            masked += 1
            continue
        lines: set[str] = set(fault.devices)
        todo = list(fault.devices)
        while todo:
            for parent in parents[todo.pop()]:
                if parent not in lines:
                    lines.add(parent)
                    todo.append(parent)
        heard = [
            at
            for line in lines
            for since, until, at in spans.get(line, ())
            if since <= end and until >= begin and at <= end + 60_000
        ]
        if fault.kind != "switch":
            heard += [
                at for since, until, at in cuts if since <= end and until >= begin and at <= end + 60_000
            ]
        if not heard:
            if _under_work(fault, month):
                masked += 1
            else:
                missed.append(f"{fault.kind} {fault.devices[0]} at {fault.begin:.0f}")
        elif min(heard) >= begin:
            to_first.append((min(heard) - begin) / 1000)
    waits = sorted((told[i] - opened[i]) / 1000 for i in told)
    limit = STATES.settle + GROUP_WAIT_S + TICK_MS / 1000
    held = {i for (i,) in db.execute("SELECT incident FROM incident_event WHERE kind='held back'")}
    late = [i for i in told if (told[i] - opened[i]) / 1000 > limit and i not in held]
    to_first.sort()
    return {
        "causes": len(month.faults),
        "causes_by_kind": dict(Counter(f.kind for f in month.faults)),
        "causes_masked": masked,
        "causes_missed": len(missed),
        "missed": missed[:10],
        "late": len(late),
        "first_message_after_opening_p50_s": waits[len(waits) // 2],
        "fault_to_message_p50_s": round(to_first[len(to_first) // 2], 1),
        "fault_to_message_p99_s": round(to_first[len(to_first) * 99 // 100], 1),
        "incidents": len(opened),
    }


def _under_work(fault: Fault, month: Month) -> bool:
    """All of it while planned work went on at the device: nobody is to be woken."""
    return any(
        w.kind == "work"
        and set(fault.devices) <= set(w.devices)
        and w.begin - 300 <= fault.begin
        and fault.end <= w.end + 900
        for w in month.faults
    )


def throughput(alerts: int = 10_000) -> float:
    """Alerts a second through states, rules, desk and ledger on one core: each device a case of its own."""
    devices = [
        Device(DeviceId(f"cam{n}"), f"Camera {n}", Kind.CAMERA, f"127.0.{n // 250}.{n % 250}", f"site{n}",
               f"area{n % 20}")
        for n in range(alerts)
    ]  # fmt: skip
    route = RouteSettings.model_validate({"receiver": "duty", "group_by": ["id"], "group_wait": "10s"})
    settings = WorldSettings(
        [ThresholdSettings.model_validate({"name": "down", "type": "threshold", "state": "down"})],
        Policy([route], {"duty": ["phone"]}),
        tick_ms=TICK_MS,
        skip_calm=True,
    )
    world = World(devices, settings, START)
    world.advance(60)
    world.unplug(*(d.id for d in devices))
    began = time.process_time()
    world.advance(40)
    spent = time.process_time() - began
    assert len(world.pipeline.desk.incidents) == alerts
    return alerts / spent


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true")
    options.add_argument("--cameras", type=int, default=5000)
    options.add_argument("--days", type=int, default=30)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    began, cpu = time.perf_counter(), time.process_time()
    month = Month(given.cameras, given.days, given.seed)
    month.run()
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    kinds = Counter(entry.notice.kind.value for entry in month.world.sent)
    found: dict[str, object] = {
        "wall_s": round(wall, 1),
        "cpu_s": round(cpu, 1),
        "cameras": given.cameras,
        "days": given.days,
        "messages": sum(kinds.values()),
        "messages_by_kind": dict(kinds),
        "naive_messages": month.naive + month.naive_blind,
        "naive_messages_sighted": month.naive,
        "ratio": round((month.naive + month.naive_blind) / max(1, sum(kinds.values())), 1),
        "ratio_sighted": round(month.naive / max(1, sum(kinds.values())), 1),
        **judge(month),
        "alerts_per_s": round(throughput()),
    }
    show(found, given.json)


if __name__ == "__main__":
    main()
