"""What was learned, kept over restarts: one file a rule, versioned, checked, replaced whole.

    magic | version | length and JSON of the head | keys | notes | float64 table | float32 table | CRC-32

A new file is written beside the old one and renamed over it, and the one before is kept: a file that is
torn or damaged costs only what was learned since the last good one.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"CWBASE"
_VERSION = 2
_PREFIX = struct.Struct("<6sHI")
_CHECK = struct.Struct("<I")


class SnapshotError(ValueError):
    """The file is no whole snapshot of this version; says in what way."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The memory of many series: column ``i`` of both tables belongs to ``keys[i]``."""

    layout: str
    """Names the tables' rows; another layout cannot be taken up."""
    keys: Sequence[str]
    wide: NDArray[np.float64]
    slim: NDArray[np.float32]
    notes: str = ""
    """What else the rule keeps, as JSON."""


def encode(snapshot: Snapshot) -> bytes:
    keys, notes = json.dumps(list(snapshot.keys)).encode(), snapshot.notes.encode()
    head = json.dumps(
        {
            "layout": snapshot.layout,
            "series": len(snapshot.keys),
            "wide": snapshot.wide.shape[0],
            "slim": snapshot.slim.shape[0],
            "keys": len(keys),
            "notes": len(notes),
        }
    ).encode()
    body = b"".join(
        (
            _PREFIX.pack(_MAGIC, _VERSION, len(head)),
            head,
            keys,
            notes,
            np.ascontiguousarray(snapshot.wide, "<f8").tobytes(),
            np.ascontiguousarray(snapshot.slim, "<f4").tobytes(),
        )
    )
    return body + _CHECK.pack(zlib.crc32(body))


def decode(data: bytes) -> Snapshot:
    """Raises ``SnapshotError``."""
    if len(data) < _PREFIX.size + _CHECK.size:
        raise SnapshotError("too short")
    magic, version, head_length = _PREFIX.unpack_from(data)
    if magic != _MAGIC:
        raise SnapshotError("not a snapshot of baselines")
    if version != _VERSION:
        raise SnapshotError(f"version {version}, expected {_VERSION}")
    view = memoryview(data)
    if zlib.crc32(view[: -_CHECK.size]) != _CHECK.unpack_from(data, len(data) - _CHECK.size)[0]:
        raise SnapshotError("damaged: its checksum does not match")
    at = _PREFIX.size + head_length
    head: dict[str, Any] = json.loads(data[_PREFIX.size : at])
    series, wide_rows, slim_rows = int(head["series"]), int(head["wide"]), int(head["slim"])
    keys: list[str] = json.loads(data[at : at + head["keys"]])
    at += head["keys"]
    notes = data[at : at + head["notes"]].decode()
    at += head["notes"]
    wide = np.frombuffer(data, "<f8", wide_rows * series, at).reshape(wide_rows, series)
    slim = np.frombuffer(data, "<f4", slim_rows * series, at + wide.nbytes).reshape(slim_rows, series)
    if len(keys) != series:
        raise SnapshotError("damaged: keys are missing")
    return Snapshot(str(head["layout"]), keys, wide, slim, notes)


def save(path: Path, snapshot: Snapshot) -> None:
    """Replace the file; the one before stays beside it. Raises ``OSError``."""
    fresh = path.with_suffix(path.suffix + ".new")
    with fresh.open("wb") as file:
        file.write(encode(snapshot))
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        path.replace(_previous(path))
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@dataclass(frozen=True, slots=True)
class Loaded:
    snapshot: Snapshot | None
    """The newest whole one, if there is any."""
    troubles: tuple[str, ...] = ()
    """What was wrong with those that were passed over."""


def load(path: Path) -> Loaded:
    """The newest snapshot that is whole. Never raises for what the files hold."""
    troubles: list[str] = []
    for candidate in (path, _previous(path)):
        try:
            return Loaded(decode(candidate.read_bytes()), tuple(troubles))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError) as error:
            troubles.append(f"{candidate.name}: {error}")
    return Loaded(None, tuple(troubles))


def _previous(path: Path) -> Path:
    return path.with_suffix(path.suffix + ".previous")
