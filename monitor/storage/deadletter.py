"""Dead letters: lines that the server refused, with its words, in a file that can be repaired and sent again.

The file is line protocol; the server's words stand before each line as a comment (``#``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from monitor.model import WallMs

MAX_BYTES = 64 * 1024**2
NAME = "dead.lp"


class DeadLine(NamedTuple):
    line: bytes
    status: int
    words: str


class DeadLetters:
    """Appends until ``MAX_BYTES``; later lines are refused, so that the caller counts them as lost."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def add(self, dead: Sequence[DeadLine], at: WallMs) -> int:
        """How many were kept. Blocks; raises ``OSError``."""
        stamp = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")
        with self.path.open("ab") as file:
            kept = 0
            for entry in dead:
                if file.tell() + len(entry.line) > MAX_BYTES:
                    break
                words = " ".join(entry.words.split())
                file.write(f"# {stamp} {entry.status} {words}\n".encode(errors="replace") + entry.line)
                kept += 1
        return kept
