"""The spool: every batch stands on disk before it is posted, and leaves the disk once the server took it.

A directory of append-only segments. There is no book of what has been acknowledged: a segment is deleted
when all its frames were taken, and what a crash leaves behind is posted again. Writing a point a second time
with the same time and value changes nothing in InfluxDB, so a crash costs a little traffic and no count.

Order of events for one batch: written to the file (survives ``kill -9``), posted, marked; ``sync`` runs on a
timer (survives a power cut up to that timer). All calls block: they belong into a thread, one at a time.
"""

from __future__ import annotations

import errno
import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path

from monitor.storage import frames
from monitor.storage.frames import Frame

SEGMENT_BYTES = 8 * 1024**2
_SUFFIX = ".seg"


class SpoolBusy(Exception):
    """Another process holds the directory."""


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One frame of the spool, by its place."""

    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class Stored:
    ref: Ref
    body: bytes
    points: int
    newest: int


@dataclass(slots=True)
class _Segment:
    number: int
    path: Path
    frames: dict[int, Frame] = field(default_factory=dict)
    """Frames not yet taken by the server, by offset."""
    bytes: int = 0
    points: int = 0
    newest: int = 0


@dataclass(slots=True)
class SpoolCounts:
    """What was lost, since the spool was opened. Points, but for ``damaged_bytes``."""

    dropped_full: int = 0
    dropped_old: int = 0
    dropped_damaged: int = 0
    rescued: int = 0
    """Dropped while they were being posted, and taken after all: no loss."""
    damaged_bytes: int = 0

    @property
    def dropped(self) -> int:
        return self.dropped_full + self.dropped_old + self.dropped_damaged - self.rescued


class Spool:
    """Bounded by ``max_bytes`` (of files) and ``max_age_ms`` (of a segment's newest point)."""

    def __init__(self, path: Path, max_bytes: int, max_age_ms: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._max_age_ms = max_age_ms
        # The oldest segment is dropped whole: a small spool needs small segments.
        self._segment_bytes = min(SEGMENT_BYTES, max_bytes // 16)
        self._segments: dict[int, _Segment] = {}
        self._active: _Segment | None = None
        self._fd = -1
        self._lock = -1
        self._next = 0
        self._unsynced = False
        self.counts = SpoolCounts()
        self.bytes = 0
        self.points = 0

    def open(self) -> None:
        """Take the directory, cut torn tails, and know what is left. Raises ``OSError``, ``SpoolBusy``."""
        self._path.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._lock = os.open(self._path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise SpoolBusy(f"{self._path} is in use by another process") from error
            raise
        paths = [path for path in sorted(self._path.glob(f"*{_SUFFIX}")) if path.stem.isdecimal()]
        for path in paths:
            self._recover(path, sealed=path is not paths[-1])

    def close(self) -> None:
        self._seal()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def append(self, body: bytes, points: int, newest: int) -> Ref:
        """Write one batch. On ``OSError`` (disk full) nothing of it is left in the segment."""
        segment = self._active
        if segment is None or segment.bytes >= self._segment_bytes:
            segment = self._roll()
        data = frames.pack(body, points, newest)
        try:
            written = 0
            while written < len(data):
                written += os.write(self._fd, memoryview(data)[written:])
        except OSError:
            os.ftruncate(self._fd, segment.bytes)
            os.lseek(self._fd, segment.bytes, os.SEEK_SET)
            raise
        frame = Frame(segment.bytes, len(body), points, newest)
        segment.frames[frame.offset] = frame
        segment.bytes = frame.end
        segment.points += points
        segment.newest = max(segment.newest, newest)
        self.bytes += len(data)
        self.points += points
        self._unsynced = True
        return Ref(segment.number, frame.offset)

    def sync(self) -> None:
        if self._unsynced and self._fd >= 0:
            os.fdatasync(self._fd)
            self._unsynced = False

    def done(self, ref: Ref, points: int) -> None:
        """The server took it (or it is in the dead letters). Unknown ones were dropped meanwhile."""
        segment = self._segments.get(ref.segment)
        frame = segment.frames.pop(ref.offset, None) if segment else None
        if segment is None or frame is None:
            self.counts.rescued += points
            return
        segment.points -= frame.points
        self.points -= frame.points
        if not segment.frames and segment is not self._active:
            self._remove(segment)
        elif not segment.frames and segment.bytes >= self._segment_bytes:
            self._seal()

    def oldest(self) -> Stored | None:
        """The oldest batch not yet taken. Damaged ones are counted and passed over."""
        for segment in list(self._segments.values()):
            for frame in list(segment.frames.values()):
                ref = Ref(segment.number, frame.offset)
                body = self._read(segment, frame)
                if body is not None:
                    return Stored(ref, body, frame.points, frame.newest)
                self.counts.dropped_damaged += frame.points
                self.counts.damaged_bytes += frame.length
                self.done(ref, frame.points)
        return None

    def enforce(self, now_ms: int) -> int:
        """Drop whole segments, oldest first, until the bounds hold; the points that were lost by it."""
        lost = 0
        for segment in list(self._segments.values()):
            too_old = bool(segment.frames) and now_ms - segment.newest > self._max_age_ms
            if self.bytes <= self._max_bytes and not too_old:
                continue
            if segment is self._active:
                if not too_old:
                    continue
                self._seal()
            if too_old:
                self.counts.dropped_old += segment.points
            else:
                self.counts.dropped_full += segment.points
            lost += segment.points
            self.points -= segment.points
            if segment.number in self._segments:
                self._remove(segment)
        return lost

    def _recover(self, path: Path, *, sealed: bool) -> None:
        number = int(path.stem)
        self._next = max(self._next, number + 1)
        size = path.stat().st_size
        found = self._skim(path, size) if sealed else None
        if found is None:
            found = frames.scan(path.read_bytes())
        self.counts.damaged_bytes += found.damaged_bytes
        self.counts.dropped_damaged += found.lost_points
        if not found.frames:
            path.unlink()
            return
        if found.end < size:
            os.truncate(path, found.end)
        segment = _Segment(number, path, {frame.offset: frame for frame in found.frames}, found.end)
        segment.points = sum(frame.points for frame in found.frames)
        segment.newest = max(frame.newest for frame in found.frames)
        self._segments[number] = segment
        self.bytes += segment.bytes
        self.points += segment.points

    @staticmethod
    def _skim(path: Path, size: int) -> frames.Scan | None:
        """A sealed segment was synced as it was closed: its bodies can wait until they are read."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return frames.skim(fd, size)
        finally:
            os.close(fd)

    def _roll(self) -> _Segment:
        self._seal()
        number = self._next
        path = self._path / f"{number:012d}{_SUFFIX}"
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        self._next += 1
        segment = self._active = self._segments[number] = _Segment(number, path)
        folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return segment

    def _seal(self) -> None:
        segment = self._active
        if segment is None:
            return
        self.sync()
        os.close(self._fd)
        self._fd, self._active = -1, None
        if not segment.frames:
            self._remove(segment)

    def _remove(self, segment: _Segment) -> None:
        del self._segments[segment.number]
        self.bytes -= segment.bytes
        segment.path.unlink(missing_ok=True)

    def _read(self, segment: _Segment, frame: Frame) -> bytes | None:
        try:
            with segment.path.open("rb") as file:
                file.seek(frame.offset)
                data = file.read(frame.end - frame.offset)
        except OSError:
            return None
        found = frames.scan(data)
        return data[frames.HEADER_BYTES :] if len(found.frames) == 1 else None
