"""``python -m bench.onvif --json``: the onvif check beside onvif-zeep-async, on one simulated fleet.

Interleaved rounds of five calls a camera over fresh connections; then the whole fleet within a minute.
The peer is warmed first (WSDLs, services) and is not charged for it. ``lag_p99_idle_ms`` is what an idle
process saw meanwhile: the machine's own share of ``lag_p99_ms``; ``busy_p99_ms`` is the processor time
between two turns of the loop. ``aiohttp`` is our own requests and answers over a shared aiohttp session: what
the lean client saves.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import aiohttp

from bench.cameras import PASSWORD, USER, Lag, collect, env, rss_mb, simulator, targets, worker
from bench.output import show
from monitor.collectors.http1 import Answer, Head
from monitor.collectors.onvif import answers, soap
from monitor.collectors.onvif.collector import OnvifCollector, OnvifSettings
from monitor.collectors.onvif.wsd import Prober
from monitor.collectors.onvif.xml import Element

AT_ONCE = 50
"""Cameras under way at one time in the rounds, for all three alike."""


def ours_collector(port: int, per_second: float, at_once: int = 500) -> OnvifCollector:
    os.environ["CAMWATCH_BENCH"] = PASSWORD
    return OnvifCollector(
        OnvifSettings.model_validate(
            {
                "port": port,
                "per_second": per_second,
                "at_once": at_once,
                "credentials": [{"name": "bench", "user": USER, "password": {"env": "CAMWATCH_BENCH"}}],
            }
        ),
        env(),
    )


async def ours(port: int, count: int, per_second: float, wsse_only: bool) -> dict[str, float]:
    collector = ours_collector(port, per_second, AT_ONCE if wsse_only else 500)
    due = targets(count, wsse_only)
    await collect(collector, due[:1], 10)
    if wsse_only:  # the peer is warm as well: media addresses and log-ins are known
        await collect(collector, due, 120)
    return await collect(collector, due, 120)


async def over_aiohttp(port: int, count: int) -> dict[str, float]:
    rng, ok = random.Random(1), 0
    limit = asyncio.Semaphore(AT_ONCE)
    connector = aiohttp.TCPConnector(limit=0, force_close=False, keepalive_timeout=1)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:

        async def call(ip: str, path: str, what: soap.Call, token: str = "") -> Element:
            header = ""
            if not what.open:
                nonce = rng.getrandbits(128).to_bytes(16, "big")
                header = soap.username_token(USER, PASSWORD, nonce, time.time())
            body = soap.envelope(what.element(token), header)
            head = {"Content-Type": "application/soap+xml; charset=utf-8"}
            url = f"http://{ip}:{port}{path}"
            async with session.post(url, data=body, headers=head, allow_redirects=False) as response:
                raw = await response.content.read(256 * 1024)
                return answers.response(what, Answer(Head(response.status, ()), raw, True))

        async def poll(ip: str) -> None:
            nonlocal ok
            async with limit, asyncio.timeout(10):
                device = "/onvif/device_service"
                answers.utc_seconds(await call(ip, device, soap.GET_DATE))
                answers.information(await call(ip, device, soap.GET_INFORMATION))
                token = answers.profiles(await call(ip, "/onvif/Media", soap.GET_PROFILES))[0].token
                answers.media_uri(await call(ip, "/onvif/Media", soap.GET_STREAM_URI, token))
                answers.media_uri(await call(ip, "/onvif/Media", soap.GET_SNAPSHOT_URI, token))
                ok += 1

        due = targets(count, wsse_only=True)
        await poll(due[0].ip)
        ok, cpu = 0, time.process_time()
        await asyncio.gather(*(poll(target.ip) for target in due))
        cpu = time.process_time() - cpu
    return {"ms_cpu": 1000 * cpu / count, "ok": ok, "rss_mb": rss_mb()}


async def zeep(port: int, count: int) -> dict[str, float]:
    from onvif import ONVIFCamera

    due = targets(count, wsse_only=True)
    cameras = []
    for target in due:
        camera = ONVIFCamera(target.ip, port, USER, PASSWORD)
        await camera.update_xaddrs()
        cameras.append(
            (camera, await camera.create_devicemgmt_service(), await camera.create_media_service())
        )
    # Minutes lie between two polls of a camera: no connection of the warm-up is still open (its pool: 4 s).
    await asyncio.sleep(5)
    limit, ok = asyncio.Semaphore(AT_ONCE), 0

    async def poll(device: object, media: object) -> None:
        nonlocal ok
        async with limit:
            await device.GetSystemDateAndTime()
            await device.GetDeviceInformation()
            profiles = await media.GetProfiles()
            token = profiles[0].token
            setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
            await media.GetStreamUri({"StreamSetup": setup, "ProfileToken": token})
            await media.GetSnapshotUri({"ProfileToken": token})
            ok += 1

    cpu = time.process_time()
    await asyncio.gather(*(poll(device, media) for _, device, media in cameras))
    cpu = time.process_time() - cpu
    memory = rss_mb()
    for camera, *_ in cameras:
        await camera.close()
    return {"ms_cpu": 1000 * cpu / count, "ok": ok, "rss_mb": memory}


async def wsd(port: int, count: int) -> dict[str, float]:
    prober = Prober(random.Random(1), port)
    try:
        cpu, wall = time.process_time(), time.perf_counter()
        found = await prober.unicast([target.ip for target in targets(count)], 8000, 3)
        return {
            "wall_s": time.perf_counter() - wall,
            "cpu_s": time.process_time() - cpu,
            "found": len(found),
        }
    finally:
        prober.close()


async def idle(seconds: float) -> dict[str, float]:
    async with Lag() as lag:
        await asyncio.sleep(seconds)
    return {"lag_p99_ms": lag.p99_ms}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cameras", type=int, default=20_000)
    parser.add_argument("--within", type=float, default=58.0, help="seconds for the whole fleet")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-cameras", type=int, default=150)
    parser.add_argument("--worker", nargs=4, metavar=("KIND", "PORT", "COUNT", "RATE"))
    arguments = parser.parse_args()
    if arguments.worker:
        kind, port, count, rate = arguments.worker
        run = {
            "ours": lambda: ours(int(port), int(count), float(rate), wsse_only=True),
            "fleet": lambda: ours(int(port), int(count), float(rate), wsse_only=False),
            "aiohttp": lambda: over_aiohttp(int(port), int(count)),
            "zeep": lambda: zeep(int(port), int(count)),
            "wsd": lambda: wsd(int(port), int(count)),
            "idle": lambda: idle(float(count)),
        }[kind]
        print(json.dumps(asyncio.run(run())))
        return
    rounds: dict[str, list[dict[str, float]]] = {"ours": [], "zeep": [], "aiohttp": []}
    few = str(arguments.peer_cameras)
    with simulator(arguments.cameras) as simulated:
        port = str(simulated.http)
        for _ in range(arguments.rounds):
            for kind, done in rounds.items():
                done.append(worker("bench.onvif", kind, port, few, "100000"))
        discovery = worker("bench.onvif", "wsd", str(simulated.wsd), str(arguments.cameras), "0")
        rate = str(arguments.cameras / arguments.within)
        with ThreadPoolExecutor() as pool:
            idling = pool.submit(worker, "bench.onvif", "idle", "0", str(arguments.within), "0")
            whole = worker("bench.onvif", "fleet", port, str(arguments.cameras), rate)
            quiet = idling.result()
    cpu = {kind: statistics.median(each["ms_cpu"] for each in done) for kind, done in rounds.items()}
    report = {
        "ratio_cpu_zeep": round(cpu["zeep"] / cpu["ours"], 2),
        "ms_cpu_per_poll": round(cpu["ours"], 3),
        "ms_cpu_per_poll_zeep": round(cpu["zeep"], 3),
        "ms_cpu_per_poll_aiohttp": round(cpu["aiohttp"], 3),
        "lag_p99_ms": round(whole["lag_p99_ms"], 2),
        "lag_p99_idle_ms": round(quiet["lag_p99_ms"], 2),
        "busy_p99_ms": round(whole["busy_p99_ms"], 2),
        "rss_mb": round(whole["rss_mb"], 1),
        "cameras": arguments.cameras,
        "ok": whole["ok"],
        "wall_s": round(whole["wall_s"], 1),
        "core": round(whole["core"], 3),
        "wsd_s": round(discovery["wall_s"], 2),
        "wsd_cpu_s": round(discovery["cpu_s"], 2),
        "wsd_found": discovery["found"],
        "ok_share": {kind: done[-1]["ok"] / arguments.peer_cameras for kind, done in rounds.items()},
    }
    show(report, arguments.json)


if __name__ == "__main__":
    main()
