"""A private network namespace for simulated cameras.

The kernel answers echo requests to every 127.x.y.z by itself, and pings to "unplugged" cameras with them.
In a network of our own that can be switched off without touching the machine's. Root makes one directly;
anybody else together with a user namespace, where the distribution permits it. util-linux's ``unshare`` does
both; the running command replaces itself by the same command inside.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

_MARK = "CAMWATCH_NETNS"
"""Tells the command that runs inside that it does: its pid, and the network that it came from."""
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1
ECHO_IGNORE = Path("/proc/sys/net/ipv4/icmp_echo_ignore_all")


class NetworkNotPermitted(RuntimeError):
    """This machine gives us no network namespace; the message says what was tried and why it failed."""


def enter() -> None:
    """Go on inside a private network namespace, with ``lo`` up and the kernel's own echo replies off.

    The first call replaces this process (same pid) by the same command run inside, so it belongs at the
    very start of a command; the second call, inside, sets the network up and returns.
    """
    here = str(Path("/proc/self/ns/net").readlink())
    pid, _, outside = os.environ.pop(_MARK, "").partition(" ")
    if pid == str(os.getpid()):
        if outside == here:
            raise NetworkNotPermitted("`unshare` left us in the machine's network")
        set_up()
        return
    command = [*_unshare(), "--", sys.executable, *sys.orig_argv[1:]]
    os.environ[_MARK] = f"{os.getpid()} {here}"
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606 - our own command line, no shell


def _unshare() -> list[str]:
    """The ``unshare`` command that works here, tried out."""
    tool = shutil.which("unshare")
    if tool is None:
        raise NetworkNotPermitted("no `unshare` command (Debian package util-linux)")
    ways = [[tool, "--user", "--map-root-user", "--net"]]
    if os.geteuid() == 0:
        ways.insert(0, [tool, "--net"])
    said = []
    for way in ways:
        trial = subprocess.run([*way, "true"], capture_output=True, text=True, check=False)  # noqa: S603 - ours
        if trial.returncode == 0:
            return way
        said.append(f"{' '.join(way)}: {trial.stderr.strip()}")
    raise NetworkNotPermitted("no private network namespace permitted here: " + "; ".join(said))


def set_up() -> None:
    """Bring ``lo`` up and stop the kernel from answering echo requests, in the namespace we are in."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            request = struct.pack("16sH14x", b"lo", 0)
            flags = struct.unpack_from("16xH", fcntl.ioctl(sock, _SIOCGIFFLAGS, request))[0]
            fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))
        ECHO_IGNORE.write_text("1\n")
    except OSError as error:
        raise NetworkNotPermitted(f"cannot set up the private network: {error}") from error
