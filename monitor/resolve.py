"""Host names → addresses, in the background: one bad name holds up nobody.

Addresses pass straight through. A name is looked up in a few threads of our own (``getaddrinfo`` blocks, and
may do so for half a minute), kept while it is good, and looked up again later; while the name server is
away, the last answer stands.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from monitor.clock import Clock
from monitor.model import MonoMs

_FRESH_MS = 300_000
_RETRY_MS = 60_000
_THREADS = 4


def system_lookup(name: str) -> str:
    """The first address of the name; ``OSError`` when there is none."""
    return str(socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)[0][4][0])


class Resolver:
    def __init__(self, clock: Clock, lookup: Callable[[str], str] = system_lookup) -> None:
        self._clock = clock
        self._lookup = lookup
        self._known: dict[str, str] = {}
        self._due: dict[str, MonoMs] = {}
        self._busy: set[str] = set()
        self._threads: ThreadPoolExecutor | None = None

    def watch(self, addresses: Iterable[str]) -> None:
        """These addresses are in use; names among them are kept resolved from now on."""
        names = {address for address in addresses if not is_address(address)}
        now = self._clock.now().mono
        self._due = {name: self._due.get(name, now) for name in names}
        self.refresh()

    def refresh(self) -> None:
        """Begin the look-ups that are due. Never blocks; call every second or so."""
        now = self._clock.now().mono
        for name, due in self._due.items():
            if due <= now and name not in self._busy:
                if self._threads is None:
                    self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolve")
                self._busy.add(name)
                self._threads.submit(self._look, name)

    def _look(self, name: str) -> None:
        try:
            self._known[name] = self._lookup(name)
            wait = _FRESH_MS
        except (OSError, UnicodeError):
            wait = _RETRY_MS
        if name in self._due:
            self._due[name] = MonoMs(self._clock.now().mono + wait)
        self._busy.discard(name)

    def ip(self, address: str) -> str | None:
        """The address to probe; ``None`` while the name is not resolved."""
        return address if address not in self._due else self._known.get(address)

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
