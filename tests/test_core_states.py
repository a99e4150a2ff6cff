"""A device is judged off line only on evidence: what the states promise."""

from __future__ import annotations

import pytest

from monitor.model import DeviceId, Reason, Result, State
from monitor.states import flap_percent
from tests.core_support import town


def state(world, id_):
    return world.pipeline.states.state(DeviceId(id_))[0]


def test_a_measured_town_is_up():
    world = town()
    assert {t.state for t in world.pipeline.states.tracks.values()} == {State.UP}


def test_down_is_booked_from_the_first_failed_probe():
    world = town()
    before = world.clock.now().wall
    world.unplug("cam0.0.1")
    world.advance(20)
    found, since = world.pipeline.states.state(DeviceId("cam0.0.1"))
    assert found is State.DOWN
    assert before <= since <= before + 10_000  # within one interval of the unplugging, not when confirmed


def test_a_probe_that_failed_through_us_is_said_to_have_and_never_becomes_the_reason_of_a_downtime():
    world = town()
    id_, now = DeviceId("cam0.0.1"), world.clock.now()

    def fails(reason: Reason) -> None:
        world.pipeline.on_results([Result(id_, "icmp", now.wall, reason, detail=f"by {reason}")], now)

    fails(Reason.RESOLVE)
    track = world.pipeline.states.tracks[id_]
    assert track.failing is not None
    failing = track.failing["icmp"]
    assert (failing.fails, failing.ours, failing.reason, failing.detail) == (
        0, 1, Reason.RESOLVE, "by resolve",
    )  # fmt: skip
    fails(Reason.REFUSED)
    fails(Reason.SEND_FAILED)
    assert (failing.fails, failing.ours, failing.reason) == (1, 2, Reason.REFUSED)


def test_one_lost_round_is_no_downtime():
    world = town()
    world.unplug("cam0.0.1")
    world.advance(2)
    world.plug("cam0.0.1")
    world.advance(30)
    assert [t for step in world.steps for t in step.transitions if t.after is State.DOWN] == []


@pytest.mark.parametrize("dead", ["sw0.0", "core0"])
def test_behind_a_dead_switch_everything_is_unreachable_in_whatever_order_it_was_seen(dead):
    world = town()
    world.unplug(dead)
    world.advance(30)
    down = [id_ for id_, track in world.pipeline.states.tracks.items() if track.state is State.DOWN]
    assert down == [dead]
    for id_ in world.devices:
        assert state(world, id_) in world.truth(id_)
    every = [t.device for step in world.steps for t in step.transitions if t.after is State.DOWN]
    assert every == [dead]  # no child was called down even for a moment


def test_a_camera_that_was_down_before_its_switch_stays_down():
    world = town()
    world.unplug("cam0.0.1")
    world.advance(30)
    world.unplug("sw0.0")
    world.advance(30)
    assert state(world, "cam0.0.1") is State.DOWN
    assert state(world, "cam0.0.2") is State.UNREACHABLE


def test_a_child_still_down_once_its_parent_is_back_is_found():
    world = town()
    world.unplug("sw0.0", "cam0.0.1")
    world.advance(30)
    assert state(world, "cam0.0.1") is State.UNREACHABLE
    world.plug("sw0.0")
    world.advance(60)
    assert state(world, "cam0.0.1") is State.DOWN
    assert state(world, "cam0.0.2") is State.UP


def test_redundant_parents_both_have_to_fall():
    from dataclasses import replace

    world = town()
    devices = [
        replace(d, parents=(DeviceId("sw0.0"), DeviceId("sw0.1"))) if d.id == "cam0.0.1" else d
        for d in world.devices.values()
    ]
    world.reload(devices)
    world.advance(20)
    world.unplug("sw0.0")
    world.advance(30)
    assert state(world, "cam0.0.1") is State.UP
    world.unplug("sw0.1")
    world.advance(30)
    assert state(world, "cam0.0.1") is State.UNREACHABLE


def test_when_our_uplink_is_lost_nothing_is_down():
    world = town()
    world.uplink_up = False
    world.advance(120)
    assert {t.state for t in world.pipeline.states.tracks.values()} == {State.UNKNOWN}
    assert not any(t.after.offline for step in world.steps for t in step.transitions)
    world.uplink_up = True
    world.advance(30)
    assert {t.state for t in world.pipeline.states.tracks.values()} == {State.UP}


def test_a_city_wide_power_cut_is_downtime_not_blindness():
    world = town()
    world.unplug(*world.devices)  # every device is silent, but our reference still answers
    world.advance(60)
    assert all(track.state.offline for track in world.pipeline.states.tracks.values())


def test_a_device_going_up_and_down_is_flapping_until_it_is_calm():
    world = town()
    for _ in range(12):
        world.unplug("cam0.0.1")
        world.advance(12)
        world.plug("cam0.0.1")
        world.advance(12)
    track = world.pipeline.states.tracks[DeviceId("cam0.0.1")]
    assert track.flapping
    world.advance(300)
    assert not track.flapping


def test_the_flapping_window_weighs_recent_changes_more():
    assert flap_percent(0) == flap_percent((1 << 20) - 1) == 0
    assert flap_percent(1) > flap_percent(1 << 19) > 0
    alternating = int("01" * 10, 2)
    assert flap_percent(alternating) == pytest.approx(100, abs=0.5)
