"""The one set of parameters, for every series and metric.

Found by evolution (CMA-ES) on labelled series and simulated fleets, never set by hand on a label; how well
they carry over to series they were not tuned on is in docs/baseline.md. Sensitivity scales ``GAIN``.
"""

from __future__ import annotations

from typing import Final

# ---- what is expected
LEVEL_DAYS: Final = 3.75
"""The level follows within about this long."""
PROFILE_RATE: Final = 0.185
"""The share of a new day in the profile."""
TOLERANCE: Final = 0.312
"""How far a residual is forgiven that an hour's shift or the other sort of day explains: 0 not, 1 wholly."""
CLIP: Final = 4.99
"""Learning is bounded to this many usual spreads a sample."""
CLIP_WIDTH: Final = 0.05
"""... or to this share of the whole width, for series that are nearly always the same."""
SPREAD_RATE: Final = 0.00373
NOISE_RATE: Final = 0.0356
"""Of the spread at an hour, each hour spent there."""
EVEN_SPREAD: Final = 0.131
"""Weight of the spread over all hours in the scale at this hour."""

# ---- features and their records
SHORT_SPAN: Final = 1.2
"""Samples that the means reach back."""
MIDDLE_SPAN: Final = 17.9
LONG_SPAN: Final = 141.0
ROUGH_SPAN: Final = 36.8
WEIGHTS: Final = (1.19, 0.635, 3.15, 1.76, 1.93, 3.53, 4.8)
"""Of each feature's broken record, in the order of ``layout``."""
RECORD_MOST: Final = 1.07
"""One record broken by more than this many widths counts no more."""
EVEN_SIDES: Final = 0.324
"""A record is scaled by the whole width (1) or by the width on its side alone (0)."""
SPREAD_FLOOR: Final = 0.0049
STILLNESS: Final = 0.841
"""Weight of a series growing smoother than it ever was: stuck."""
FOLLOW: Final = 0.557
"""A broken record moves by this share of the excess, and by no more than this share of its width."""
FOLLOW_MOST: Final = 0.154
HOUR_WEIGHT: Final = 1.74
HOUR_DAYS: Final = 5.16
"""Ranges at an hour speak after this many days."""
HOUR_FULL_DAYS: Final = 1.0
"""... and with full weight after this many."""
HOUR_FOLLOW: Final = 0.55
EVEN_HOURS: Final = 0.434
HOUR_FLOOR: Final = 0.199
Z_WEIGHT: Final = 0.138
Z_FROM: Final = 4.68

# ---- from oddness to an alert
GAIN: Final = 1.55
KEEP: Final = 0.661
"""The share of the evidence that stays for the next sample."""
ONE_SAMPLE: Final = 0.719
"""The most that one sample adds; below 1, so that one alone never alerts."""
MATURE_DAYS: Final = 4.65
MATURE_COUNT: Final = 84.2
ALERT_COST: Final = 0.537
"""What an alert adds to the series' bar."""
BUDGET_DAYS: Final = 0.818
"""The time in which the bar falls back (to 1/e)."""
QUIET_SAMPLES: Final = 2.67
QUIET_HOURS: Final = 3.5
