"""The detector as it ships, in the shape that scoring tools expect: ``factory()`` gives one series'
``update(t, value)``. Labelled series of the world know no Chinese holidays and say local time as UTC."""

from __future__ import annotations

from datetime import UTC

from monitor.rules.baseline.calendar import Holidays, LocalCalendar
from monitor.rules.baseline.replay import Detector


def normal() -> Detector:
    return Detector(LocalCalendar(UTC, Holidays.NONE))
