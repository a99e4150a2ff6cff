"""From unplugging to the message that the channel has accepted.

    python -m bench.latency --json [--devices 10000] [--interval 10] [--times 20]

(Root; Debian package iproute2.) The whole daemon watches N devices over a veth pair; one camera at a time is
cut off at a random moment, ``--times`` times, and then 500 at once. ``p50_s`` and ``p99_s`` are of the single
cameras (with 20 of them the p99 is the slowest), ``many_s`` is until the message about the 500. The target is
interval + 5 s at p99, with ``group_wait`` 0. The receiver is a local HTTP server without a rate limit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from pathlib import Path
from statistics import median

from aiohttp import web

from bench.fleet import CONFIG, address, cut, open_streets
from bench.output import show
from monitor.model import Device, Kind
from monitor.simulate.city import AREAS, city
from tests.daemon_support import RULES, House, moved
from tests.icmp_support import FLEET_ADDRESS, Network, network

_MANY = 500
_ROUTES = """\
[[route]]
match = {{ area = "{area}" }}
receiver = "duty"
group_by = ["area"]
group_wait = "0s"

[[route]]
receiver = "duty"
group_by = ["id"]
group_wait = "0s"
"""
"""Single cameras are a case each; those that fall together are one of their area."""


class Receiver:
    """Accepts every message, and notes when."""

    def __init__(self) -> None:
        self.texts: list[tuple[float, str]] = []
        self._more = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"webhook://127.0.0.1:{self._runner.addresses[0][1]}/"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        text = json.dumps(await request.json(), ensure_ascii=False)
        self.texts.append((time.monotonic(), text))
        self._more.set()
        return web.Response()

    async def about(self, name: str, after: float) -> float:
        """When the first message with this name arrived after that moment."""
        async with asyncio.timeout(120):
            while True:
                self._more.clear()
                for at, text in self.texts:
                    if at >= after and name in text:
                        return at
                await self._more.wait()


async def measure(options: argparse.Namespace, net: Network, folder: Path) -> dict[str, object]:
    devices = moved(city(options.devices * 48 // 49), address)
    open_streets(net)
    receiver, house, rng = Receiver(), House(folder), random.Random(options.seed)
    await receiver.start()
    text = CONFIG.format(reference=FLEET_ADDRESS, interval=options.interval, rate=20_000)
    text = text.replace("webhook://127.0.0.1:9/", receiver.url)
    text = text[: text.index("[[route]]")] + _ROUTES.format(area=AREAS[3])
    text = text.replace("channel.hook]\n", "channel.hook]\nper_minute = 6000\n")
    house.furnish(devices, text + RULES)
    cameras = [d for d in devices if d.kind is Kind.CAMERA and not d.key_site]
    many = [d for d in cameras if d.area == AREAS[3]][:_MANY]
    singles: list[float] = []
    async with house.running():
        await house.all_measured(120)
        for camera in rng.sample([d for d in cameras if d.area != AREAS[3]], options.times):
            await asyncio.sleep(rng.uniform(0, options.interval))
            singles.append(await _until_told(net, receiver, [camera], camera.name))
        many_s = await _until_told(net, receiver, many, AREAS[3])
        status = await house.ask("status")
        await house.stop()
    await receiver.stop()
    singles.sort()
    return {
        "devices": len(devices),
        "interval_s": options.interval,
        "target_s": options.interval + 5,
        "times": len(singles),
        "p50_s": round(median(singles), 2),
        "p99_s": round(singles[min(len(singles) - 1, int(len(singles) * 0.99))], 2),
        "max_s": round(singles[-1], 2),
        "many": len(many),
        "many_s": round(many_s, 2),
        "messages": len(receiver.texts),
        "task_failures": status["task_failures"],
    }


async def _until_told(net: Network, receiver: Receiver, fallen: list[Device], name: str) -> float:
    began = time.monotonic()
    await asyncio.to_thread(cut, net, [device.address for device in fallen])
    return await receiver.about(name, began) - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--interval", type=float, default=10.0, help="seconds")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with network() as net, tempfile.TemporaryDirectory(prefix="camwatch-bench-") as folder:
        figures = asyncio.run(measure(options, net, Path(folder)))
    show(figures, options.json)


if __name__ == "__main__":
    main()
