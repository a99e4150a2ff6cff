"""The one set of parameters, for every series and metric.

Found by evolution (CMA-ES) on labelled series and simulated fleets, never set by hand on a label (the
tolerance and stillness: on simulated fleets, by a coarse grid); how well they carry
over to series they were not tuned on is in docs/baseline.md. Sensitivity scales ``GAIN``.
"""

from __future__ import annotations

from typing import Final

# ---- what is expected
LEVEL_DAYS: Final = 4.75
"""The level follows within about this long."""
PROFILE_RATE: Final = 0.272
"""The share of a new day in the profile."""
TOLERANCE: Final = 0.35
"""How far a residual is forgiven that an hour's shift explains: 0 not, 1 wholly."""
CLIP: Final = 4.71
"""Learning is bounded to this many usual spreads a sample."""
CLIP_WIDTH: Final = 0.024
"""... or to this share of the whole width, for series that are nearly always the same."""
SPREAD_RATE: Final = 0.00408
NOISE_RATE: Final = 0.043
"""Of the spread at an hour, each hour spent there."""
EVEN_SPREAD: Final = 0.183
"""Weight of the spread over all hours in the scale at this hour."""

# ---- features and their records
SHORT_SPAN: Final = 1.29
"""Samples that the means reach back."""
MIDDLE_SPAN: Final = 107.0
LONG_SPAN: Final = 163.0
ROUGH_SPAN: Final = 31.2
STILL_SPAN: Final = 6.0
STILL_WEIGHT: Final = 1.0
"""Of a series growing stiller over a few samples than it ever was."""
STILL_ROUGH: Final = 0.2
"""What its usual roughness counts in that comparison."""
STILL_FOLLOW: Final = 0.4
"""As ``FOLLOW``, but slower than the mean itself falls: else it breaks records by next to nothing."""
RUN_FROM: Final = 4.0
"""A sample adds to the run when it is off by more than so many usual spreads."""
RUN_MOST: Final = 24.0
"""Samples; a longer run is no news."""
RUN_FLOOR: Final = 1.0
WEIGHTS: Final = (6.08, 0.589, 1.28, 0.939, 1.99, 1.21, 7.67, 0.8)
"""Of each feature's broken record, in the order of ``layout``."""
RECORD_MOST: Final = 1.37
"""One record broken by more than this many widths counts no more."""
EVEN_SIDES: Final = 0.388
"""A record is scaled by the whole width (1) or by the width on its side alone (0)."""
SPREAD_FLOOR: Final = 0.0084
STILLNESS: Final = 1.29
"""Weight of a series growing smoother than it ever was: stuck."""
FOLLOW: Final = 0.633
"""A broken record moves by this share of the excess, and by no more than this share of its width."""
FOLLOW_MOST: Final = 0.167
HOUR_WEIGHT: Final = 0.904
HOUR_DAYS: Final = 3.82
"""Ranges at an hour speak after this many days."""
HOUR_FULL_DAYS: Final = 1.43
"""... and with full weight after this many."""
HOUR_FOLLOW: Final = 0.642
EVEN_HOURS: Final = 0.427
HOUR_FLOOR: Final = 0.14
Z_WEIGHT: Final = 0.0345
Z_FROM: Final = 4.69

# ---- from oddness to an alert
GAIN: Final = 2.25
KEEP: Final = 0.818
"""The share of the evidence that stays for the next sample."""
ONE_SAMPLE: Final = 0.612
"""The most that one sample adds; below 1, so that one alone never alerts."""
MATURE_DAYS: Final = 4.99
MATURE_COUNT: Final = 155.0
ALERT_COST: Final = 1.41
"""What an alert adds to the series' bar."""
BUDGET_DAYS: Final = 0.661
"""The time in which the bar falls back (to 1/e)."""
QUIET_SAMPLES: Final = 4.33
QUIET_HOURS: Final = 2.79
