"""Peers of the baseline detector, re-implemented from their documentation: a score for each sample.

Zabbix ``baselinedev``: the last hour's mean in standard deviations of the same hour of the last seven days.
Grafana's adaptive band: the value in standard deviations about the mean of the last day. Netdata: k-means
with two clusters over differenced, smoothed and lagged samples, many models trained on windows of six hours
over the last days; a sample is anomalous when it lies beyond the 99th percentile of the training distances by
*all* models, and the score is the share of anomalous samples of the last while (its *anomaly rate*).
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bench.baseline_fleet import PER_DAY, SAMPLES, Floats

_SMOOTH, _LAG = 3, 5
"""Netdata's ``num samples to smooth`` and ``num samples to lag``."""
_TRAIN, _EVERY, _MODELS = 72, 36, 18
"""Six hours of samples a model, a new one every three, the last 18 are asked (as by Netdata)."""
_RATE = 12
"""Samples of which the anomaly rate is taken: an hour."""
_ITERATIONS = 12


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


def netdata(values: Floats) -> Floats:
    """The anomaly rate of the last hour, 0 to 1, by the consensus of the models of the last days; between
    equal rates the farther sample counts as more anomalous."""
    features = _features(values)
    lead = SAMPLES - len(features)
    far = np.full(len(features), np.inf)
    models: list[tuple[Floats, float, float]] = []
    for start in range(0, len(features), _EVERY):
        part = features[start : start + _EVERY]
        if models:
            # Netdata's score of one model: where the distance lies between the least and the most seen in
            # training; anomalous from 99 % of that on. All models must agree: the least score decides.
            far[start : start + _EVERY] = np.min(
                [(_distance(part, c) - least) / max(most - least, 1e-12) for c, least, most in models], axis=0
            )
        else:
            far[start : start + _EVERY] = 0.0
        end = start + _EVERY
        if end >= _TRAIN:
            models = [*models, _train(features[end - _TRAIN : end])][-_MODELS:]
    anomalous = (far >= 0.99).astype(float)
    rate = np.convolve(anomalous, np.full(_RATE, 1 / _RATE))[: len(far)]
    score = np.where(anomalous > 0, rate + 1e-3 * np.tanh(far - 0.99), 0.0)
    return np.r_[np.zeros(lead), score]


def _features(values: Floats) -> Floats:
    steps = np.diff(values)
    smooth = np.convolve(steps, np.full(_SMOOTH, 1 / _SMOOTH), mode="valid")
    return sliding_window_view(smooth, _LAG + 1)


def _train(samples: Floats) -> tuple[Floats, float, float]:
    """Two centres (the farthest pair of extremes to begin with), and the least and most distance to them."""
    by_size = np.argsort((samples**2).sum(axis=1))
    centres = samples[[by_size[0], by_size[-1]]].copy()
    for _ in range(_ITERATIONS):
        nearest = ((samples[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
        for k in (0, 1):
            if (nearest == k).any():
                centres[k] = samples[nearest == k].mean(axis=0)
    distance = _distance(samples, centres)
    return centres, float(distance.min()), float(distance.max())


def _distance(samples: Floats, centres: Floats) -> Floats:
    """Netdata takes the mean distance to the centres."""
    return np.sqrt(((samples[:, None] - centres[None]) ** 2).sum(axis=2)).mean(axis=1)
