"""The detector's cost: in a bank of many series, alone, and in memory.

    python -m bench.baseline --json [--series 100000]

``us_per_sample_bank`` is the median of whole rounds (one sample for every series) after a day of learning;
``round_ms`` is such a round's wall time. ``us_per_sample_scalar`` is the scalar form on the same kind of
series. ``bytes_per_series`` is what the detector keeps; ``bytes_per_picture`` what the rule keeps beside it
to draw the last hours. ``load_s`` is the time to take up a snapshot of all series.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import UTC
from pathlib import Path
from statistics import median

import numpy as np

from bench.output import show
from monitor.rules.baseline import layout, scalar
from monitor.rules.baseline.bank import Bank
from monitor.rules.baseline.calendar import LocalCalendar
from monitor.rules.baseline.learner import RECENT, Learner
from monitor.rules.baseline.snapshot import Snapshot, load, save

START, STEP = 1_767_571_200, 300
WARM = 64
"""Rounds before the clock runs: records are broken less and less."""


def _bank(series: int, rounds: int) -> tuple[Bank, list[float]]:
    rng = np.random.default_rng(1)
    bank, took = Bank(series), []
    level = 10.0 ** rng.uniform(0, 9, series)
    types = np.zeros(series, np.intp)
    for i in range(WARM + rounds):
        t = np.full(series, START + STEP * i, float)
        values = level * (1 + 0.1 * rng.standard_normal(series))
        start = time.perf_counter()
        bank.step(None, t, t % 86400, types, values)
        took.append(time.perf_counter() - start)
    return bank, took[WARM:]


def _scalar(samples: int) -> float:
    rng = np.random.default_rng(2)
    values = (50 + 5 * rng.standard_normal(samples)).tolist()
    wide, slim = scalar.memory()
    start = time.perf_counter()
    for i, value in enumerate(values):
        t = float(START + STEP * i)
        scalar.step(wide, slim, t, t % 86400, 0, value)
    return (time.perf_counter() - start) / samples


def _load(bank: Bank) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "baseline.state"
        keys = [f"camera-{i}\x1fifIndex\x1f{i % 24}" for i in range(len(bank))]
        save(path, Snapshot(layout.NAME, keys, bank.wide, bank.slim))
        start = time.perf_counter()
        snapshot = load(path).snapshot
        learner = Learner(LocalCalendar(UTC), STEP)
        if snapshot is None or not learner.adopt(snapshot):
            raise AssertionError("the snapshot is not whole")
        return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="one line")
    options = parser.parse_args()
    bank, rounds = _bank(options.series, options.rounds)
    found = {
        "us_per_sample_bank": round(1e6 * median(rounds) / options.series, 3),
        "round_ms": round(1000 * median(rounds), 1),
        "us_per_sample_scalar": round(1e6 * median(_scalar(4000) for _ in range(5)), 2),
        "bytes_per_series": layout.BYTES,
        "bytes_per_picture": 4 * RECENT,
        "series": options.series,
        "load_s": round(_load(bank), 2),
    }
    show(found, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
