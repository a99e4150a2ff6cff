"""A replay that skips the calm is the same story as one that does not."""

from __future__ import annotations

from monitor.rules.power_cut import PowerCutSettings
from monitor.simulate.world import World
from tests.core_support import RULES, policy_of, route, town

CUT = PowerCutSettings.model_validate({"name": "power", "type": "power_cut"})


def story(skip_calm: bool) -> World:
    level = {"name": "any", "respond": "1h", "repair": "2h",
             "steps": [{"after": "50%", "receivers": ["boss"]}]}  # fmt: skip
    policy = policy_of(levels=[level], routes=[route(repeat_interval="30m")])
    world = town(cameras=8, rules=[CUT, *RULES], policy=policy, tick_ms=500, skip_calm=skip_calm)
    world.unplug("cam0.1.3")
    world.advance(900)
    world.unplug("sw1.0")
    world.advance(3000)
    world.plug("cam0.1.3")
    world.uplink_up = False
    world.advance(120)
    world.uplink_up = True
    world.advance(600)
    world.unplug(*(f"cam0.0.{n}" for n in range(8)))
    world.advance(1200)
    world.crash(down_ms=20_000)
    world.advance(600)
    world.unplugged.clear()
    world.plug(*world.devices)
    for _ in range(8):
        world.unplug("cam1.1.1")
        world.advance(40)
        world.plug("cam1.1.1")
        world.advance(40)
    world.advance(1800)
    return world


def test_skipping_the_calm_changes_nothing_that_is_told_or_booked():
    long, short = story(False), story(True)
    assert [(e.channel, e.notice) for e in short.sent] == [(e.channel, e.notice) for e in long.sent]
    for table in ("state_change", "incident", "alert", "incident_event"):
        rows = f"SELECT * FROM {table} ORDER BY 1, 2, 3"
        assert short.db.execute(rows).fetchall() == long.db.execute(rows).fetchall(), table
    assert len(short.sent) > 10
