"""Where a series' memory lies: ``WIDE`` rows of float64 and ``SLIM`` rows of float32, 1,292 bytes in all.

The scalar form keeps one column of each table, the bank one column a series. Times, the level and what is
summed over many samples are wide, since a small change on a large value must not be rounded away; records
and profiles are kept relative to the level and need no more than float32.
"""

from __future__ import annotations

from typing import Final

# ---- float64
TIME: Final = 0
"""Of the last sample, epoch seconds."""
START: Final = 1
"""Of the first sample since learning began."""
LEVEL: Final = 2
PREVIOUS: Final = 3
"""The last value."""
SPREAD: Final = 4
"""Usual distance from what was expected."""
SHORT: Final = 5
"""Means of the standardised residual over a short, a middle and a long span."""
MIDDLE: Final = 6
LONG: Final = 7
ROUGHNESS: Final = 8
"""Mean step from sample to sample."""
QUIET_UNTIL: Final = 9
"""No alert before: one has just been given."""
RUN: Final = 10
"""Samples in a row far off on one side: above counted up, below counted down."""
STILL: Final = 11
"""As ``ROUGHNESS``, over a few samples only."""
WIDE: Final = 12

# ---- float32
COUNT: Final = 0
STEP: Final = 1
"""Usual seconds between samples."""
OFF_LEVEL: Final = 2
"""Usual distance from the level, and from level and profile: what the profile explains."""
OFF_PROFILE: Final = 3
BAR: Final = 4
"""What evidence is divided by: 1, and more after alerts."""
EVIDENCE: Final = 5
DAYS: Final = 6
"""Working days and rest days learned from."""
WEEK: Final = 8
"""Weeks since ``START``, as last seen."""

PROFILE: Final = 9
"""Working days, then what rest days add to them: ``SLOTS`` values each, relative to the level."""
SLOTS: Final = 48

HOURS: Final = PROFILE + 2 * SLOTS
"""Range at each hour: high and low of the present two weeks, then of the two before."""
HIGH_NOW, LOW_NOW, HIGH_BEFORE, LOW_BEFORE = (HOURS + 24 * n for n in range(4))

NOISE: Final = HOURS + 96
"""Spread at each two hours of the day."""

FEATURES: Final = 8
"""Off level, standardised residual, its three means, roughness, step from the last sample, the run."""
OFF, RESIDUAL, SHORT_MEAN, MIDDLE_MEAN, LONG_MEAN, ROUGH, JUMP, RUN_LENGTH = range(FEATURES)
BUCKETS: Final = 4
"""Weeks that records reach back, the present one included."""
RECORDS: Final = NOISE + 12
"""Of each feature the highest of each of four weeks, then the lowest."""
HIGHEST: Final = RECORDS + FEATURES * 2 * BUCKETS
"""Over all four weeks; kept at hand."""
LOWEST: Final = HIGHEST + FEATURES
TODAY: Final = LOWEST + FEATURES
"""Which sort of day today looks like: by how many spreads its own fits better (above 0) or the other one."""
STILLEST: Final = TODAY + 1
"""Of ``STILL`` the lowest of each of four weeks, then of all."""
STILLEST_OF_ALL: Final = STILLEST + BUCKETS
SLIM: Final = STILLEST_OF_ALL + 1

NAME: Final = "baseline-3"
"""Of this layout, in snapshots: change it with every change above."""
OLDER: Final = {"baseline-2": (11, 293)}
"""Layouts that this one only adds rows to, and their rows; a new row starts at 0. A series' stillness is
judged again once the weeks without it are forgotten."""

BYTES: Final = 8 * WIDE + 4 * SLIM
