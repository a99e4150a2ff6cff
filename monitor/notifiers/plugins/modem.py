"""A modem of one's own, through the spool of gammu-smsd or smstools: SMS where there is no internet.

``gammu:///var/spool/gammu/outbox?sent=…&error=…&to=…`` and
``smstools:///var/spool/sms/outgoing?sent=…&failed=…&to=…``. A message counts as delivered when the spooler
has moved it to where it keeps what it has sent; one that is not taken in time is withdrawn.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from monitor.clock import SystemClock
from monitor.notifiers.notice import Outcome
from monitor.notifiers.outcome import Refused
from monitor.notifiers.plugins.recipients import all_masked, each, phone_numbers
from monitor.notifiers.plugins.service import Message, Url, Wire, config_error
from monitor.notifiers.plugins.sms_parts import sms_parts

_LOOK_S = 0.2


class _Spool:
    """The spooler's three folders, and how a file for it is called and written."""

    def __init__(self, url: Url, failed: str, within_s: str) -> None:
        self.outbox = _folder("the outbox", url.raw_path)
        self.sent = _folder("sent=", url.need("sent"))
        self.failed = _folder(f"{failed}=", url.need(failed))
        self.numbers = phone_numbers(url.take("to"))
        text = url.take("within", within_s)
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 600:
            raise config_error("within= is the number of seconds the spooler may take, for example 15")
        self.within_s = int(text)

    def put(self, name: str, data: bytes) -> None:
        """Puts a file into the outbox and waits for what becomes of it."""
        # Written elsewhere first: the spooler must never find half a message. A leading dot hides it.
        hidden = self.outbox / f".{name}.part"
        try:
            hidden.write_bytes(data)
            hidden.chmod(0o660)
            hidden.rename(self.outbox / name)
        except OSError as error:
            hidden.unlink(missing_ok=True)
            raise Refused(Outcome.TEMPORARY, "spool", f"{self.outbox}: {error.strerror}") from error
        self._await(name)

    def _await(self, name: str) -> None:
        deadline = time.monotonic() + self.within_s
        withdrawn = False
        while True:
            if _holds(self.sent, name):
                return
            if _holds(self.failed, name):
                raise Refused(Outcome.TEMPORARY, "modem", "the modem could not send it")
            if time.monotonic() >= deadline:
                if withdrawn:
                    raise Refused(Outcome.TEMPORARY, "spool", f"not sent within {self.within_s} s")
                # Withdrawn, or taken in this very moment: then a last look tells.
                (self.outbox / name).unlink(missing_ok=True)
                withdrawn = True
            time.sleep(_LOOK_S)


def _folder(what: str, path: str) -> Path:
    folder = Path(path)
    if not folder.is_absolute() or not folder.is_dir():
        raise config_error(f"{what} {path!r} is not a folder")
    return folder


def _holds(folder: Path, name: str) -> bool:
    """Whether ``folder`` has the file; the spoolers may add to a name."""
    stem = name.removesuffix(".txt")
    return any(entry.name.startswith(stem) for entry in os.scandir(folder))


def _deliver(spool: _Spool, message: Message, wire: Wire, write: Callable[[str], tuple[str, bytes]]) -> str:
    count = each(spool.numbers, wire, lambda number: spool.put(*write(number)))
    return f"{count} × {sms_parts(message.text)}: {all_masked(spool.numbers)}"


class GammuSmsd:
    """gammu-smsd-files(7): ``OUT<priority><date>_<time>_<serial>_<number>_<note>.txt``; a text that begins
    with the byte order mark of UTF-16 is taken as Unicode."""

    name = "gammu-smsd"
    schemes = ("gammu",)

    def __init__(self, url: Url) -> None:
        self._spool = _Spool(url, "error", "15")

    def deliver(self, message: Message, wire: Wire) -> str:
        def write(number: str) -> tuple[str, bytes]:
            stamp = f"{datetime.fromtimestamp(SystemClock().now().wall / 1000, UTC):%Y%m%d_%H%M%S}"
            return f"OUTC{stamp}_00_{number}_{secrets.token_hex(4)}.txt", message.text.encode("utf-16")

        return _deliver(self._spool, message, wire, write)


class SmsTools:
    """http://smstools3.kekekasvi.com/index.php?p=fileformat: a header, an empty line, the text."""

    name = "smstools"
    schemes = ("smstools",)

    def __init__(self, url: Url) -> None:
        self._spool = _Spool(url, "failed", "15")

    def deliver(self, message: Message, wire: Wire) -> str:
        def write(number: str) -> tuple[str, bytes]:
            header = f"To: {number.removeprefix('+')}\nAlphabet: UTF-8\n\n"
            return f"camwatch.{secrets.token_hex(8)}", header.encode() + message.text.encode(
                "utf-8", "replace"
            )

        return _deliver(self._spool, message, wire, write)
