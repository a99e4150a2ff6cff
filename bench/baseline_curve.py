"""Recall against false alarms on the simulated fleet, beside peers, by family of fault.

    python -m bench.baseline_curve --json [--series 84] [--seed 303]

Peers re-implemented from their documentation: Zabbix ``baselinedev`` (the last hour's mean in standard
deviations of the same hour of the last seven days), and Grafana's adaptive band (the value in standard
deviations about the mean of the last day). A peer's curve comes from its threshold, ours from
the sensitivity.
An alarm is the first sample at or above the threshold after twelve below.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bench.baseline_fleet import LEARN, PER_DAY, SAMPLES, TIMES, Family, Floats, SimulatedSeries, simulate
from monitor.rules.baseline.bank import Bank

SENSITIVITIES = (0.5, 1.0, 2.0)
THRESHOLDS = (2.0, 2.5, 3.0, 4.0, 6.0, 9.0)
_CLEAR = 12
_TEST_DAYS = 14


@dataclass(frozen=True, slots=True)
class At:
    """One point of a curve."""

    at: float
    recall: float
    false_per_1000_series_days: float
    by_family: dict[str, float]


def ours(fleet: Sequence[SimulatedSeries], sensitivity: float) -> list[Floats]:
    bank, n = Bank(len(fleet), sensitivity=sensitivity), len(fleet)
    out = np.zeros((SAMPLES, n))
    values, present = np.stack([s.values for s in fleet]), np.stack([s.present for s in fleet])
    values = np.where(present, values, np.nan)
    for i, t in enumerate(TIMES):
        second, rest = float(t % 86400), int((t // 86400 + 3) % 7 >= 5)
        out[i] = bank.step(None, np.full(n, float(t)), np.full(n, second), np.full(n, rest), values[:, i])
    return list(out.T)


def zabbix(values: Floats) -> Floats:
    """Deviations of each hour's mean from the same hour of the last seven days; known when it is over."""
    hours = values.reshape(-1, 24, PER_DAY // 24).mean(axis=2)
    past = sliding_window_view(hours, 7, axis=0)[:-1]
    spread = past.std(axis=2)
    off = np.abs(hours[7:] - past.mean(axis=2))
    score = np.zeros(hours.shape)
    score[7:] = np.divide(off, spread, out=np.zeros_like(off), where=spread > 0)
    held = np.repeat(score.ravel(), PER_DAY // 24)
    return np.r_[np.zeros(PER_DAY // 24 - 1), held][:SAMPLES]


def grafana(values: Floats) -> Floats:
    past = sliding_window_view(values, PER_DAY)[:-1]
    spread = past.std(axis=1)
    off = np.abs(values[PER_DAY:] - past.mean(axis=1))
    score = np.divide(off, spread, out=np.zeros_like(off), where=spread > 0)
    return np.r_[np.zeros(PER_DAY), score]


def judge(fleet: Sequence[SimulatedSeries], scores: Sequence[Floats], threshold: float, at: float) -> At:
    hits: dict[str, list[bool]] = {family.value: [] for family in Family}
    false = 0
    for series, score in zip(fleet, scores, strict=True):
        starts, last = [], -_CLEAR - 1
        for i in np.nonzero((score >= threshold) & series.present)[0]:
            if i - last > _CLEAR and i >= LEARN:
                starts.append(int(i))
            last = i
        if series.event is not None:
            first, end = series.event
            hits[series.family.value].append(any(first <= i < end for i in starts))
            excused = first - 144 if series.family is Family.DOUBLE_SHIFT else first
            starts = [i for i in starts if not excused <= i < end + PER_DAY // 2]
        false += len(starts)
    every = [hit for found in hits.values() for hit in found]
    return At(
        at,
        round(float(np.mean(every)), 3),
        round(1000 * false / (_TEST_DAYS * len(fleet)), 1),
        {family: round(float(np.mean(found)), 2) for family, found in hits.items() if found},
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--series", type=int, default=84)
    parser.add_argument("--seed", type=int, default=303)
    parser.add_argument("--json", action="store_true", help="one line")
    options = parser.parse_args()
    fleet = simulate(options.seed, options.series)
    curves = {"camwatch": [judge(fleet, ours(fleet, s), 1.0, s) for s in SENSITIVITIES]}
    for name, peer in (("zabbix_baselinedev", zabbix), ("grafana_band", grafana)):
        scores = [peer(series.values) for series in fleet]
        curves[name] = [judge(fleet, scores, threshold, threshold) for threshold in THRESHOLDS]
    found = {
        name: [
            {"at": p.at, "recall": p.recall, "false": p.false_per_1000_series_days, **p.by_family}
            for p in points
        ]
        for name, points in curves.items()
    }
    print(json.dumps(found, indent=None if options.json else 1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
