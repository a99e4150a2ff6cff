"""What the tests of the core share: a small town with the contract's rules, and who was told what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from monitor.alerts.maintenance import MaintenanceSettings
from monitor.alerts.policy import Policy, StormSettings
from monitor.alerts.roster import RosterSettings
from monitor.alerts.routes import RouteSettings
from monitor.alerts.service import LevelSettings
from monitor.alerts.suppress import InhibitSettings
from monitor.key_event import KeyEvent
from monitor.model import (
    Device,
    DeviceId,
    IncidentId,
    Instant,
    Reading,
    Reason,
    Result,
    Standing,
    State,
    WallMs,
)
from monitor.notifiers.notice import NoticeKind
from monitor.rules.base import RuleSettings, Signal
from monitor.rules.book import RuleBook
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


class UpFleet:
    """What rules see of these devices, all on line and in order."""

    def __init__(self, *devices: Device) -> None:
        self.devices: Mapping[DeviceId, Device] = {device.id: device for device in devices}

    def standing(self, device: DeviceId) -> Standing:
        return Standing.ONLINE

    def state(self, device: DeviceId) -> tuple[State, WallMs]:
        return State.UP, WallMs(0)


def reading(book: RuleBook, device: DeviceId, metric: str, value: float, now: Instant,
            at: WallMs | None = None) -> list[Signal]:  # fmt: skip
    """The signals of one reading, and of the tick after it; ``at``: when it was measured, if not now."""
    result = Result(device, "check", now.wall if at is None else at, Reason.OK, (Reading(metric, value),))
    return [*book.on_results([result], now), *book.on_tick(now)]


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
    devices: list[Device] | None = None,
    wall: int = 1_800_000_000_000,
    skip_calm: bool = False,
    key_events: Sequence[KeyEvent] = (),
) -> World:
    """A town where everything is up and has been measured."""
    settings = WorldSettings(
        rules=RULES if rules is None else rules,
        policy=policy or Policy(routes or [route()], {"oncall": ["sms", "wecom"], "boss": ["boss-sms"]}),
        tick_ms=tick_ms,
        skip_calm=skip_calm,
        key_events=key_events,
        states=states or StateSettings.model_validate({"boot_grace": "20s"}),
    )
    world = World(devices or small_town(cameras=cameras), settings, wall)
    world.advance(30)
    return world


def told(world: World) -> dict[tuple[str, IncidentId | None], list[NoticeKind]]:
    """What each channel was told of each incident, in order."""
    found: dict[tuple[str, IncidentId | None], list[NoticeKind]] = defaultdict(list)
    for entry in world.sent:
        found[entry.channel, entry.notice.incident].append(entry.notice.kind)
    return dict(found)


def policy_of(**settings: Any) -> Policy:
    """The policy of a configuration, as its TOML would be read; receivers are lists of channels."""
    receivers = {"oncall": ["sms", "wecom"], "boss": ["boss-sms"], "second": ["second-sms"],
                 "third": ["third-sms"], "customer": ["customer-sms"]}  # fmt: skip
    return Policy(
        routes=settings.pop("routes", None) or [route()],
        receivers=receivers,
        rosters={n: RosterSettings.model_validate(r) for n, r in settings.pop("rosters", {}).items()},
        inhibits=[InhibitSettings.model_validate(i) for i in settings.pop("inhibits", ())],
        maintenance=[MaintenanceSettings.model_validate(m) for m in settings.pop("maintenance", ())],
        levels=[LevelSettings.model_validate(level) for level in settings.pop("levels", ())],
        storm=StormSettings.model_validate(settings.pop("storm", {})),
        **settings,
    )


def kinds(world: World, channel: str) -> list[NoticeKind]:
    """What the channel was told, of whatever."""
    return [entry.notice.kind for entry in world.sent if entry.channel == channel]


def wall(text: str) -> int:
    """UTC ms of a local time in China."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)
