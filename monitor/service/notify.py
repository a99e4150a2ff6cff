"""Telling the service manager how things stand: the protocol of sd_notify(3), in full here.

One datagram of ``KEY=VALUE`` lines to the Unix socket that ``$NOTIFY_SOCKET`` names. Without a service
manager nothing is sent. Nothing here blocks or raises: a service manager that does not listen must not stop
us from watching.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

_STATUS_BYTES = 1000
"""A status is one line for a person; a datagram much beyond this may be refused."""


@dataclass(frozen=True, slots=True)
class Notifier:
    """``address`` is a path, or an abstract socket's name after ``@``; empty: nobody listens.
    ``watchdog_s``: the service manager kills us when it is not fed for so long; 0: it does not."""

    address: str = ""
    watchdog_s: float = 0.0

    @staticmethod
    def of(environment: Mapping[str, str], pid: int) -> Notifier:
        """By ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` (the last, when it is there, says
        whose watchdog it is)."""
        address = environment.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return Notifier()
        usec, meant = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", str(pid))
        ours = usec.isdecimal() and meant == str(pid)
        return Notifier(address, int(usec) / 1e6 if ours else 0.0)

    def ready(self, status: str = "") -> None:
        """We work: after the start, and again after each reload."""
        self._tell("READY=1", *([f"STATUS={_line(status)}"] if status else []))

    def status(self, text: str) -> None:
        """One line that ``systemctl status`` shows."""
        self._tell(f"STATUS={_line(text)}")

    def watchdog(self) -> None:
        """We are well."""
        self._tell("WATCHDOG=1")

    def reloading(self) -> None:
        """A reload begins; ``ready`` ends it. ``Type=notify-reload`` (systemd 253) wants the time on
        CLOCK_MONOTONIC with it, not rounded down, or takes the message for that of an earlier reload."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={-(-time.monotonic_ns() // 1000)}")

    def stopping(self) -> None:
        self._tell("STOPPING=1", "STATUS=stopping")

    def _tell(self, *lines: str) -> None:
        if not self.address:
            return
        name = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock,
        ):
            sock.sendto("\n".join(lines).encode(errors="replace"), name)


def from_environment() -> Notifier:
    """Ours, taken out of the environment so that no child speaks in our name."""
    found = Notifier.of(os.environ, os.getpid())
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        os.environ.pop(name, None)
    return found


def _line(text: str) -> str:
    return " ".join(text.split()).encode(errors="replace")[:_STATUS_BYTES].decode(errors="ignore")
