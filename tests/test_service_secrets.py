"""A secret never leaves its place: planted wherever a configuration may refer to one, then searched for
everywhere that Camwatch writes."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from aiohttp import ClientSession
from click.testing import CliRunner
from pydantic import BaseModel

from monitor.cli import main
from monitor.config import Config, load
from monitor.config.daemon import LogFormat
from monitor.secrets import SecretRef
from monitor.settings import Section
from tests.addresses import free_port
from tests.daemon_support import ROOT
from tests.service_support import furnish, hook, town

MARK = "S3CR3T"
COMMANDS = (
    ("check",), ("status",), ("status", "--json"), ("incidents", "--json"), ("reload",),
    ("test-notify", "duty"), ("watch-peer", "--once", "127.0.0.1:9"), ("backup", "--to"), ("ack", "1"),
    ("sink", "test"), ("explain",), ("help", "security"),
)  # fmt: skip
PAGES = ("/metrics", "/healthz", "/readyz", "/nothing")

CONFIG = """
[sink]
type = "influxdb"
url = "http://127.0.0.1:9"
token = {{ file = "secrets/token" }}
user = "u"
password = {{ file = "secrets/password" }}
[sink.spool]
path = "spool"

[health]
port = {health}

[checks.onvif]
interval = "1s"
[[checks.onvif.credentials]]
name = "cameras"
user = "monitor"
password = {{ file = "secrets/onvif" }}

[checks.snmp]
interval = "1s"
timeout = "100ms"
[[checks.snmp.credentials]]
community = {{ file = "secrets/community" }}
select = {{ kind = "camera" }}
[[checks.snmp.credentials]]
version = "3"
user = {{ user = "u", auth = "sha256", auth_pass = {{ file = "secrets/auth" }}, priv = "aes128", \
priv_pass = {{ file = "secrets/priv" }} }}

[traps]
listen = "127.0.0.1"
port = 0
communities = [{{ file = "secrets/trap" }}]

[remedies]
mode = "dry_run"
poe = {{ community = {{ file = "secrets/poe" }} }}

[channel.one]
url = "wecombot://{{key}}?at=http://127.0.0.1:9"
secrets = {{ key = {{ env = "PLANTED" }} }}
retry_first = "1s"

[channel.two]
url = "mailtos://{{user}}:{{pass}}@127.0.0.1:9?to=a@b.c"
secrets = {{ user = {{ file = "secrets/file" }}, pass = {{ credential = "planted" }} }}
retry_first = "1s"

[channel.three]
url = "webhook://127.0.0.1:9/{{path}}"
secrets = {{ path = {{ env = "PLANTED" }} }}
options = {{ "header.x-key" = "{{path}}" }}
retry_first = "1s"
"""
DAEMON = """heartbeat = { url = { file = "secrets/url" }, every = "5s", timeout = "1s" }
peer = { address = "127.0.0.1:9", secret = { file = "secrets/file" }, every = "1s", dead_after = "2s" }
"""


def plant(folder: Path) -> dict[str, str]:
    """The files that the configuration names, each with a secret of its own; the environment beside them."""
    folder.mkdir()
    names = "planted file token password onvif community auth priv trap poe"
    for name in names.split():
        (folder / name).write_text(f"{MARK}-{name}")
    (folder / "url").write_text(f"http://127.0.0.1:9/{MARK}-url")
    return {"PLANTED": f"{MARK}-env", "CREDENTIALS_DIRECTORY": str(folder)}


def places_in(value: object) -> Iterator[str]:
    """Each setting of ``value`` that refers to a secret: its section's class and its name."""
    if isinstance(value, SecretRef):
        yield ""
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            nested = list(places_in(getattr(value, name)))
            yield from [f"{type(value).__name__}.{name}"] if nested == [""] else nested
    elif isinstance(value, Mapping | list | tuple):
        parts = value.values() if isinstance(value, Mapping) else value
        yield from dict.fromkeys(place for part in parts for place in places_in(part))


def all_places(section: type[Section] = Section) -> Iterator[str]:
    for below in section.__subclasses__():
        for name, field in below.model_fields.items():
            if "SecretRef" in str(field.annotation):
                yield f"{below.__name__}.{name}"
        yield from all_places(below)


async def test_planted_secrets_are_found_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands, pages, metrics, messages, log at DEBUG, errors, status, books, backup, crash trace."""
    environment = plant(tmp_path / "secrets")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    port = free_port()
    said: list[str] = []

    def call(*command: str) -> None:
        extra = [str(tmp_path / "backups")] if command[0] == "backup" else []
        extra += [fleet.devices[4].id] if command[0] == "explain" else []
        options = [] if command[0] == "help" else ["-c", str(house.config)]
        done = CliRunner().invoke(main, [*command, *extra, *options])
        assert done.exit_code in (0, 1), done.output  # 2: called in the wrong way, and proves nothing
        said.append(f"{command}: {done.output} {done.exception!r}")

    with town(6, net=6) as fleet:
        async with hook() as phone:
            house = furnish(
                tmp_path, fleet, phone.port, level="debug", environment=environment,
                daemon=DAEMON, more=CONFIG.format(health=port),
            )  # fmt: skip
            text = house.config.read_text().replace(
                '[kind.camera]\nchecks = ["tcp"]',
                '[kind.camera]\nchecks = ["tcp", "onvif", "snmp"]\nliveness = ["tcp"]',
            )
            house.config.write_text(
                text.replace('channels = ["hook"]', 'channels = ["hook", "one", "two", "three"]')
            )
            config = load(house.config)
            planted = {place for part in vars_of(config) for place in places_in(part)}
            assert planted == set(all_places()), "a place where a secret may be named is not tried here"
            async with house.running():
                await house.all_measured()
                fleet.unplug(fleet.devices[4])
                await house.until(
                    lambda s: sum(lane["failing"] or lane["waiting"] for lane in s["outbox"]) >= 3
                )
                for command in COMMANDS:
                    await asyncio.to_thread(call, *command)
                async with ClientSession() as session:
                    for page in PAGES:
                        async with session.get(f"http://127.0.0.1:{port}{page}") as answer:
                            said.append(f"{page}: {answer.headers} {await answer.text()}")
                assert "camwatch_daemon" in said[-len(PAGES)]
                house.config.write_text(
                    house.config.read_text().replace("wecombot://{key}", "wecombot2://{key}")
                )
                await asyncio.to_thread(call, "check")
                await house.end(signal.SIGABRT)
            assert phone.bodies
    said += [house.log(), *phone.bodies]
    assert not [text for text in said if MARK in text]
    kept = [
        path
        for folder in ("state", "run", "spool", "backups")
        for path in (tmp_path / folder).rglob("*")
        if path.is_file()
    ]
    assert len(kept) >= 3
    assert not [path for path in kept if MARK.encode() in path.read_bytes()]


def vars_of(config: Config) -> list[object]:
    return [getattr(config, name) for name in Config.__dataclass_fields__]


def test_a_crash_trace_shows_no_local_variables() -> None:
    """A traceback that prints the locals of its frames prints every secret that a function holds."""
    code = (
        "import structlog, sys\n"
        "from monitor.logs import configure_logging\n"
        "from monitor.config.daemon import LogFormat, LogSettings\n"
        "def f():\n    held = 'S3' + 'CR3T-local'\n    raise RuntimeError('boom')\n"
        "for form in LogFormat:\n"
        "    configure_logging(LogSettings(format=form, level='debug'))\n"
        "    try:\n        f()\n"
        "    except RuntimeError:\n        structlog.get_logger().exception(f'died {form}')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert all(f"died {form}" in done.stderr for form in LogFormat), done.stderr
    assert done.stderr.count("boom") >= len(LogFormat) and MARK not in done.stderr


async def test_what_the_daemon_makes_is_its_owners_alone(tmp_path: Path) -> None:
    with town(3, net=7) as fleet:
        async with hook() as phone:
            house = furnish(tmp_path, fleet, phone.port)
            async with house.running():
                await house.all_measured()
                for path in (*(tmp_path / "state").rglob("*"), *(tmp_path / "run").rglob("*")):
                    assert path.stat().st_mode & 0o077 == 0, path
                assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
                assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700
                assert await house.stop() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
async def test_the_control_socket_answers_only_our_user_and_root_whatever_the_file_modes(
    tmp_path: Path,
) -> None:
    with town(3, net=8) as fleet:
        async with hook() as phone:
            house = furnish(tmp_path, fleet, phone.port)
            async with house.running():
                await house.all_measured()
                left, right = socket.socketpair()
                child = os.fork()
                if child == 0:  # as nobody, through a socket that anybody may open
                    try:
                        os.setgid(pwd.getpwnam("nobody").pw_gid)
                        os.setgroups([])
                        os.setuid(pwd.getpwnam("nobody").pw_uid)
                        right.recv(1)
                        with socket.socket(socket.AF_UNIX) as sock:
                            sock.connect(str(house.socket))
                            sock.sendall(b'{"command": "status", "arguments": {}}\n')
                            right.sendall(sock.recv(4096))
                    except OSError as error:
                        right.sendall(str(error).encode())
                    finally:
                        os._exit(0)
                modes = [path for path in house.socket.parents if path.stat().st_uid == os.geteuid()]
                old = {path: path.stat().st_mode for path in modes}
                for path in modes:
                    path.chmod(old[path] | 0o055)
                house.socket.chmod(0o777)
                left.sendall(b"x")
                answer = (await asyncio.to_thread(left.recv, 4096)).decode()
                os.waitpid(child, 0)
                for path, mode in old.items():
                    path.chmod(mode & 0o7777)
                left.close()
                right.close()
                assert "only the user that runs camwatch" in answer
                assert await house.stop() == 0
