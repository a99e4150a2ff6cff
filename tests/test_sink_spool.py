"""The spool: what was written is found again, whatever happened to the file; bounds hold and losses count."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.storage import frames
from monitor.storage.spool import Spool, SpoolBusy

HOUR = 3_600_000


def bodies(count: int, size: int = 100) -> list[bytes]:
    return [random.Random(n).randbytes(size) for n in range(count)]


def opened(path: Path, max_bytes: int = 1024**2, max_age_ms: int = HOUR) -> Spool:
    spool = Spool(path, max_bytes, max_age_ms)
    spool.open()
    return spool


def drain(spool: Spool) -> list[bytes]:
    found = []
    while (stored := spool.oldest()) is not None:
        found.append(stored.body)
        spool.done(stored.ref, stored.points)
    return found


def segments(path: Path) -> list[Path]:
    return sorted(path.glob("*.seg"))


def test_batches_come_back_in_order_after_a_crash(tmp_path: Path) -> None:
    first = opened(tmp_path)
    for body in bodies(5):
        first.append(body, 10, 1)
    os.close(first._lock)  # a killed process closes nothing else
    second = opened(tmp_path)
    assert second.points == 50
    assert drain(second) == bodies(5)
    assert second.points == 0
    second.close()
    assert segments(tmp_path) == []


def test_what_was_taken_is_not_sent_again_once_its_segment_is_through(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=1024**2)
    refs = [spool.append(body, 1, 1) for body in bodies(3, 70_000)]  # one segment each: 64 KiB
    assert len(segments(tmp_path)) == 3
    spool.done(refs[1], 1)
    assert len(segments(tmp_path)) == 2
    spool.done(refs[2], 1)
    assert drain(spool) == bodies(1, 70_000)
    spool.close()


def _cut(data: bytes, ends: list[int]) -> bytes:
    return data[: ends[2] - 1]


def _cut_in_header(data: bytes, ends: list[int]) -> bytes:
    return data[: ends[1] + 7]


def _zero_tail(data: bytes, ends: list[int]) -> bytes:
    return data[: ends[1]] + bytes(ends[2] - ends[1])


def _garbage_after(data: bytes, ends: list[int]) -> bytes:
    return data + b"CWF1 and then nothing like a frame"


def _flip_in_body(data: bytes, ends: list[int]) -> bytes:
    at = ends[0] + frames.HEADER_BYTES + 5
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _flip_in_length(data: bytes, ends: list[int]) -> bytes:
    at = ends[0] + 5
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _hole(data: bytes, ends: list[int]) -> bytes:
    return data[: ends[0] - 3] + data[ends[1] - 3 :]


TORN: list[tuple[Callable[[bytes, list[int]], bytes], list[int], int]] = [
    # how, the survivors of frames 0..2, points known to be lost
    (_cut, [0, 1], 10),
    (_cut_in_header, [0, 1], 0),
    (_zero_tail, [0, 1], 0),
    (_garbage_after, [0, 1, 2], 0),
    (_flip_in_body, [0, 2], 10),
    (_flip_in_length, [0, 2], 0),
    (_hole, [2], 10),
]


@pytest.mark.parametrize(("tear", "survivors", "lost"), TORN)
def test_a_torn_segment_yields_its_survivors_and_writing_goes_on(
    tmp_path: Path, tear: Callable[[bytes, list[int]], bytes], survivors: list[int], lost: int
) -> None:
    first = opened(tmp_path)
    for body in bodies(3):
        first.append(body, 10, 1)
    first.close()
    [path] = segments(tmp_path)
    data = path.read_bytes()
    path.write_bytes(tear(data, [frame.end for frame in frames.scan(data).frames]))
    second = opened(tmp_path)
    assert second.points == 10 * len(survivors)
    assert second.counts.dropped_damaged == lost
    assert second.counts.damaged_bytes > 0
    second.append(b"after", 1, 1)
    assert drain(second) == [bodies(3)[n] for n in survivors] + [b"after"]
    second.close()
    third = opened(tmp_path)
    assert third.points == 0
    third.close()


@pytest.mark.parametrize(("tear", "survivors", "lost"), TORN)
def test_a_torn_segment_before_the_last_yields_the_same_survivors(
    tmp_path: Path, tear: Callable[[bytes, list[int]], bytes], survivors: list[int], lost: int
) -> None:
    first = opened(tmp_path)
    for body in bodies(3):
        first.append(body, 10, 1)
    first.close()
    [path] = segments(tmp_path)
    data = path.read_bytes()
    path.write_bytes(tear(data, [frame.end for frame in frames.scan(data).frames]))
    path.with_stem(f"{int(path.stem) + 1:012d}").write_bytes(frames.pack(b"next", 1, 1))
    second = opened(tmp_path)
    assert drain(second) == [bodies(3)[n] for n in survivors] + [b"next"]
    assert second.counts.dropped_damaged == lost
    assert second.counts.damaged_bytes > 0
    assert second.points == 0
    second.close()


def test_damage_that_comes_later_is_passed_over_and_counted(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    for body in bodies(3):
        spool.append(body, 10, 1)
    [path] = segments(tmp_path)
    data = bytearray(path.read_bytes())
    data[frames.HEADER_BYTES + 3] ^= 1
    path.write_bytes(bytes(data))
    assert drain(spool) == bodies(3)[1:]
    assert spool.counts.dropped_damaged == 10
    spool.close()


def test_beyond_its_size_the_oldest_points_go_and_are_counted_to_the_point(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=1024**2)
    lost = 0
    for n, body in enumerate(bodies(300, 10_000)):
        spool.append(body, n, 1)
        lost += spool.enforce(2)
    assert spool.bytes <= 1024**2
    assert sum(path.stat().st_size for path in segments(tmp_path)) == spool.bytes
    kept = drain(spool)
    assert kept == bodies(300, 10_000)[-len(kept) :]
    assert spool.counts.dropped_full == lost == sum(range(300 - len(kept)))
    spool.close()


def test_beyond_their_age_points_go_and_are_counted(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append(b"old", 7, 1_000)
    assert spool.enforce(1_000 + HOUR) == 0
    assert spool.enforce(1_001 + HOUR) == 7
    assert (spool.points, spool.bytes, segments(tmp_path)) == (0, 0, [])
    spool.append(b"new", 1, 2_000 + HOUR)
    assert drain(spool) == [b"new"]
    spool.close()


def test_what_was_dropped_while_it_was_posted_and_arrived_is_no_loss(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append(b"posted", 7, 1_000)
    spool.append(b"waiting", 5, 1_000)
    stored = spool.oldest()
    assert stored is not None
    assert spool.enforce(1_001 + HOUR) == 12
    spool.done(stored.ref, stored.points)
    assert spool.counts.dropped == 5
    spool.close()


def test_two_processes_do_not_share_a_spool(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    with pytest.raises(SpoolBusy, match="in use by another process"):
        opened(tmp_path)
    spool.close()
    opened(tmp_path).close()


OPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 60_000)),
        st.tuples(st.just("done"), st.integers(0, 50)),
        st.tuples(st.just("crash"), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(OPS)
def test_whatever_was_appended_and_not_taken_is_there_after_any_crash(
    tmp_path_factory: pytest.TempPathFactory, ops: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("spool")
    spool = opened(path)  # segments of 64 KiB: most stories have several
    pending = {}
    for n, (op, number) in enumerate(ops):
        if op == "append":
            body = n.to_bytes(4, "big") * (number // 4 + 1)
            pending[spool.append(body, 1, 1)] = body
        elif op == "done" and pending:
            ref = list(pending)[number % len(pending)]
            spool.done(ref, 1)
            del pending[ref]
        elif op == "crash":
            os.close(spool._lock)
            spool = opened(path)
    assert set(pending.values()) <= set(drain(spool))
    spool.close()
    assert segments(path) == []


def test_a_full_disk_leaves_no_half_frame_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = opened(tmp_path)
    spool.append(b"before", 1, 1)
    real = spool._fd
    monkeypatch.setattr(os, "ftruncate", lambda fd, size: None)  # /dev/full cannot be cut
    with open("/dev/full", "wb", buffering=0) as full:
        spool._fd = full.fileno()
        with pytest.raises(OSError, match="No space left"):
            spool.append(b"lost", 1, 1)
    spool._fd = real
    spool.append(b"after", 1, 1)
    assert drain(spool) == [b"before", b"after"]
    spool.close()
