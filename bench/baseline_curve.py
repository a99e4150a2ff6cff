"""Recall against false alarms on the simulated fleet, beside peers, by family of fault.

    python -m bench.baseline_curve --json [--series 84] [--seed 303]

Peers (``bench.baseline_peers``): Zabbix ``baselinedev``, Grafana's adaptive band, Netdata's k-means. A peer's
curve comes from its threshold, ours from the sensitivity. An alarm is the first sample at or above the
threshold after twelve below. ``false_by_cause`` splits the false alarms, in 1,000 series-days of the whole
fleet, by what happened within a day before them: a holiday, a daylight-saving change, a planned change of
level (untold; in service a relearn goes with it), a counter that was reset; ``other``: nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.baseline_fleet import LEARN, PER_DAY, SAMPLES, TIMES, Family, Floats, SimulatedSeries, simulate
from bench.baseline_peers import grafana, netdata, zabbix
from bench.output import show
from monitor.rules.baseline.bank import Bank

SENSITIVITIES = (0.5, 0.7, 1.0, 1.5, 2.0)
DEVIATIONS = (2.0, 2.5, 3.0, 4.0, 6.0, 9.0)
RATES = (0.08, 0.25, 0.5, 0.75, 0.9)
PEERS: dict[str, tuple[Callable[[Floats], Floats], tuple[float, ...]]] = {
    "zabbix_baselinedev": (zabbix, DEVIATIONS),
    "grafana_band": (grafana, DEVIATIONS),
    "netdata_kmeans": (netdata, RATES),
}
_CLEAR = 12
_TEST_DAYS = 14


@dataclass(frozen=True, slots=True)
class At:
    """One point of a curve."""

    at: float
    recall: float
    false_per_1000_series_days: float
    by_family: dict[str, float]
    false_by_cause: dict[str, float]


def ours(fleet: Sequence[SimulatedSeries], sensitivity: float) -> list[Floats]:
    bank, n = Bank(len(fleet), sensitivity=sensitivity), len(fleet)
    out = np.zeros((SAMPLES, n))
    values, present = np.stack([s.values for s in fleet]), np.stack([s.present for s in fleet])
    values = np.where(present, values, np.nan)
    for i, t in enumerate(TIMES):
        second, rest = float(t % 86400), int((t // 86400 + 3) % 7 >= 5)
        out[i] = bank.step(None, np.full(n, float(t)), np.full(n, second), np.full(n, rest), values[:, i])
    return list(out.T)


def judge(fleet: Sequence[SimulatedSeries], scores: Sequence[Floats], threshold: float, at: float) -> At:
    hits: dict[str, list[bool]] = {family.value: [] for family in Family}
    false = 0
    causes: Counter[str] = Counter()
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
        causes.update(series.cause_of(i) for i in starts)
    every = [hit for found in hits.values() for hit in found]
    return At(
        at,
        round(float(np.mean(every)), 3),
        round(1000 * false / (_TEST_DAYS * len(fleet)), 1),
        {family: round(float(np.mean(found)), 2) for family, found in hits.items() if found},
        {cause: round(1000 * n / (_TEST_DAYS * len(fleet)), 1) for cause, n in sorted(causes.items())},
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--series", type=int, default=84)
    parser.add_argument("--seed", type=int, default=303)
    parser.add_argument("--json", action="store_true", help="one line")
    options = parser.parse_args()
    fleet = simulate(options.seed, options.series)
    curves = {"camwatch": [judge(fleet, ours(fleet, s), 1.0, s) for s in SENSITIVITIES]}
    for name, (peer, thresholds) in PEERS.items():
        scores = [peer(series.values) for series in fleet]
        curves[name] = [judge(fleet, scores, threshold, threshold) for threshold in thresholds]
    found = {
        name: [
            {
                "at": p.at,
                "recall": p.recall,
                "false": p.false_per_1000_series_days,
                "false_by_cause": p.false_by_cause,
                **p.by_family,
            }
            for p in points
        ]
        for name, points in curves.items()
    }
    show(found, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
