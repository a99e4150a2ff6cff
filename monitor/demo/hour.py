"""What the demonstration fleet measures, minute by minute: a plausible hour with a few troubles in it.

A switch fails for a quarter of an hour and takes its ten cameras along, one camera stays dead, one loses
packets, a disk fills, another breaks, one site is excluded. The same ``random.Random`` yields the same hour.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import pi, sin

from monitor.demo.fleet import CORE, Fleet
from monitor.model import Device, DeviceId, Kind, Point, Reading, Reason, Result, State, WallMs
from monitor.storage.stats import SinkStats
from monitor.storage.tables import STATE_CODES

MINUTE_MS = 60_000
FAILED_SWITCH, FAILED_FROM, FAILED_UNTIL = "sw-05", 25, 40
DEAD_CAMERA, LOSSY_CAMERA = "cam-02-03", "cam-07-07"
DEAD_PORT = ("sw-02", 4)
"""Where the dead camera hangs."""
EXCLUDED_SITE, EXCLUDED_FROM = "高新区4号路口", 20
"""Construction work, entered as an exclusion."""
UNMEASURED = "-09"
"""Cameras of this ending are not yet measured in the first two minutes."""


@dataclass(frozen=True, slots=True)
class Minute:
    results: list[Result]
    points: list[Point]


def demo_hour(fleet: Fleet, end: WallMs, rng: random.Random, minutes: int = 60) -> Iterator[Minute]:
    """The minutes up to ``end``, oldest first."""
    for minute in range(minutes):
        at = WallMs(end - (minutes - 1 - minute) * MINUTE_MS)
        states = {device: _state(device, minute) for device in fleet.devices.values()}
        results = [
            Result(device.id, "demo", at, Reason.OK, tuple(_readings(device, state, minute, rng)))
            for device, state in states.items()
        ]
        excluded = EXCLUDED_SITE if minute >= EXCLUDED_FROM else ""
        yield Minute(
            results,
            [
                *_rates(states, excluded, at),
                *_incidents(fleet, minute, at),
                *_health(fleet, minute, at, rng),
                *_usual(fleet, at),
            ],
        )


def _state(device: Device, minute: int) -> State:
    if minute < 2 and device.id.endswith(UNMEASURED):
        return State.UNKNOWN
    failed = FAILED_FROM <= minute < FAILED_UNTIL
    if failed and device.id == FAILED_SWITCH:
        return State.DOWN
    if failed and FAILED_SWITCH in device.parents:
        return State.UNREACHABLE
    return State.DOWN if device.id == DEAD_CAMERA else State.UP


def _readings(device: Device, state: State, minute: int, rng: random.Random) -> Iterator[Reading]:
    up = state is State.UP
    yield Reading("device_state.code", STATE_CODES[state])
    if state is not State.UNKNOWN:
        yield Reading("device_state.up", int(up))
    yield Reading("device_state.name", device.name)
    yield Reading("device_state.address", device.address)
    yield Reading("device_state.reason", (Reason.OK if up else Reason.TIMEOUT).value)
    if state is State.UNKNOWN:
        return
    yield Reading("ping.result_code", 0 if up else 1)
    if not up:
        yield Reading("ping.percent_packet_loss", 100.0)
        return
    trip = rng.lognormvariate(0.2, 0.35)
    lossy = device.id == LOSSY_CAMERA and rng.random() < 0.4
    yield Reading("ping.percent_packet_loss", 33.333 if lossy else 0.0)
    yield Reading("ping.average_response_ms", trip)
    yield Reading("ping.minimum_response_ms", trip * 0.8)
    yield Reading("ping.maximum_response_ms", trip * 1.4)
    yield Reading("ping.standard_deviation_ms", trip * 0.1)
    if device.kind is Kind.CAMERA:
        yield from _camera(rng)
    elif device.kind is Kind.SWITCH:
        yield from _switch(device, minute, rng)
    else:
        yield from _server(device, minute, rng)


def _camera(rng: random.Random) -> Iterator[Reading]:
    yield Reading("tcp.response_ms", rng.lognormvariate(0.5, 0.3))
    yield Reading("tcp.result_code", 0)
    yield Reading("onvif.response_ms", rng.lognormvariate(3.4, 0.2))
    yield Reading("onvif.clock_drift_s", rng.gauss(1.5, 0.4))
    yield Reading("rtsp.bit_rate_bps", rng.gauss(4.1e6, 2e5))
    yield Reading("rtsp.frame_rate", 25.0)
    yield Reading("rtsp.first_key_frame_ms", rng.uniform(80, 900))


def _switch(device: Device, minute: int, rng: random.Random) -> Iterator[Reading]:
    load = 18 + 6 * sin(minute / 60 * pi) + rng.random() * 3
    if device.id == CORE:  # as Huawei's switches tell it
        board = (("entity", "67108873"), ("name", "MPU Board 0"))
        yield Reading("board.cpu_used_percent", load, board)
        yield Reading("board.memory_used_percent", 41 + rng.random(), board)
    else:
        yield Reading("cpu.used_percent", load)
        yield Reading("mem.used_percent", 41 + rng.random())
        yield Reading("poe.used_watts", 66 + rng.random() * 8, (("group", "1"),))
        yield Reading("poe.budget_watts", 370.0, (("group", "1"),))
    yield Reading("temperature.celsius", 44 + rng.random() * 2, (("sensor", "1"), ("name", "mainboard")))
    uplink = "GigabitEthernet0/0/24"
    for index in (*range(1, 11), 24):
        name = uplink if index == 24 else f"GigabitEthernet0/0/{index}"
        tags = (("ifIndex", str(index)), ("ifDescr", name))
        into = rng.gauss(4.2e6, 3e5) if index < 24 else rng.gauss(2e5, 2e4)
        out = rng.gauss(2e4, 3e3) if index < 24 else rng.gauss(42e6, 1e6)
        lost = (device.id, index) == DEAD_PORT
        yield Reading("interface.ifOperStatus", 2 if lost else 1, tags)
        yield Reading("interface.link_lost", lost, tags)
        yield Reading("interface.ifAdminStatus", 1, tags)
        yield Reading("interface.speed_bps", 1e8 if index < 24 else 1e9, tags)
        yield Reading("interface.in_bps", abs(into), tags)
        yield Reading("interface.out_bps", abs(out), tags)
        yield Reading("interface.in_errors_per_s", 0.2 if rng.random() < 0.01 else 0.0, tags)
        yield Reading("interface.out_errors_per_s", 0.0, tags)
        yield Reading("interface.in_discards_per_s", 0.0, tags)
        yield Reading("interface.out_discards_per_s", 0.0, tags)
        one_percent = 1e6 if index < 24 else 1e7
        yield Reading("interface.in_utilisation_percent", abs(into) / one_percent, tags)
        yield Reading("interface.out_utilisation_percent", abs(out) / one_percent, tags)
        if index < 24 and device.id != CORE:
            port = (("group", "1"), ("port", str(index)))
            yield Reading("poe_port.status", 3, port)
            yield Reading("poe_port.watts", 6.5 + rng.random(), port)


def _server(device: Device, minute: int, rng: random.Random) -> Iterator[Reading]:
    yield Reading("cpu.used_percent", 35 + 10 * rng.random())
    yield Reading("mem.used_percent", 62 + rng.random())
    yield Reading("temperature.celsius", 51 + rng.random() * 3, (("sensor", "1"), ("name", "CPU")))
    if device.kind is Kind.RECORDER:
        yield from _recorder(minute)
        return
    for number, path in enumerate(("/", "/data")):
        disk = (("storage", str(31 + number)), ("path", path))
        yield Reading("disk.used_percent", (48.0, 84.0)[number] + minute * 0.02, disk)
        yield Reading("disk.total_bytes", 8e12, disk)


def _recorder(minute: int) -> Iterator[Reading]:
    for number in (1, 2):
        disk = (("disk", str(number)), ("name", f"HDD{number}"))
        yield Reading("recorder_disk.ok", number == 1 or minute < 50, disk)
        yield Reading("recorder_disk.used_percent", 91.0 + number + minute * 0.01, disk)
        yield Reading("recorder_disk.total_bytes", 8e12, disk)
    for channel in range(1, 17):
        yield Reading("recorder_channel.online", channel != 7, (("channel", str(channel)),))


def _rates(states: dict[Device, State], excluded: str, at: WallMs) -> Iterator[Point]:
    cameras = {device: state for device, state in states.items() if device.kind is Kind.CAMERA}
    scopes: dict[tuple[tuple[str, str], ...], list[tuple[Device, State]]] = {}
    for member in states.items():
        scopes.setdefault((("scope", "kind"), ("name", member[0].kind.value)), []).append(member)
    for member in cameras.items():
        device = member[0]
        scopes.setdefault((("scope", "all"),), []).append(member)
        scopes.setdefault((("scope", "area"), ("name", device.area)), []).append(member)
        scopes.setdefault((("scope", "site"), ("name", device.site)), []).append(member)
        if device.key_site:
            scopes.setdefault((("scope", "key_sites"),), []).append(member)
    for tags, members in scopes.items():
        counts = Counter(None if device.site == excluded else state for device, state in members)
        counted = len(members) - counts[State.UNKNOWN] - counts[None]
        fields: list[tuple[str, float | int]] = [
            ("online", counts[State.UP]),
            ("counted", counted),
            ("unmeasured", counts[State.UNKNOWN]),
            ("excluded", counts[None]),
        ]
        if counted:
            fields.append(("rate", 100 * counts[State.UP] / counted))
        yield Point("online_rate", tags, tuple(fields), at)


def _incidents(fleet: Fleet, minute: int, at: WallMs) -> Iterator[Point]:
    camera, switch = fleet.devices[DeviceId(DEAD_CAMERA)], fleet.devices[DeviceId(FAILED_SWITCH)]
    events = (
        (0, 1, "opened", "major", camera),
        (FAILED_FROM, 2, "opened", "critical", switch),
        (FAILED_UNTIL, 2, "resolved", "critical", switch),
    )
    for when, number, event, severity, device in events:
        if when == minute:
            tags = (("cause", "device_down"), ("severity", severity), ("event", event))
            fields = (
                ("id", number),
                ("title", f"#{number} {device.name}"),
                ("subject", device.name),
                ("place", f"{device.area} {device.site}"),
                ("device", device.id),
                ("area", device.area),
                ("site", device.site),
            )
            yield Point("incident", tags, fields, at)


def _usual(fleet: Fleet, at: WallMs) -> Iterator[Point]:
    """What baseline rules over round trips and traffic have learned."""
    for device in fleet.devices.values():
        of = (("device", device.id), ("metric", "ping.average_response_ms"), ("rule", "round-trip"))
        yield Point("baseline", of, (("expected", 1.25), ("low", 0.5), ("high", 2.6)), at)
        if device.kind is Kind.SWITCH:
            of = (("device", device.id), ("metric", "interface.in_bps"), ("rule", "traffic"))
            part = ("part", "GigabitEthernet0/0/24")
            yield Point("baseline", (*of, part), (("expected", 2e5), ("low", 1.3e5), ("high", 2.7e5)), at)


def _health(fleet: Fleet, minute: int, at: WallMs, rng: random.Random) -> Iterator[Point]:
    open_now = 2 if FAILED_FROM <= minute < FAILED_UNTIL else 1
    yield Point(
        "camwatch_daemon",
        (),
        (
            ("loop_lag_ms", rng.lognormvariate(0, 0.5)),
            ("task_failures", 0),
            ("ledger_waiting", 0),
            ("ledger_dropped", 0),
            ("outbox_waiting", int(minute == FAILED_FROM)),
            ("incidents_open", open_now),
            ("devices", len(fleet.devices)),
        ),
        at,
    )
    timing = (("overruns", 0), ("round_mean_s", 0.2), ("round_max_s", 0.2 + rng.random() * 0.1))
    yield Point("camwatch_check", (("check", "icmp"),), timing, at)
    sent = int(minute >= FAILED_FROM) + int(minute >= FAILED_UNTIL) + 1
    lane = (("waiting", 0), ("delivered", sent), ("failures", 0), ("dead", 0), ("oldest_s", 0.0))
    yield Point("camwatch_channel", (("channel", "wecom"),), lane, at)
    points = minute * 500
    stats = SinkStats(received=points, written=points, posts=minute, lag_s=0.5 + rng.random() * 0.2)
    yield stats.point(at)
