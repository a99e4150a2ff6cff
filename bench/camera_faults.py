"""``python -m bench.camera_faults --json``: what each fault of the catalogue costs the process that meets it.

Each faulty camera is asked twice, by ONVIF and by RTSP: alone, for ``extra_mb`` (growth of the peak of
resident memory) and ``stall_ms`` (the longest stretch of processor time between two turns of a heartbeat, so
that other load on the machine does not count; a healthy camera's beside it), and among fifty healthy ones,
none of which may come out otherwise than well. ``p99_ms_others``: how long the healthy ones took to answer,
over all those rounds and over as many without a faulty one, turn by turn.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from pathlib import Path

from bench.cameras import PASSWORD, USER, env, simulator, worker
from bench.cameras import targets as some_targets
from bench.output import show
from monitor.collectors.base import Collector
from monitor.collectors.onvif.collector import OnvifCollector, OnvifSettings
from monitor.collectors.rtsp.collector import RtspCollector, RtspSettings
from monitor.model import Reason, Target
from monitor.simulate.faults import Fault

HEALTHY = 50
FAULTS = [f for f in Fault if f not in (Fault.NONE, Fault.CLOSE_EACH, Fault.REPLACED, Fault.REBOOTING)]
OK_FOR = {
    "onvif": {Fault.FOREIGN_XADDR} | {f for f in FAULTS if f in set(FAULTS[FAULTS.index(Fault.NO_FRAMES) :])},
    "rtsp": {
        Fault.ENDLESS_BODY, Fault.GZIP_BOMB, Fault.ENTITY_BOMB, Fault.EXTERNAL_ENTITY, Fault.DEEP_XML,
        Fault.MANY_ELEMENTS, Fault.FOREIGN_XADDR, Fault.EMPTY, Fault.JPEG, Fault.TRUNCATED,
        Fault.WRONG_RESPONSE, Fault.EMPTY_FIELDS, Fault.PACKET_LOSS,
    },
}  # fmt: skip
"""Faults of the other protocol, or none at all: the check holds."""


class Stall:
    """The longest processor time between two turns of the loop."""

    async def __aenter__(self) -> Stall:
        self.worst_ms = 0.0
        self._task = asyncio.ensure_future(self._beat())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._task.cancel()

    async def _beat(self) -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.001)
            self.worst_ms = max(self.worst_ms, (time.thread_time() - before) * 1000)


def peak_mb(reset: bool = False) -> float:
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


ANSWERED = ("onvif.response_ms", "rtsp.first_key_frame_ms")


async def round_of(
    collector: Collector, due: list[Target], answered: list[float] | None = None
) -> tuple[dict[str, Reason], float, float, float]:
    """``answered`` takes up how long those that are well took."""
    before = peak_mb(reset=True)
    began = time.perf_counter()
    reasons: dict[str, Reason] = {}
    async with Stall() as stall:
        async for batch in collector.collect(due, asyncio.get_running_loop().time() + 10):
            reasons |= {result.device: result.reason for result in batch}
            if answered is not None:
                well = (reading for result in batch if result.ok for reading in result.readings)
                answered += [float(reading.value) for reading in well if reading.metric in ANSWERED]
    return reasons, peak_mb() - before, stall.worst_ms, time.perf_counter() - began


def p99(values: list[float]) -> float:
    return round(sorted(values)[int(len(values) * 0.99)], 1)


async def costs(onvif_port: int, rtsp_port: int) -> dict[str, object]:
    os.environ["CAMWATCH_BENCH"] = PASSWORD
    account = {"name": "bench", "user": USER, "password": {"env": "CAMWATCH_BENCH"}}
    common = {"timeout": "2s", "credentials": [account]}
    checks: dict[str, Collector] = {
        "onvif": OnvifCollector(OnvifSettings.model_validate({"port": onvif_port, **common}), env()),
        "rtsp": RtspCollector(RtspSettings.model_validate({"port": rtsp_port, **common}), env()),
    }
    everyone = some_targets(HEALTHY + len(FAULTS))
    healthy = everyone[:HEALTHY]
    # The simulator hands out faults from the last address backwards.
    faulty = dict(zip(FAULTS, reversed(everyone), strict=False))
    table: dict[str, dict[str, dict[str, object]]] = {}
    false_ok: list[str] = []
    harmed = 0
    quiet: dict[str, float] = {}
    others: dict[str, dict[str, float]] = {}
    for name, check in checks.items():
        await round_of(check, healthy)
        quiet[name] = (await round_of(check, healthy[:1]))[2]
        table[name] = {}
        without: list[float] = []
        beside: list[float] = []
        for fault, camera in faulty.items():
            alone, extra_mb, stall_ms, took_s = await round_of(check, [camera])
            reason = alone[camera.device.id]
            await round_of(check, healthy, without)
            reasons, *_ = await round_of(check, [camera, *healthy], beside)
            harmed += sum(reasons[other.device.id] is not Reason.OK for other in healthy)
            if reason is Reason.OK and fault not in OK_FOR[name]:
                false_ok.append(f"{name} {fault}")
            table[name][fault] = {
                "reason": reason,
                "extra_mb": round(extra_mb, 2),
                "stall_ms": round(stall_ms, 1),
                "took_s": round(took_s, 2),
            }
        others[name] = {"without": p99(without), "beside": p99(beside)}
    rows = [row for each in table.values() for row in each.values()]
    return {
        "extra_mb_max": max(row["extra_mb"] for row in rows),
        "stall_ms_max": max(row["stall_ms"] for row in rows),
        "stall_ms_healthy": {name: round(value, 1) for name, value in quiet.items()},
        "took_s_max": max(row["took_s"] for row in rows),
        "false_ok": false_ok,
        "others_harmed": harmed,
        "p99_ms_others": others,
        "faults": table,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", nargs=2, metavar=("ONVIF", "RTSP"))
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(asyncio.run(costs(*map(int, arguments.worker)))))
        return
    options = [word for fault in FAULTS for word in ("--fault", fault.value)]
    with simulator(HEALTHY + len(FAULTS), *options) as simulated:
        report = worker("bench.camera_faults", str(simulated.http), str(simulated.rtsp))
    show(report, arguments.json)


if __name__ == "__main__":
    main()
