"""Helpers of the SNMP tests: simulated agents in the test's own loop, a real snmpd, a meddling proxy."""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path

import pytest

from monitor.collectors.snmp import ber, keys, usm
from monitor.collectors.snmp.agents import Agent, EngineSettings
from monitor.collectors.snmp.engine import UdpEngine
from monitor.collectors.snmp.messages import Community, Reply, SnmpError, Version, get
from monitor.collectors.snmp.talk import Talk, get_all
from monitor.secrets import Secret
from monitor.simulate import snmp_agents
from monitor.simulate.snmprec import Walk, encode_value, load
from tests.addresses import free_port

DATA = Path(__file__).parents[1].parent / "shared" / "data" / "snmp"
PUBLIC = Community(Version.V2C, Secret("public"))
V1_PUBLIC = Community(Version.V1, Secret("public"))
SYS_NAME = ber.oid("1.3.6.1.2.1.1.5.0")
SYS_UP_TIME = ber.oid("1.3.6.1.2.1.1.3.0")
PATIENT = EngineSettings(timeout_s=20, retries=1)
"""For agents that answer: on a busy machine they too are held up."""
QUICK = EngineSettings(timeout_s=0.06, retries=3, backoff=1.0)
"""For agents of our own loop, some of which are silent. What holds it up holds up both sides of the talk, and
hardly four times running."""
FIRM = EngineSettings(timeout_s=0.2, retries=2, backoff=1.0)
"""For agents of other processes whose answers are not believed, which is told when the time is over."""


@cache
def _loaded(path: Path) -> Walk:
    return load(path)


def recorded(name: str) -> Walk:
    """A recorded device's walk; read once a session."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the recorded walk {name} is not beside this checkout (shared/data/snmp)")
    return _loaded(path)


def small_walk(rows: int = 5) -> Walk:
    """A name, an uptime, and a table of two columns."""
    values = {
        SYS_UP_TIME: encode_value(ber.TIME_TICKS, "4242", False),
        SYS_NAME: encode_value(ber.OCTETS, "switch", False),
    }
    for row in range(1, rows + 1):
        values[ber.oid(f"1.3.6.1.2.1.2.2.1.1.{row}")] = ber.encode_integer(row)
        values[ber.oid(f"1.3.6.1.2.1.2.2.1.2.{row}")] = encode_value(ber.OCTETS, f"port {row}", False)
    return Walk.of(values)


COLUMNS = (ber.oid("1.3.6.1.2.1.2.2.1.1"), ber.oid("1.3.6.1.2.1.2.2.1.2"))


@asynccontextmanager
async def engine(settings: EngineSettings = QUICK) -> AsyncIterator[UdpEngine]:
    """An engine that must have forgotten everything when the test is through with it."""
    made = UdpEngine(settings, random.Random(7))
    await made.start()
    try:
        yield made
        assert made.under_way == 0
        assert not made._talking
        assert not made._ready
    finally:
        await made.stop()


@contextmanager
def simulated(agents: snmp_agents.Agents) -> Iterator[int]:
    """Agents on every address of 127.0.0.0/8, in this loop; the port they answer at."""
    loop = asyncio.get_running_loop()
    with snmp_agents.open_socket() as sock:
        loop.add_reader(sock, snmp_agents.answer, sock, agents)
        try:
            yield int(sock.getsockname()[1])
        finally:
            loop.remove_reader(sock)


Answer = Callable[[bytes], list[bytes]]


@contextmanager
def scripted(answer: Answer) -> Iterator[int]:
    """One agent on 127.0.0.1 that answers each datagram as ``answer`` says."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)

        def readable() -> None:
            data, peer = sock.recvfrom(65535)
            for reply in answer(data):
                sock.sendto(reply, peer)

        loop.add_reader(sock, readable)
        try:
            yield int(sock.getsockname()[1])
        finally:
            loop.remove_reader(sock)


class Proxy:
    """Stands between us and a real agent. ``meddle`` sees each reply and says what reaches us instead."""

    def __init__(self, agent: tuple[str, int]) -> None:
        self.agent = agent
        self.meddle: Answer = lambda reply: [reply]
        self.replies: list[bytes] = []

    @contextmanager
    def running(self) -> Iterator[int]:
        loop = asyncio.get_running_loop()
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as front,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back,
        ):
            front.bind(("127.0.0.1", 0))
            front.setblocking(False)
            back.setblocking(False)
            peer: list[tuple[str, int]] = [("", 0)]

            def forward() -> None:
                data, peer[0] = front.recvfrom(65535)
                back.sendto(data, self.agent)

            def backward() -> None:
                data = back.recv(65535)
                self.replies.append(data)
                for reply in self.meddle(data):
                    front.sendto(reply, peer[0])

            loop.add_reader(front, forward)
            loop.add_reader(back, backward)
            try:
                yield int(front.getsockname()[1])
            finally:
                loop.remove_reader(front)
                loop.remove_reader(back)


USERS = {
    b"md5des": keys.User(
        b"md5des", keys.Auth.MD5, Secret("auth pass 1"), keys.Priv.DES, Secret("priv pass 1")
    ),
    b"sha1aes": keys.User(
        b"sha1aes", keys.Auth.SHA1, Secret("auth pass 2"), keys.Priv.AES128, Secret("priv pass 2")
    ),
    b"sha224": keys.User(b"sha224", keys.Auth.SHA224, Secret("auth pass 3")),
    b"sha256": keys.User(
        b"sha256", keys.Auth.SHA256, Secret("auth pass 4"), keys.Priv.AES192, Secret("priv pass 4")
    ),
    b"sha384": keys.User(
        b"sha384", keys.Auth.SHA384, Secret("auth pass 5"), keys.Priv.AES256, Secret("priv pass 5")
    ),
    b"sha512": keys.User(
        b"sha512", keys.Auth.SHA512, Secret("auth pass 6"), keys.Priv.AES256, Secret("priv pass 6")
    ),
    b"open": keys.User(b"open"),
}
_NET_SNMP = {
    keys.Auth.MD5: "MD5",
    keys.Auth.SHA1: "SHA",
    keys.Auth.SHA224: "SHA-224",
    keys.Auth.SHA256: "SHA-256",
    keys.Auth.SHA384: "SHA-384",
    keys.Auth.SHA512: "SHA-512",
    keys.Priv.DES: "DES",
    keys.Priv.AES128: "AES",
    keys.Priv.AES192: "AES-192",
    keys.Priv.AES256: "AES-256",
}


def create_users() -> str:
    """``createUser`` lines for snmpd and snmptrapd."""
    lines = []
    for user in USERS.values():
        line = f"createUser {user.name.decode()}"
        for protocol, secret in ((user.auth, user.auth_pass), (user.priv, user.priv_pass)):
            if protocol is not None and secret is not None:
                line += f' {_NET_SNMP[protocol]} "{secret.reveal()}"'
        lines.append(line)
    return "\n".join(lines) + "\n"


class Snmpd:
    """Debian's snmpd on a loopback port, with v2c community "public" and the users above."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, engine_id: str = "first") -> None:
        config = self.folder / "agent.conf"
        levels = "".join(
            f"rouser {user.name.decode()} {'priv' if user.priv else 'auth' if user.auth else 'noauth'}\n"
            for user in USERS.values()
        )
        config.write_text(
            f"agentaddress udp:127.0.0.1:{self.port}\nrocommunity public 127.0.0.1\n"
            f"engineID {engine_id}\nsysName camwatch-test\n{create_users()}{levels}"
        )
        self._process = subprocess.Popen(
            ["snmpd", "-f", "-Lf", str(self.folder / "log"), "-c", str(config), "-I", "-smux"],
            env={
                "SNMP_PERSISTENT_DIR": str(self.folder),
                "SNMPCONFPATH": str(self.folder),
                "PATH": "/usr/sbin:/usr/bin",
            },
        )
        deadline = time.monotonic() + 60
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.05)
            sock.connect(("127.0.0.1", self.port))
            while time.monotonic() < deadline:
                try:
                    sock.send(PUBLIC.encode(get(SYS_NAME), 1 << 30))
                    if sock.recv(1500):
                        return
                except OSError:
                    time.sleep(0.02)
        self.stop()
        raise RuntimeError("snmpd did not come up: " + (self.folder / "log").read_text()[-500:])

    def stop(self, kill: bool = False) -> None:
        """Politely, so that it counts its boots; or killed."""
        if self._process is not None:
            (self._process.kill if kill else self._process.terminate)()
            self._process.wait(60)
            self._process = None

    def forget_engine(self) -> None:
        """As if the device had been replaced: users, engine ID and boots are gone."""
        for path in self.folder.glob("snmpd*.conf*"):
            path.unlink()


@contextmanager
def running_snmpd() -> Iterator[Snmpd]:
    if shutil.which("snmpd", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("needs the Debian package snmpd")
    with tempfile.TemporaryDirectory() as folder:
        daemon = Snmpd(Path(folder))
        daemon.start()
        try:
            yield daemon
        finally:
            daemon.stop()


def agent_at(port: int, session: Community | usm.Session = PUBLIC, ip: str = "127.0.0.1") -> Agent:
    return Agent(ip, port, session)


def name_of(reply: Reply) -> ber.Value:
    return reply.value(0)


async def ask_name(engine: UdpEngine, agent: Agent, timeout_s: float = 60.0) -> ber.Value:
    return (await engine.ask(agent, get_all(get(SYS_NAME)), timeout_s)).value(0)


async def failure(engine: UdpEngine, agent: Agent, talk: Talk[object], timeout_s: float = 60.0) -> SnmpError:
    """The error that a conversation must end in."""
    with pytest.raises(SnmpError) as caught:
        await engine.ask(agent, talk, timeout_s)
    return caught.value
