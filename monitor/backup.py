"""Backup and restore: the books, what the sink still waits for, and the configuration, in one checked file.

A tar with ``manifest.json`` first, which names each file with its size and SHA-256. SQLite files are taken
through SQLite's online backup, so the daemon need not stop; spool segments only ever grow, and a torn end is
cut when the spool is opened. Secrets are not in it: they are kept elsewhere (``monitor.secrets``).
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import sqlite3
import stat
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from monitor import __version__
from monitor.config.layout import Layout
from monitor.config.layout import layout as layout_of
from monitor.problems import ConfigError
from monitor.storage.ledger.schema import VERSION, LedgerTooNew

_MANIFEST = "manifest.json"
_FORMAT = 1
_SQLITE = b"SQLite format 3\0"
_SIDE_FILES = ("-wal", "-shm", "-journal")
_NOT_KEPT = frozenset({"lock"})
PREFIX = "camwatch-"
LEDGER = "ledger.db"


class BackupError(Exception):
    """The backup cannot be made or taken; the text is for the person who asked."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One file of a backup. ``path`` is where it stood, absolute."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    format: int
    camwatch: str
    """The version that made it."""
    schema: int
    """Of the ledger."""
    made: str
    """UTC, ISO 8601."""
    files: tuple[Kept, ...]


def make(layout: Layout, folder: Path, made: str) -> Path:
    """A backup in ``folder``, there under its name only once it is whole and on disk. ``made`` is the time in
    ISO 8601. ``BackupError``, ``OSError``."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = made.replace("-", "").replace(":", "").partition(".")[0].partition("+")[0]
    target = folder / f"{PREFIX}{stamp}Z.tar"
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as scratch:
        kept, copies, schema = [], [], 0
        for number, source in enumerate(_sources(layout)):
            copy = Path(scratch) / str(number)
            version = _copy(source, copy)
            if version is None:
                continue
            if source == layout.daemon.state_dir.absolute() / LEDGER:
                schema = version
            kept.append(Kept(str(source), copy.stat().st_size, _digest(copy)))
            copies.append(copy)
        if not schema:
            raise BackupError(f"there is no ledger in {layout.daemon.state_dir}")
        part = Path(scratch) / "whole"
        _pack(part, Manifest(_FORMAT, __version__, schema, made, tuple(kept)), copies)
        part.replace(target)
    _sync(folder)
    return target


def prune(folder: Path, keep: int) -> list[Path]:
    """Remove all but the newest ``keep`` backups; those that were removed."""
    old = sorted(folder.glob(f"{PREFIX}*.tar"))[:-keep]
    for path in old:
        path.unlink()
    return old


def read_manifest(backup: Path) -> Manifest:
    """What the backup says that it holds, every byte of it checked. ``BackupError``."""
    try:
        if not tarfile.is_tarfile(backup):
            raise BackupError(f"{backup} is not a backup of Camwatch")
        with tarfile.open(backup, "r:") as tar:
            first = tar.next()
            stream = tar.extractfile(first) if first is not None and first.name == _MANIFEST else None
            if stream is None:
                raise BackupError(f"{backup} is not a backup of Camwatch")
            manifest = _manifest(json.load(stream))
            for file in manifest.files:
                _check(tar, file)
    except (tarfile.TarError, OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{backup} cannot be read: {error}") from error
    if manifest.format != _FORMAT:
        raise BackupError(f"{backup} has format {manifest.format}; this Camwatch knows format {_FORMAT}")
    if manifest.schema > VERSION:
        raise LedgerTooNew(
            f"{backup} was made by Camwatch {manifest.camwatch}: its ledger has schema version "
            f"{manifest.schema}, this Camwatch knows versions up to {VERSION}; install that version first"
        )
    return manifest


def state_dirs(manifest: Manifest, root: Path) -> list[Path]:
    """Where the backup's ledger goes, and where the configuration that would be replaced keeps its books."""
    found = [_below(root, file).parent for file in manifest.files if PurePosixPath(file.path).name == LEDGER]
    for file in manifest.files[:1]:  # the main file of the configuration
        with contextlib.suppress(ConfigError):
            found.append(layout_of(_below(root, file)).daemon.state_dir)
    return list(dict.fromkeys(path.absolute() for path in found))


def restore(backup: Path, root: Path, *, replace: bool) -> list[Path]:
    """Put every file back to where it stood, below ``root``. Nothing is touched before the whole backup has
    been checked; files in the way are an error unless ``replace`` (they are then kept beside, as
    ``NAME.before-restore``). A file belongs to whom its folder belongs, and its group may read it where
    it may read the folder. ``BackupError``, ``LedgerTooNew``."""
    manifest = read_manifest(backup)
    targets = [(file, _below(root, file)) for file in manifest.files]
    in_the_way = [target for _, target in targets if target.exists()]
    if in_the_way and not replace:
        raise BackupError(
            f"{len(in_the_way)} files are there already, for example {in_the_way[0]}; "
            "with --replace they are kept beside as NAME.before-restore"
        )
    with tarfile.open(backup, "r:") as tar:
        for file, target in targets:
            _put(tar, file, target)
    return [target for _, target in targets]


# ---------------------------------------------------------------- making


def _sources(layout: Layout) -> Iterator[Path]:
    folders = [layout.daemon.state_dir, *([layout.spool] if layout.spool else [])]
    seen: set[Path] = set()
    for path in (*layout.files, *(p for folder in folders for p in sorted(folder.rglob("*")))):
        path = path.absolute()
        beside = path.name.endswith(_SIDE_FILES) or path.name in _NOT_KEPT or ".before-restore" in path.name
        if path not in seen and not beside and path.is_file():
            seen.add(path)
            yield path


def _copy(source: Path, copy: Path) -> int | None:
    """Copies the file as it is at one moment: the schema version if it is SQLite's, 0 if not, ``None`` when
    it is gone (a spool segment that the server took meanwhile)."""
    try:
        with source.open("rb") as file:
            sqlite = file.read(len(_SQLITE)) == _SQLITE
        if not sqlite:
            shutil.copyfile(source, copy)
            return 0
    except FileNotFoundError:
        return None
    # Not read-only: a WAL's side files may have to be made.
    with (
        contextlib.closing(sqlite3.connect(source)) as here,
        contextlib.closing(sqlite3.connect(copy)) as there,
    ):
        here.execute("PRAGMA busy_timeout=5000")
        here.backup(there)
        there.execute("PRAGMA journal_mode=DELETE")
        (version,) = there.execute("PRAGMA user_version").fetchone()
        (sound,) = there.execute("PRAGMA quick_check").fetchone()
    if sound != "ok":
        raise BackupError(f"{source} is damaged: {sound}")
    return int(version)


def _pack(part: Path, manifest: Manifest, copies: Iterable[Path]) -> None:
    with part.open("xb") as out:
        part.chmod(0o600)
        with tarfile.open(fileobj=out, mode="w") as tar:
            text = json.dumps(asdict(manifest), ensure_ascii=False, indent=1).encode()
            _add(tar, _MANIFEST, io.BytesIO(text), len(text))
            for file, copy in zip(manifest.files, copies, strict=True):
                with copy.open("rb") as stream:
                    _add(tar, _name(file), stream, file.size)
        out.flush()
        os.fsync(out.fileno())


def _add(tar: tarfile.TarFile, name: str, stream: IO[bytes], size: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    tar.addfile(info, stream)


def _name(file: Kept) -> str:
    return "files" + file.path


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ---------------------------------------------------------------- restoring


def _below(root: Path, file: Kept) -> Path:
    return root / PurePosixPath(file.path).relative_to("/")


def _manifest(found: dict[str, Any]) -> Manifest:
    files = tuple(Kept(str(f["path"]), int(f["size"]), str(f["sha256"])) for f in found["files"])
    for file in files:
        path = PurePosixPath(file.path)
        if not path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{file.path} is no place for a file")
    return Manifest(
        int(found["format"]), str(found["camwatch"]), int(found["schema"]), str(found["made"]), files
    )


def _check(tar: tarfile.TarFile, file: Kept) -> None:
    member = tar.getmember(_name(file))
    stream = tar.extractfile(member) if member.isreg() and member.size == file.size else None
    # file_digest wants a descriptor or a BytesIO; a member of a tar is neither.
    digest = hashlib.sha256()
    while stream is not None and (data := stream.read(1 << 20)):
        digest.update(data)
    if digest.hexdigest() != file.sha256:
        raise ValueError(f"{file.path} is not what was saved: its checksum differs")


def _put(tar: tarfile.TarFile, file: Kept, target: Path) -> None:
    new = [p for p in (target.parent, *target.parent.parents) if not p.exists()]
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    above = (new[-1].parent if new else target.parent).stat()
    for beside in (target, *(target.with_name(target.name + side) for side in _SIDE_FILES)):
        # A WAL that belongs to another file would be read into the restored one.
        if beside.exists():
            beside.replace(beside.with_name(beside.name + ".before-restore"))
    part = target.with_name(f".{target.name}.part")
    # As the folder: the configuration is root's, and its group may read it; the books are nobody else's.
    mode = 0o600 | stat.S_IMODE(target.parent.stat().st_mode) & 0o040
    stream = tar.extractfile(_name(file))
    if stream is None:
        raise BackupError(f"{file.path} is missing in the backup")
    with part.open("wb") as out:
        part.chmod(mode)
        shutil.copyfileobj(stream, out)
        out.flush()
        os.fsync(out.fileno())
    if os.geteuid() == 0:
        for made in (part, *new):
            os.chown(made, above.st_uid, above.st_gid)
    part.replace(target)
