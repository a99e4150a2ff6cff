"""Host names → addresses, in the background: one bad name holds up nobody.

Addresses pass straight through. A name is looked up in a few threads of our own (``getaddrinfo`` blocks, and
may do so for half a minute), kept while it is good, and looked up again later; while the name server is
away, the last answer stands. The threads are daemonic, so that one that hangs does not hold up our end either
(those of ``concurrent.futures`` are waited for when the interpreter exits).
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue

from monitor.clock import Clock
from monitor.model import MonoMs

_FRESH_MS = 300_000
_RETRY_MS = 60_000
_THREADS = 16


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
        self._asked: SimpleQueue[str | None] = SimpleQueue()
        self._threads = 0

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
                self._busy.add(name)
                self._asked.put(name)
                if self._threads < min(_THREADS, len(self._busy)):
                    self._threads += 1
                    threading.Thread(target=self._work, name="resolve", daemon=True).start()

    def _work(self) -> None:
        while (name := self._asked.get()) is not None:
            self._look(name)

    def _look(self, name: str) -> None:
        wait = _RETRY_MS
        try:
            self._known[name] = self._lookup(name)
            wait = _FRESH_MS
        except (OSError, ValueError):  # ValueError: not even a name (UnicodeError, embedded null)
            pass
        finally:
            if name in self._due:
                self._due[name] = MonoMs(self._clock.now().mono + wait)
            self._busy.discard(name)

    def ip(self, address: str) -> str | None:
        """The address to probe; ``None`` while the name is not resolved."""
        return address if address not in self._due else self._known.get(address)

    def close(self) -> None:
        """Ends the threads that are idle; those that hang end with the process."""
        for _ in range(self._threads):
            self._asked.put(None)


def is_address(text: str) -> bool:
    """By the C library: a hundred thousand are asked about at start-up."""
    plain, _, zone = text.partition("%")
    family = socket.AF_INET6 if ":" in plain else socket.AF_INET
    try:
        socket.inet_pton(family, plain)
    except (OSError, ValueError):
        return False
    return not zone or family == socket.AF_INET6
