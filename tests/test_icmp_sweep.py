"""The book of a sweep: whatever happens to the echoes, each device is answered for once, and fairly."""

from __future__ import annotations

import errno

from hypothesis import given
from hypothesis import strategies as st

from monitor.collectors.icmp.packet import V4
from monitor.collectors.icmp.sweep import UNTIMED, Answers, Sweep
from monitor.model import Device, DeviceId, Kind, Reason, Result, Target, WallMs

FATES = st.sampled_from(["answered", "untimed", "lost", "own_loss", "not_sent", "open"])
REMARKS = st.sampled_from(["", "wrong_source", "unreachable"])


class Caught(Answers):
    def __init__(self, expected: int) -> None:
        super().__init__(expected)
        self.results: list[Result] = []

    def put(self, result: Result) -> None:
        super().put(result)
        self.results.append(result)


def sweep_of(echoes: int) -> tuple[Sweep, Caught]:
    answers = Caught(1)
    target = Target(Device(DeviceId("d"), "d", Kind.CAMERA, "10.0.0.1"), "10.0.0.1")
    sweep = Sweep(V4, echoes, answers)
    sweep.add([target])
    sweep.at.append(WallMs(1000))
    return sweep, answers


@given(fates=st.lists(FATES, min_size=1, max_size=5), remark=REMARKS)
def test_a_device_is_answered_for_once_and_by_the_best_evidence(fates: list[str], remark: str) -> None:
    sweep, answers = sweep_of(len(fates))
    if remark:
        getattr(sweep, remark)(0, "10.0.0.9")
    for fate in fates:
        if fate == "answered":
            sweep.answered(0, 1_000_000)
        elif fate == "untimed":
            sweep.answered(0, UNTIMED)
        elif fate == "lost":
            sweep.lost(0)
        elif fate == "own_loss":
            sweep.own_loss(0, "dropped")
        elif fate == "not_sent":
            sweep.not_sent(0, errno.ENOBUFS)
    assert len(answers.results) == ("open" not in fates)
    sweep.end(WallMs(2000))
    (result,) = answers.results
    assert result.at == 1000
    assert result.ok == bool({"answered", "untimed"} & set(fates))
    if not result.ok and not remark:
        assert (result.reason is Reason.TIMEOUT) == ("lost" in fates)
        assert result.reason.ours == ("lost" not in fates)
    values = {reading.metric: reading.value for reading in result.readings}
    if result.ok:
        measured = len([fate for fate in fates if fate in ("answered", "untimed", "lost")])
        assert values["ping.percent_packet_loss"] == 100 * fates.count("lost") / measured
        assert values.get("ping.average_response_ms") == (1.0 if "answered" in fates else None)


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=20))
def test_round_trip_statistics_are_those_of_the_echoes(rtts: list[int]) -> None:
    sweep, answers = sweep_of(len(rtts))
    for rtt in rtts:
        sweep.answered(0, rtt)
    (result,) = answers.results
    values = {reading.metric: float(reading.value) for reading in result.readings}
    mean = sum(rtts) / len(rtts)
    deviation = (sum((rtt - mean) ** 2 for rtt in rtts) / len(rtts)) ** 0.5
    assert values["ping.minimum_response_ms"] == min(rtts) / 1e6
    assert values["ping.maximum_response_ms"] == max(rtts) / 1e6
    assert abs(values["ping.average_response_ms"] - mean / 1e6) < 1e-9
    assert abs(values["ping.standard_deviation_ms"] - deviation / 1e6) < 1e-6


def test_a_single_echo_has_no_spread() -> None:
    sweep, answers = sweep_of(1)
    sweep.answered(0, 2_500_000)
    assert [(r.metric, r.value) for r in answers.results[0].readings] == [
        ("ping.average_response_ms", 2.5),
        ("ping.percent_packet_loss", 0.0),
        ("ping.result_code", 0),
    ]


def test_a_device_whose_turn_never_came_is_not_down() -> None:
    answers = Caught(2)
    aims = [Target(Device(DeviceId(n), n, Kind.CAMERA, "10.0.0.1"), "10.0.0.1") for n in "ab"]
    sweep = Sweep(V4, 1, answers)
    sweep.add(aims)
    sweep.end(WallMs(5))
    assert [(r.device, r.reason, r.at) for r in answers.results] == [
        ("a", Reason.SEND_FAILED, 5),
        ("b", Reason.SEND_FAILED, 5),
    ]
