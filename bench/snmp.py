"""SNMP: CPU of our engine beside aiosnmp, pysnmp and net-snmp's C library, and what agents cost.

    python -m bench.snmp --json

Client and responder stand on different cores; CPU is the client's. Every round runs all clients in turn, and
medians are told. Ratios to slower peers say how many times less CPU we use (``ratio_get_aiosnmp``,
``ratio_walk_aiosnmp``, ``ratio_v3_pysnmp``: more is better), ratios to net-snmp how many times more
(``ratio_get_netsnmp``, ``ratio_v3_netsnmp``: less is better). A peer that is not installed is null.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench import snmp_clients as clients
from bench.output import show
from bench.snmp_fleet import Responder, addresses
from monitor.collectors.snmp import ber
from monitor.collectors.snmp.agents import Agent, EngineSettings
from monitor.collectors.snmp.engine import UdpEngine
from monitor.collectors.snmp.messages import get
from monitor.collectors.snmp.talk import get_all

AGENTS = 1000
ROUNDS = 5
"""GETs of each agent in one measurement."""
SHORT_TURNS = 3
"""Single requests, and a p99, take so little time that one measurement is one of the machine's mood."""
WALKED = 100
V3_SESSIONS = 200
DEAD_SHARE = 20
"""One in so many is dead."""


def netsnmp(folder: Path) -> Path | None:
    """net-snmp's library under a small driver; ``None`` without compiler or libsnmp-dev."""
    if not shutil.which("gcc") or not shutil.which("net-snmp-config"):
        return None
    libraries = subprocess.run(["net-snmp-config", "--libs"], capture_output=True, text=True, check=True)
    program = folder / "snmp_netsnmp"
    source = Path(__file__).with_suffix("").parent / "snmp_netsnmp.c"
    command = ["gcc", "-O2", str(source), "-o", str(program), *libraries.stdout.split()]
    return program if subprocess.run(command, capture_output=True).returncode == 0 else None


def run_netsnmp(program: Path, *arguments: object) -> float:
    """CPU seconds of one answer."""
    core = sorted(os.sched_getaffinity(0))[0]
    done = subprocess.run(
        ["taskset", "-c", str(core), str(program), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "SNMP_PERSISTENT_DIR": str(program.parent), "MIBS": ""},
    )
    spent, answers = done.stdout.split()
    return float(spent) / int(answers)


class Snmpd:
    """Debian's agent with the bench's v3 user, on the responder's core."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0

    def __enter__(self) -> Snmpd:
        import socket

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        config = self.folder / "agent.conf"
        config.write_text(
            f"agentaddress udp:127.0.0.1:{self.port}\n"
            'createUser bench SHA "bench auth" AES "bench priv"\nrouser bench priv\n'
        )
        core = sorted(os.sched_getaffinity(0))[-1]
        self._process = subprocess.Popen(
            ["taskset", "-c", str(core), "snmpd", "-f", "-Lf", "/dev/null", "-C", "-c", str(config)],
            env={"SNMP_PERSISTENT_DIR": str(self.folder), "PATH": "/usr/sbin:/usr/bin"},
        )
        time.sleep(1.5)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)


def memory(port: int, count: int) -> dict[str, float]:
    """Octets and file descriptors that an agent costs, once it has been asked."""

    async def work() -> dict[str, float]:
        engine = UdpEngine(EngineSettings(timeout_s=5), random.Random(1))
        await engine.start()
        request = get(*map(ber.oid, clients.scalars()))
        await clients.all_of(engine, clients.v2c(10, port), lambda agent: get_all(request))
        files = len(list(Path("/proc/self/fd").iterdir()))
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        agents = clients.v2c(count, port)
        await clients.all_of(engine, agents, lambda agent: get_all(request))
        after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        more = len(list(Path("/proc/self/fd").iterdir())) - files
        await engine.stop()
        return {"bytes": (after - before) / count, "files": more}

    return asyncio.run(work())


def memory_v3(port: int, count: int) -> float:
    from monitor.collectors.snmp import usm

    async def work() -> float:
        engine = UdpEngine(EngineSettings(timeout_s=10, window=64), random.Random(1))
        await engine.start()
        request = get(*map(ber.oid, clients.SYSTEM))

        def fleet(some: int) -> list[Agent]:
            return [Agent("127.0.0.1", port, usm.Session(clients.BENCH_USER, n << 32)) for n in range(some)]

        await clients.all_of(engine, fleet(5), lambda agent: get_all(request))
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        agents = fleet(count)
        await clients.all_of(engine, agents, lambda agent: get_all(request))
        after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        await engine.stop()
        return (after - before) / len(agents)

    return asyncio.run(work())


def latency(port: int, silent: list[str]) -> float:
    """p99 in ms over the agents that live, asked at 2,000 a second."""
    dead = set(silent)

    async def work() -> float:
        engine = UdpEngine(EngineSettings(timeout_s=0.3, retries=1), random.Random(1))
        await engine.start()
        loop = asyncio.get_running_loop()
        request = get(*map(ber.oid, clients.scalars()))
        took: list[float] = []
        left = AGENTS
        ended = loop.create_future()

        def begin(agent: Agent) -> None:
            started = loop.time()

            def done(outcome: Any) -> None:
                nonlocal left
                left -= 1
                if agent.address[0] not in dead:
                    took.append(loop.time() - started)
                if not left:
                    ended.set_result(None)

            engine.run(agent, get_all(request), done, started + 5)

        agents = clients.v2c(AGENTS, port)
        random.Random(2).shuffle(agents)
        for at, agent in enumerate(agents):
            begin(agent)
            if at % 4 == 3:
                await asyncio.sleep(0.002)
        await ended
        await engine.stop()
        return quantiles(took, n=100)[98] * 1000

    return asyncio.run(work())


def exporter(folder: Path, port: int) -> float | None:
    """CPU seconds of one walk by Prometheus' snmp_exporter; ``None`` where it is not installed."""
    import socket
    import urllib.request

    program = shutil.which("prometheus-snmp-exporter")
    if program is None:
        return None
    config = folder / "snmp.yml"
    metrics = "".join(
        f"  - name: m{n}_{root.split('.')[7]}\n    oid: {root}.{n}\n    type: gauge\n    help: m\n"
        "    indexes:\n    - labelname: ifIndex\n      type: gauge\n"
        for root, most in ((clients.IF_TABLE, 23), (clients.IF_X_TABLE, 20))
        for n in range(1, most)
    )
    config.write_text(
        f"bench:\n  walk:\n  - {clients.IF_TABLE}\n  - {clients.IF_X_TABLE}\n  metrics:\n{metrics}"
        "  version: 2\n  max_repetitions: 25\n"
    )
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        web = sock.getsockname()[1]
    core = sorted(os.sched_getaffinity(0))[0]
    process = subprocess.Popen(
        [
            "taskset",
            "-c",
            str(core),
            program,
            f"--config.file={config}",
            f"--web.listen-address=127.0.0.1:{web}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(1)

        def spent() -> float:
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        before = spent()
        hosts = addresses(50)
        for ip in hosts:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{web}/snmp?module=bench&target={ip}:{port}"
            ) as page:
                page.read()
        return (spent() - before) / len(hosts)
    except OSError:
        return None
    finally:
        process.terminate()
        process.wait(10)


def ratio(one: float | None, other: float | None) -> float | None:
    return None if not one or not other else round(one / other, 2)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.snmp", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--rounds", type=int, default=5, help="how often all clients run in turn")
    options = parser.parse_args()
    times: dict[str, list[float]] = {}

    def note(name: str, work: Callable[..., float | None], *arguments: Any) -> None:
        value = clients.in_child(work, *arguments)
        if value is not None:
            times.setdefault(name, []).append(value)

    have_snmpd = shutil.which("snmpd", path="/usr/sbin:/usr/bin") is not None
    responder = Responder()
    with tempfile.TemporaryDirectory() as name, responder as port:
        folder = Path(name)
        before = responder.cpu_s()
        clients.in_child(clients.ours_get, port, AGENTS, 19)
        replies_per_s = 20 * AGENTS / (responder.cpu_s() - before)
        program = netsnmp(folder)
        for turn in range(options.rounds):
            print(f"round {turn + 1} of {options.rounds}", file=sys.stderr)
            for _ in range(SHORT_TURNS):
                note("get_ours", clients.ours_get, port, AGENTS, ROUNDS)
                note("get_aiosnmp", clients.aiosnmp_get, port, AGENTS, ROUNDS)
                if program:
                    note("get_netsnmp", run_netsnmp, program, port, AGENTS, ROUNDS)
            note("walk_ours", clients.ours_walk, port, WALKED)
            note("walk_aiosnmp", clients.aiosnmp_walk, port, WALKED, 10)
            note("walk_aiosnmp_large", clients.aiosnmp_walk, port, WALKED, clients.WALK_BINDINGS)
            if have_snmpd:
                with Snmpd(folder) as agent:
                    for _ in range(SHORT_TURNS):
                        note("v3_ours", clients.ours_v3, agent.port, V3_SESSIONS, ROUNDS)
                        note("v3_pysnmp", clients.pysnmp_v3, agent.port, 50)
                        if program:
                            note("v3_netsnmp", run_netsnmp, program, agent.port, V3_SESSIONS, ROUNDS, "v3")
                    if turn == 0:
                        note("bytes_v3", memory_v3, agent.port, 300)
        note("walk_exporter", exporter, folder, port)
        held = clients.in_child(memory, port, 5000)
        silent = addresses(AGENTS)[::DEAD_SHARE]
        with Responder(silent) as lossy:
            calm, troubled = [], []
            for _ in range(SHORT_TURNS * options.rounds):
                calm.append(clients.in_child(latency, port, []))
                troubled.append(clients.in_child(latency, lossy, silent))
    cpu = {name: median(values) for name, values in times.items()}
    report = {
        "ratio_get_aiosnmp": ratio(cpu["get_aiosnmp"], cpu["get_ours"]),
        "ratio_get_netsnmp": ratio(cpu["get_ours"], cpu.get("get_netsnmp")),
        "ratio_walk_aiosnmp": ratio(cpu["walk_aiosnmp"], cpu["walk_ours"]),
        "ratio_walk_aiosnmp_large": ratio(cpu["walk_aiosnmp_large"], cpu["walk_ours"]),
        "ratio_walk_exporter": ratio(cpu.get("walk_exporter"), cpu["walk_ours"]),
        "ratio_v3_pysnmp": ratio(cpu.get("v3_pysnmp"), cpu.get("v3_ours")),
        "ratio_v3_netsnmp": ratio(cpu.get("v3_ours"), cpu.get("v3_netsnmp")),
        "bytes_per_agent": round(held["bytes"]),
        "bytes_per_agent_v3": round(cpu["bytes_v3"]) if "bytes_v3" in cpu else None,
        "files_for_5000_agents": held["files"],
        "cores_for_5000_walks_a_minute": round(cpu["walk_ours"] * 5000 / 60, 3),
        "simulator_replies_per_s": round(replies_per_s),
        "ratio_p99_with_dead": ratio(median(troubled), median(calm)),
        "get_us": {name[4:]: round(value * 1e6, 1) for name, value in cpu.items() if name.startswith("get_")},
        "walk_ms": {
            name[5:]: round(value * 1e3, 2) for name, value in cpu.items() if name.startswith("walk_")
        },
        "v3_us": {name[3:]: round(value * 1e6, 1) for name, value in cpu.items() if name.startswith("v3_")},
    }
    show(report, options.json)


if __name__ == "__main__":
    main()
