"""What was learned survives: files that are torn, damaged or of another layout."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import numpy as np
import pytest

from monitor.rules.baseline import layout
from monitor.rules.baseline.calendar import LocalCalendar
from monitor.rules.baseline.learner import Learner
from monitor.rules.baseline.snapshot import Snapshot, SnapshotError, decode, encode, load, save


def _snapshot(series: int, seed: int = 1) -> Snapshot:
    rng = np.random.default_rng(seed)
    return Snapshot(
        layout.NAME,
        [f"摄像机-{i}\x1fifIndex\x1f{i % 7}" for i in range(series)],
        rng.normal(size=(layout.WIDE, series)),
        rng.normal(size=(layout.SLIM, series)).astype(np.float32),
    )


def _same(a: Snapshot, b: Snapshot) -> bool:
    return (
        a.layout == b.layout
        and list(a.keys) == list(b.keys)
        and a.wide.tobytes() == b.wide.tobytes()
        and a.slim.tobytes() == b.slim.tobytes()
    )


@pytest.mark.parametrize("series", [0, 1, 500])
def test_what_is_saved_is_loaded(tmp_path: Path, series: int) -> None:
    snapshot = _snapshot(series)
    save(tmp_path / "rule.state", snapshot)
    loaded = load(tmp_path / "rule.state")
    assert loaded.snapshot is not None and _same(loaded.snapshot, snapshot)
    assert loaded.troubles == ()


def test_nothing_saved_yet_is_no_trouble(tmp_path: Path) -> None:
    assert load(tmp_path / "rule.state") == load(tmp_path / "other.state")
    assert load(tmp_path / "rule.state").snapshot is None


def test_a_file_cut_short_anywhere_is_refused() -> None:
    data = encode(_snapshot(2))
    for length in range(len(data)):
        with pytest.raises(SnapshotError):
            decode(data[:length])


def test_any_changed_byte_is_noticed() -> None:
    data = encode(_snapshot(2))
    for place in range(0, len(data), 3):
        changed = bytearray(data)
        changed[place] ^= 0x40
        with pytest.raises(SnapshotError):
            decode(bytes(changed))


def test_a_torn_snapshot_costs_only_what_came_after_the_last_good_one(tmp_path: Path) -> None:
    path = tmp_path / "rule.state"
    first, second = _snapshot(3, 1), _snapshot(3, 2)
    save(path, first)
    save(path, second)
    path.write_bytes(path.read_bytes()[:100])
    loaded = load(path)
    assert loaded.snapshot is not None and _same(loaded.snapshot, first)
    assert [trouble.split(":")[0] for trouble in loaded.troubles] == ["rule.state"]
    save(path, second)
    again = load(path)
    assert again.snapshot is not None and _same(again.snapshot, second)


def test_a_crash_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "rule.state"
    save(path, _snapshot(3))
    (tmp_path / "rule.state.new").write_bytes(b"half a fi")
    loaded = load(path)
    assert loaded.snapshot is not None and _same(loaded.snapshot, _snapshot(3))


def test_what_the_layout_before_had_learned_is_taken_up() -> None:
    """This layout only adds rows: they start at nothing, and the learned ones go on."""
    now = _snapshot(4)
    older, (wide, slim) = next(iter(layout.OLDER.items()))
    learner = Learner(LocalCalendar(UTC), 300)
    assert learner.adopt(Snapshot(older, now.keys, now.wide[:wide], now.slim[:slim]))
    kept = learner.snapshot()
    assert kept.layout == layout.NAME
    assert (kept.wide[:wide] == now.wide[:wide]).all() and (kept.slim[:slim] == now.slim[:slim]).all()
    assert not kept.wide[wide:].any() and not kept.slim[slim:].any()


def test_a_layout_unknown_or_of_other_rows_is_not_taken_up() -> None:
    now = _snapshot(4)
    learner = Learner(LocalCalendar(UTC), 300)
    assert not learner.adopt(Snapshot("baseline-1", now.keys, now.wide, now.slim))
    assert not learner.adopt(Snapshot(layout.NAME, now.keys, now.wide[:-1], now.slim))
