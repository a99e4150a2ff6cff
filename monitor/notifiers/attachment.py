"""Files that go out with a message: a report, a picture of a curve.

How to send one, from any room::

    notice = Notice(NoticeKind.REPORT, …, attachments=(Attachment.of_file(path),))

or, in a rule, ``Signal(…, attachments=(Attachment.of_bytes("curve.png", png, "image/png"),))``: they go with
the incident's first message. What is no incident is sent by ``Teller.announce``. Nothing else is to be done:
the content rides along in memory until ``Attachments.keep`` has it on disk, before the message is in the
outbox, so it survives what the message survives. It is kept once for all channels, by its digest, and removed
when no message in the outbox needs it any more. Large files: call ``keep`` in a thread first.

E-mail and web hooks carry attachments (``schemes.Scheme.attachments``); on other channels the text names them
and says that they were not sent along.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from monitor.model import WallMs

MAX_BYTES = 20 * 1024 * 1024
"""No mail service takes more."""
_FRESH_S = 3600.0
"""A file this young may belong to a message that is not in the outbox yet."""


class AttachmentError(Exception):
    """It cannot be sent: too large."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file. Made by ``of_bytes`` or ``of_file``."""

    name: str
    """The file name that the reader sees."""
    media_type: str
    digest: str
    """SHA-256 of the content, in hexadecimal: by which it is kept."""
    size: int
    content: Annotated[bytes, Field(exclude=True, repr=False)] = b""
    """Until it is kept; never in the outbox."""

    @staticmethod
    def of_bytes(name: str, content: bytes, media_type: str) -> Attachment:
        if len(content) > MAX_BYTES:
            raise AttachmentError(f"{name}: {len(content)} bytes; at most {MAX_BYTES} can be sent")
        return Attachment(name, media_type, hashlib.sha256(content).hexdigest(), len(content), content)

    @staticmethod
    def of_file(path: Path, media_type: str = "", name: str = "") -> Attachment:
        """Reads the file whole. Raises ``OSError`` and ``AttachmentError``."""
        if path.stat().st_size > MAX_BYTES:
            raise AttachmentError(f"{path.name}: larger than the {MAX_BYTES} bytes that can be sent")
        guessed = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return Attachment.of_bytes(name or path.name, path.read_bytes(), media_type or guessed)

    def __repr__(self) -> str:
        return f"Attachment({self.name!r}, {self.media_type!r}, {self.size} bytes)"


class Enclosed(NamedTuple):
    """A kept file, as the courier is told of it."""

    path: str
    name: str
    media_type: str


class Attachments:
    """The files of messages that wait, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, attachment: Attachment) -> Attachment:
        """Durable when this returns, which may take a moment for a large one. Raises ``OSError``."""
        path = self._path(attachment)
        if attachment.content and not path.exists():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            new = path.with_suffix(".new")
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(attachment.content)
                file.flush()
                os.fsync(file.fileno())
            new.rename(path)
        elif path.exists():
            os.utime(path)
        return replace(attachment, content=b"")

    def of(self, attachments: Iterable[Attachment]) -> tuple[Enclosed, ...]:
        """Those that are there: one may be missing since the disk was full, or somebody has removed it."""
        return tuple(
            Enclosed(str(self._path(a)), a.name, a.media_type) for a in attachments if self._path(a).is_file()
        )

    def sweep(self, needed: set[str], now: WallMs) -> None:
        """Removes what no waiting message needs (``needed_by``)."""
        if not self._folder.is_dir():
            return
        young = now / 1000 - _FRESH_S
        for path in self._folder.iterdir():
            if path.name not in needed and path.stat().st_mtime < young:
                path.unlink(missing_ok=True)

    def _path(self, attachment: Attachment) -> Path:
        return self._folder / attachment.digest


def needed_by(db: sqlite3.Connection) -> set[str]:
    """The digests that messages of the outbox wait to be sent with."""
    rows = db.execute(
        "SELECT notice FROM outbox WHERE state = 'pending' AND notice LIKE '%\"attachments\":%'"
    )
    return {found["digest"] for (notice,) in rows for found in json.loads(notice).get("attachments", ())}
