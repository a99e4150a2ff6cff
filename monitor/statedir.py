"""Whose the state directory is: one daemon keeps its books there at a time, and nobody restores under it.

The lock is one of the kernel's on the directory itself: it needs no room on a full disk, leaves no file
behind, and ends with the process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InUse(Exception):
    """Another process keeps its books there; the text says where."""


@contextmanager
def holding(state_dir: Path) -> Iterator[None]:
    """While open, the directory is ours; made if it is not there. ``InUse``, ``OSError``."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not _locked(fd):
            raise InUse(f"another camwatch is running: it keeps its books in {state_dir}")
        yield
    finally:
        os.close(fd)


def in_use(state_dir: Path) -> bool:
    """Whether a daemon keeps its books there now."""
    try:
        fd = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        return not _locked(fd)
    finally:
        os.close(fd)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
