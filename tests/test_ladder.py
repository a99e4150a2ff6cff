"""The ladder tells apart what "off line" mixes up."""

from __future__ import annotations

import pytest

from monitor.ladder import Rung, rung
from monitor.model import DeviceId, Reading, Reason, Result, WallMs


def result(check: str, reason: Reason = Reason.OK, drift: float | None = None) -> Result:
    readings = () if drift is None else (Reading(f"{check}.clock_drift_s", drift),)
    return Result(DeviceId("c"), check, WallMs(0), reason, readings)


ICMP, ONVIF, RTSP = result("icmp"), result("onvif"), result("rtsp")
SILENT = [result(check, Reason.TIMEOUT) for check in ("icmp", "onvif", "rtsp")]


@pytest.mark.parametrize(
    ("latest", "wanted"),
    [
        ([], Rung.NOT_MEASURED),
        ([result("icmp", Reason.OWN_LOSS)], Rung.NOT_MEASURED),
        (SILENT, Rung.NO_NETWORK),
        ([result("onvif", Reason.TIMEOUT)], Rung.NO_NETWORK),
        ([ICMP, *SILENT[1:]], Rung.NO_SERVICE),
        ([ICMP, result("onvif", Reason.REFUSED), RTSP], Rung.NO_SERVICE),
        ([result("icmp", Reason.TIMEOUT), ONVIF, RTSP], Rung.SOUND),
        ([ICMP, ONVIF, result("rtsp", Reason.NO_VIDEO)], Rung.NO_VIDEO),
        ([ICMP, ONVIF, result("rtsp", Reason.TIMEOUT)], Rung.NO_VIDEO),
        ([ICMP, ONVIF, result("rtsp", Reason.BUSY)], Rung.BUSY),
        ([ICMP, result("onvif", Reason.AUTH), result("rtsp", Reason.AUTH)], Rung.WRONG_PASSWORD),
        ([ICMP, result("onvif", drift=-5.0), RTSP], Rung.WRONG_CLOCK),
        ([ICMP, result("onvif", drift=4.9), RTSP], Rung.SOUND),
        ([ICMP], Rung.SOUND),
    ],
)
def test_the_rung_is_the_worst_that_is_certain(latest: list[Result], wanted: Rung) -> None:
    assert rung(latest) is wanted
