"""Which signs there are, what they are read from, and how much each weighs.

The weights are judgement, not measurement: how well they foretell is kept on record (``calls``), for every
fleet anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum


class Sign(StrEnum):
    FLAPS = "flaps"
    """Own faults a week."""
    REBOOTS = "reboots"
    """Starts a week."""
    ROUND_TRIP = "round_trip"
    LOSS = "loss"
    CLOCK = "clock"
    """The clock runs away: from that of the monitor, either way."""
    BIT_RATE = "bit_rate"
    """The video's bit rate drops."""
    POE = "poe"
    """A port's power creeps up."""
    SECTORS = "sectors"
    """A disk's bad sectors grow."""


SIGNS = tuple(Sign)


class Measure(Enum):
    """How the last days are held against the weeks before."""

    COUNT = "count"
    """Events of the last week."""
    RISE = "rise"
    """The last days less the weeks before."""
    SHARE = "share"
    """The last days over the weeks before, less one."""
    DROP = "drop"
    """How much of the weeks before is gone, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Weighing:
    measure: Measure
    begins: float
    """Up to here it says nothing."""
    full: float
    """From here on it weighs in full."""
    weight: float
    """The share of a certain failure (1) that it alone amounts to, in full."""
    least: float = 0.0
    """Changes of no more than this much, in the reading's own unit, are no sign."""


WEIGHINGS: dict[Sign, Weighing] = {
    Sign.FLAPS: Weighing(Measure.COUNT, 2.0, 10.0, 0.55),
    Sign.REBOOTS: Weighing(Measure.COUNT, 1.5, 6.0, 0.5),
    Sign.ROUND_TRIP: Weighing(Measure.SHARE, 0.4, 2.0, 0.35, least=1.0),
    Sign.LOSS: Weighing(Measure.RISE, 1.0, 10.0, 0.45),
    Sign.CLOCK: Weighing(Measure.RISE, 5.0, 60.0, 0.3),
    Sign.BIT_RATE: Weighing(Measure.DROP, 0.3, 0.7, 0.4),
    Sign.POE: Weighing(Measure.SHARE, 0.1, 0.4, 0.4, least=0.5),
    Sign.SECTORS: Weighing(Measure.RISE, 0.5, 20.0, 0.7),
}

READ_FROM: dict[str, Sign] = {
    "ping.average_response_ms": Sign.ROUND_TRIP,
    "ping.percent_packet_loss": Sign.LOSS,
    "onvif.clock_drift_s": Sign.CLOCK,
    "rtsp.clock_drift_s": Sign.CLOCK,
    "onvif.rebooted": Sign.REBOOTS,
    "snmp.restarted": Sign.REBOOTS,
    "rtsp.bit_rate_bps": Sign.BIT_RATE,
    "poe_port.watts": Sign.POE,
    "recorder_disk.bad_sectors": Sign.SECTORS,
    "disk.bad_sectors": Sign.SECTORS,
}
"""Metric → sign. Flaps come from the states."""
