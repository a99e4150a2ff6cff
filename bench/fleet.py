"""The whole daemon on a simulated fleet: what it costs to watch N devices every S seconds.

    python -m bench.fleet --devices 10000 --interval 10 --json

(Root; Debian package iproute2.) Sweep, states, the contract's rules, ledger, a null sink; the daemon is a
process of its own, and the fleet is the kernel of another network namespace, so that nothing but its softirq
work, which Linux books on whoever sends, is billed to us. ``cpu_percent`` (of one core) and ``rss_mb`` are
those of the daemon's process by /proc; the courier, which holds Apprise, is shown beside it. ``restart_s`` is
from the start of the process, with a ledger that knows the fleet, to the end of the first complete sweep;
``restart_judged_s`` until the silent devices too have been judged, by three sweeps each.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.output import show
from monitor.simulate.city import city
from tests.daemon_support import RULES, House, children, moved
from tests.icmp_support import FLEET_ADDRESS, Network, network, shell

_TICK = os.sysconf("SC_CLK_TCK")
CONFIG = """\
inventory = ["cameras.csv"]

[daemon]
state_dir = "state"
run_dir = "run"
uplink = {{ references = ["{reference}"] }}
log = {{ level = "warning" }}

[checks.icmp]
interval = "{interval:g}s"
rate = {rate}

[channel.hook]
url = "webhook://127.0.0.1:9/"

[receiver.duty]
channels = ["hook"]

[[route]]
receiver = "duty"
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the kernel has booked on a process: seconds, and MB."""

    user_s: float
    system_s: float
    rss_mb: float

    @staticmethod
    def of(pid: int) -> Usage:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        rss = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return Usage(int(fields[11]) / _TICK, int(fields[12]) / _TICK, rss / 1e6)


def address(number: int) -> str:
    """10.100.0.1 …: 62,500 devices in each /16."""
    return f"10.{100 + number // 62_500}.{number // 250 % 250}.{number % 250 + 1}"


def open_streets(net: Network) -> None:
    """10.100.0.0/14 answers."""
    net.in_fleet("ip route add local 10.100.0.0/14 dev lo")
    shell(f"ip route add 10.100.0.0/14 via {FLEET_ADDRESS}")


def cut(net: Network, addresses: list[str], *, heal: bool = False) -> None:
    """These answer no more (or again)."""
    act = "del" if heal else "add"
    lines = "\n".join(f"route {act} blackhole {ip}/32 table local" for ip in addresses)
    net.in_fleet(f"ip -batch - <<'END'\n{lines}\nEND")


async def measure(options: argparse.Namespace, net: Network, folder: Path) -> dict[str, object]:
    devices = moved(city(options.devices * 48 // 49), address)
    open_streets(net)
    dead = max(1, round(1 / options.dead)) if options.dead else 0
    silent = [d.address for n, d in enumerate(devices) if dead and d.parents and n % dead == dead - 1]
    cut(net, silent)
    house = House(folder)
    config = CONFIG.format(reference=FLEET_ADDRESS, interval=options.interval, rate=options.rate) + RULES
    house.furnish(devices, config)
    loop = asyncio.get_running_loop()
    async with house.running():
        await house.all_measured(120)
        assert await house.stop() == 0
    began = loop.time()
    async with house.running():
        await house.until(lambda s: s["states"].get("unknown", 0) <= len(silent), 120)
        restart_s = loop.time() - began
        await house.all_measured(120)
        judged_s = loop.time() - began
        await asyncio.sleep(max(5.0, options.interval))
        status = await house.ask("status")
        before_overruns = sum(check["overruns"] for check in status["checks"])
        before, began = Usage.of(house.pid), loop.time()
        await asyncio.sleep(options.seconds)
        after, took = Usage.of(house.pid), loop.time() - began
        couriers = [Usage.of(pid) for pid in children(house.pid)]
        status = await house.ask("status")
        assert await house.stop() == 0
    user, system = after.user_s - before.user_s, after.system_s - before.system_s
    return {
        "devices": len(devices),
        "interval_s": options.interval,
        "offline": status["offline"],
        "cpu_percent": round(100 * (user + system) / took, 2),
        "cpu_user_percent": round(100 * user / took, 2),
        "cpu_system_percent": round(100 * system / took, 2),
        "rss_mb": round(after.rss_mb, 1),
        "courier_rss_mb": round(sum(courier.rss_mb for courier in couriers), 1),
        "overruns": sum(check["overruns"] for check in status["checks"]) - before_overruns,
        "unmeasured": status["states"].get("unknown", 0),
        "restart_s": round(restart_s, 2),
        "restart_judged_s": round(judged_s, 2),
        "loop_lag_ms": status["loop_lag_ms"],
        "task_failures": status["task_failures"],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--interval", type=float, default=10.0, help="seconds")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to measure")
    parser.add_argument("--dead", type=float, default=0.01, help="share of the devices that never answer")
    parser.add_argument("--rate", type=int, default=20_000, help="most packets per second")
    options = parser.parse_args()
    with network() as net, tempfile.TemporaryDirectory(prefix="camwatch-bench-") as folder:
        figures = asyncio.run(measure(options, net, Path(folder)))
    show(figures, options.json)


if __name__ == "__main__":
    main()
