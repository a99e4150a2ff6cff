"""What a reload in an awkward moment must not lose (each found by the promises' machine)."""

from __future__ import annotations

from monitor.rules.power_cut import PowerCutSettings
from tests.core_support import RULES, kinds, policy_of, town

CUT = PowerCutSettings.model_validate(
    {"name": "cut", "type": "power_cut", "by": ["site", "area"], "share": 50, "min_devices": 3, "min_down": 2}
)


def test_a_device_that_falls_between_a_reload_and_the_next_tick_keeps_its_alert():
    for seconds in (9, 9.5, 10, 10.5, 11, 11.5, 12, 12.5, 13):
        world = town(cameras=3, tick_ms=500)
        world.unplug("core0")
        world.advance(seconds)
        world.reload()
        world.advance(60)
        open_ = {a.device for i in world.pipeline.desk.incidents.values() for a in i.open_alerts()}
        assert "core0" in open_, seconds


def test_a_power_cut_that_is_over_before_the_rules_are_made_anew_ends():
    world = town(cameras=3, tick_ms=500, rules=[CUT, *RULES], policy=policy_of())
    world.unplug("core0")
    world.advance(11)
    world.reload([d for d in world.devices.values() if d.id not in ("core0", "sw0.0")])
    for _ in range(4):
        world.advance(1)
        world.reload()
    world.plug("core0")
    world.advance(400)
    assert not world.pipeline.desk.incidents
    assert len(kinds(world, "sms")) % 2 == 0
