"""The ladder: which rung of "network, service, video" a device stands on, from the latest of each check.

A camera may answer echoes and send no picture; "off line" is not the same as "wrong password". States and
messages name the fault by this; which checks make a device online is the inventory's to say (``liveness``).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from monitor.model import Reason, Result

CLOCK_OFF_S = 5.0
"""A drift of this or more is a wrong clock: contract footage must bear the right time."""
_NETWORK = ("icmp",)
_SERVICES = ("onvif", "tcp", "http", "tls", "snmp")
_VIDEO = ("rtsp",)
_DRIFTS = ("onvif.clock_drift_s", "rtsp.clock_drift_s")


class Rung(StrEnum):
    """The worst that is certain, from the ground up."""

    NOT_MEASURED = "not_measured"
    """The failures are our own, or nothing was measured."""
    NO_NETWORK = "no_network"
    NO_SERVICE = "no_service"
    """The network answers, the device's services do not."""
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - the name of a rung
    BUSY = "busy"
    """It lives, and had no session to spare."""
    NO_VIDEO = "no_video"
    WRONG_CLOCK = "wrong_clock"
    SOUND = "sound"


def rung(latest: Iterable[Result]) -> Rung:
    """Where the device stands, by the latest result of each of its checks."""
    results = [result for result in latest if not result.reason.ours]
    if not results:
        return Rung.NOT_MEASURED
    failed = [result for result in results if not result.ok]
    # Whoever refuses us a password, or is busy, has answered: the network is there.
    answered = any(r.ok or r.reason in (Reason.AUTH, Reason.BUSY, Reason.NO_VIDEO) for r in results)
    if not answered:
        return Rung.NO_NETWORK if _any(failed, _NETWORK) or not _any(results, _NETWORK) else Rung.NO_SERVICE
    reasons = {result.reason for result in failed if result.check not in _NETWORK}
    if Reason.AUTH in reasons:
        return Rung.WRONG_PASSWORD
    if _any((r for r in failed if r.reason is not Reason.BUSY), _SERVICES):
        return Rung.NO_SERVICE
    if Reason.BUSY in reasons:
        return Rung.BUSY
    if _any(failed, _VIDEO):
        return Rung.NO_VIDEO
    if any(abs(drift) >= CLOCK_OFF_S for result in results for drift in _drifts(result)):
        return Rung.WRONG_CLOCK
    return Rung.SOUND


def _any(results: Iterable[Result], checks: tuple[str, ...]) -> bool:
    return any(result.check in checks for result in results)


def _drifts(result: Result) -> list[float]:
    return [float(r.value) for r in result.readings if r.metric in _DRIFTS]
