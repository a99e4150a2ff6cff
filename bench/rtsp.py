"""``python -m bench.rtsp --json``: proofs of video beside PyAV and ffprobe, on one simulated fleet.

A proof is one key frame and three more frames (PyAV: decoded pictures). PyAV is no dependency of the
project: where it cannot be imported (``pip install av``), ``ratio_pyav`` is null.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from bench.cameras import PASSWORD, USER, collect, env, simulator, targets, worker
from bench.output import show
from monitor.collectors.rtsp.collector import RtspCollector, RtspSettings

FRAMES = 4


def url(ip: str, port: int) -> str:
    return f"rtsp://{USER}:{PASSWORD}@{ip}:{port}/live"


async def ours(port: int, count: int, per_second: float) -> dict[str, float]:
    os.environ["CAMWATCH_BENCH"] = PASSWORD
    account = {"name": "bench", "user": USER, "password": {"env": "CAMWATCH_BENCH"}}
    settings = {"port": port, "per_second": per_second, "credentials": [account]}
    collector = RtspCollector(RtspSettings.model_validate(settings), env())
    due = targets(count)
    await collect(collector, due[:1], 10)
    return await collect(collector, due, 120)


def pyav(port: int, count: int) -> dict[str, float]:
    try:
        import av
    except ImportError:
        return {}

    def proof(ip: str) -> bool:
        with av.open(url(ip, port), options={"rtsp_transport": "tcp", "stimeout": "5000000"}) as container:
            pictures = container.decode(video=0)
            return sum(1 for _ in zip(pictures, range(FRAMES), strict=False)) == FRAMES

    addresses = [target.ip for target in targets(count)]
    proof(addresses[0])
    cpu = time.process_time()
    with ThreadPoolExecutor(8) as pool:
        ok = sum(pool.map(proof, addresses))
    return {"ms_cpu": 1000 * (time.process_time() - cpu) / count, "ok": ok}


def ffprobe(port: int, count: int) -> dict[str, float]:
    if shutil.which("ffprobe") is None:
        return {}
    command = ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-select_streams", "v:0"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ok = 0
    for target in targets(count):
        wanted = ["-read_intervals", f"%+#{FRAMES}", "-show_frames", url(target.ip, port)]
        done = subprocess.run([*command, *wanted], capture_output=True, text=True)
        ok += done.stdout.count("[FRAME]") >= FRAMES
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"ms_cpu": 1000 * used / count, "ok": ok}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--proofs", type=int, default=12_000, help="in the minute's run")
    parser.add_argument("--within", type=float, default=60.0, help="seconds for that run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", nargs=4, metavar=("KIND", "PORT", "COUNT", "RATE"))
    arguments = parser.parse_args()
    if arguments.worker:
        kind, port, count, rate = arguments.worker
        if kind == "ours":
            done = asyncio.run(ours(int(port), int(count), float(rate)))
        else:
            done = (pyav if kind == "pyav" else ffprobe)(int(port), int(count))
        print(json.dumps(done))
        return
    rounds: dict[str, list[dict[str, float]]] = {"ours": [], "pyav": [], "ffprobe": []}
    counts = {"ours": "400", "pyav": "60", "ffprobe": "3"}
    rate = arguments.proofs / arguments.within
    with simulator(arguments.proofs) as simulated:
        port = str(simulated.rtsp)
        for _ in range(arguments.rounds):
            for kind, done in rounds.items():
                result = worker("bench.rtsp", kind, port, counts[kind], str(rate))
                if result:
                    done.append(result)
        whole = worker("bench.rtsp", "ours", port, str(arguments.proofs), str(rate))
    cpu = {kind: statistics.median(e["ms_cpu"] for e in done) for kind, done in rounds.items() if done}
    report = {
        "ms_cpu_per_proof": round(whole["ms_cpu"], 3),
        "ratio_pyav": round(cpu["pyav"] / cpu["ours"], 2) if "pyav" in cpu else None,
        "ratio_ffprobe": round(cpu["ffprobe"] / cpu["ours"], 1) if "ffprobe" in cpu else None,
        "core": round(whole["core"], 3),
        "proofs": arguments.proofs,
        "ok": whole["ok"],
        "wall_s": round(whole["wall_s"], 1),
        "lag_p99_ms": round(whole["lag_p99_ms"], 2),
        "rss_mb": round(whole["rss_mb"], 1),
        "ms_cpu": {kind: round(value, 3) for kind, value in cpu.items()},
    }
    show(report, arguments.json)


if __name__ == "__main__":
    main()
