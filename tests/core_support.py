"""What the tests of the core share: a small town with the contract's rules, and who was told what."""

from __future__ import annotations

from collections import defaultdict

from monitor.alerts.policy import Policy
from monitor.alerts.routes import RouteSettings
from monitor.model import IncidentId
from monitor.notifiers.notice import NoticeKind
from monitor.rules.base import RuleSettings
from monitor.rules.online_rate import OnlineRateSettings
from monitor.rules.threshold import ThresholdSettings
from monitor.simulate.world import World, WorldSettings, small_town
from monitor.states import StateSettings

RULES: list[RuleSettings] = [
    ThresholdSettings.model_validate(
        {"name": "device-down", "type": "threshold", "state": "down", "severity": "warning"}
    ),
    OnlineRateSettings.model_validate(
        {
            "name": "area-rate",
            "type": "online_rate",
            "select": {"kind": "camera"},
            "group_by": ["area"],
            "below": 96,
            "severity": "major",
        }
    ),
    OnlineRateSettings.model_validate(
        {
            "name": "key-sites",
            "type": "online_rate",
            "select": {"kind": "camera", "key_site": True},
            "group_by": ["site"],
            "below": 100,
            "severity": "critical",
        }
    ),
]


def route(**settings: object) -> RouteSettings:
    return RouteSettings.model_validate({"receiver": "oncall", "group_wait": "5s", **settings})


def town(
    *,
    cameras: int = 5,
    rules: list[RuleSettings] | None = None,
    routes: list[RouteSettings] | None = None,
    states: StateSettings | None = None,
    tick_ms: int = 250,
    policy: Policy | None = None,
) -> World:
    """A town where everything is up and has been measured."""
    settings = WorldSettings(
        rules=RULES if rules is None else rules,
        policy=policy or Policy(routes or [route()], {"oncall": ["sms", "wecom"], "boss": ["boss-sms"]}),
        tick_ms=tick_ms,
        states=states or StateSettings.model_validate({"boot_grace": "20s"}),
    )
    world = World(small_town(cameras=cameras), settings)
    world.advance(30)
    return world


def told(world: World) -> dict[tuple[str, IncidentId | None], list[NoticeKind]]:
    """What each channel was told of each incident, in order."""
    found: dict[tuple[str, IncidentId | None], list[NoticeKind]] = defaultdict(list)
    for entry in world.sent:
        found[entry.channel, entry.notice.incident].append(entry.notice.kind)
    return dict(found)
