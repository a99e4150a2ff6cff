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
from pathlib import Path

import pytest

from monitor.config.daemon import LogFormat
from tests.daemon_support import ROOT
from tests.service_support import furnish, hook, town

MARK = "S3CR3T"
COMMANDS = (
    ("check",), ("status",), ("status", "--json"), ("incidents", "--json"), ("reload",),
    ("test-notify", "duty"), ("watch-peer", "--once", "127.0.0.1:9"), ("backup", "--to"), ("ack", "1"),
)  # fmt: skip

MORE = """
[channel.one]
url = "wecombot://{{key}}?at=http://127.0.0.1:9"
secrets = {{ key = {{ env = "PLANTED" }} }}
retry_first = "1s"

[channel.two]
url = "mailtos://{{user}}:{{pass}}@127.0.0.1:9?to=a@b.c"
secrets = {{ user = {{ file = "{file}" }}, pass = {{ credential = "planted" }} }}
retry_first = "1s"

[channel.three]
url = "webhook://127.0.0.1:9/{{path}}"
secrets = {{ path = {{ env = "PLANTED" }} }}
options = {{ "header.x-key" = "{{path}}" }}
retry_first = "1s"
"""
DAEMON = """heartbeat = {{ url = {{ file = "{url}" }}, every = "5s", timeout = "1s" }}
peer = {{ address = "127.0.0.1:9", secret = {{ file = "{file}" }}, every = "1s", dead_after = "2s" }}
"""


async def test_planted_secrets_are_found_nowhere(tmp_path: Path) -> None:
    """Commands, log at DEBUG, errors, status, books, backup, environment of children, crash trace."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "planted").write_text(f"{MARK}-credential")
    (secrets / "file").write_text(f"{MARK}-file")
    (secrets / "url").write_text(f"http://127.0.0.1:9/{MARK}-url")
    environment = {"PLANTED": f"{MARK}-env", "CREDENTIALS_DIRECTORY": str(secrets)}
    said: list[str] = []
    with town(6, net=6) as fleet:
        async with hook() as phone:
            house = furnish(
                tmp_path, fleet, phone.port, level="debug", environment=environment,
                daemon=DAEMON.format(url=secrets / "url", file=secrets / "file"),
                more=MORE.format(file=secrets / "file"),
            )  # fmt: skip
            text = house.config.read_text()
            house.config.write_text(
                text.replace('channels = ["hook"]', 'channels = ["hook", "one", "two", "three"]')
            )
            async with house.running():
                await house.all_measured()
                fleet.unplug(fleet.devices[4])
                await house.until(
                    lambda s: sum(lane["failing"] or lane["waiting"] for lane in s["outbox"]) >= 3
                )
                for command in COMMANDS:
                    extra = [str(tmp_path / "backups")] if command[0] == "backup" else []
                    done = await asyncio.to_thread(
                        subprocess.run,
                        [sys.executable, "-m", "monitor", *command, *extra, "-c", str(house.config)],
                        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True,
                    )  # fmt: skip
                    said.append(f"{command}: {done.stdout}{done.stderr}")
                house.config.write_text(
                    house.config.read_text().replace("wecombot://{key}", "wecombot2://{key}")
                )
                said.append(str(await asyncio.to_thread(_refused, house.config, environment)))
                await house.end(signal.SIGABRT)
    assert len(said) == len(COMMANDS) + 1
    said.append(house.log())
    assert not [text for text in said if MARK in text]
    kept = [
        path
        for folder in ("state", "run", "backups")
        for path in (tmp_path / folder).rglob("*")
        if path.is_file()
    ]
    assert len(kept) >= 2
    assert not [path for path in kept if MARK.encode() in path.read_bytes()]


def _refused(config: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "run", "-c", str(config)],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.parametrize("form", list(LogFormat))
def test_a_crash_trace_shows_no_local_variables(form: LogFormat, tmp_path: Path) -> None:
    """A traceback that prints the locals of its frames prints every secret that a function holds."""
    code = (
        "import structlog, sys\n"
        "from monitor.logs import configure_logging\n"
        "from monitor.config.daemon import LogFormat, LogSettings\n"
        f"configure_logging(LogSettings(format=LogFormat({form.value!r}), level='debug'))\n"
        "def f():\n    held = 'S3' + 'CR3T-local'\n    raise RuntimeError('boom')\n"
        "try:\n    f()\nexcept RuntimeError:\n    structlog.get_logger().exception('died')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "boom" in done.stderr and MARK not in done.stderr


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
