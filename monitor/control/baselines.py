"""Commands about what baselines have learned, through the control socket."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from monitor.control.explain import find_track
from monitor.control.server import Handler
from monitor.control.wire import ControlError
from monitor.core import Core
from monitor.jobs.learned import Learned
from monitor.model import WallMs
from monitor.rules.series import Key, part_of, unit_of

if TYPE_CHECKING:
    from monitor.rules.baseline.band import Usual
    from monitor.rules.baseline.rule import BaselineRule

_SERIES, _ALERTS = 20, 10


class BaselineCommands:
    """``ControlError`` says what was wrong with a request. Times are UTC milliseconds."""

    def __init__(self, core: Core, learned: Learned) -> None:
        self._core = core
        self._learned = learned

    def handlers(self) -> dict[str, Handler]:
        return {"baseline_show": self._show, "baseline_relearn": self._relearn}

    async def _show(self, arguments: dict[str, Any]) -> Any:
        rules, device = self._rules(arguments), find_track(self._core.pipeline, _device(arguments)).device
        now = self._core.clock.now().wall
        found = [(rule, key) for rule in rules for key in rule.learner.series() if key[0] == device.id]
        if not found:
            raise ControlError(f'nothing learned yet about "{device.name}"')
        return {
            "device": {"id": device.id, "name": device.name},
            "series": [_series(rule, key, now) for rule, key in found[:_SERIES]],
            "more": max(0, len(found) - _SERIES),
        }

    async def _relearn(self, arguments: dict[str, Any]) -> Any:
        self._rules(arguments)
        device = find_track(self._core.pipeline, _device(arguments)).device
        return {"series": self._learned.relearn(device.id, str(arguments["metric"]))}

    def _rules(self, arguments: dict[str, Any]) -> list[BaselineRule]:
        metric, rules = str(arguments.get("metric", "")), self._learned.baselines()
        found = [rule for rule in rules if rule.settings.metric == metric]
        if not found:
            known = ", ".join(sorted({rule.settings.metric for rule in rules})) or "none"
            raise ControlError(f'no baseline rule watches "{metric}"; watched: {known}')
        return found


def _device(arguments: dict[str, Any]) -> str:
    return str(arguments.get("device", ""))


def _series(rule: BaselineRule, key: Key, now: WallMs) -> dict[str, Any]:
    picture, recent = rule.picture(key), rule.learner.recent(key)
    return {
        "rule": rule.settings.name,
        "part": part_of(key[1]),
        "unit": unit_of(rule.settings.metric),
        "last": recent[-1][1] if recent else None,
        "usual": _usual(rule.learner.usual(key, now)),
        "bar": rule.learner.bar(key),
        "alerts_in_a_week": rule.alerts.in_a_week(key, now),
        "alerts": [
            {"at": a.at, "value": a.value, "low": a.low, "high": a.high, "told": a.told}
            for a in rule.alerts.of(key)[-_ALERTS:]
        ],
        "hours": [
            [_usual(rule.learner.usual_on(key, hour * 3600.0 + 1800.0, kind)) for kind in (0, 1)]
            for hour in range(24)
        ],
        "png": base64.b64encode(picture).decode() if picture is not None else "",
    }


def _usual(usual: Usual | None) -> dict[str, float] | None:
    if usual is None:
        return None
    return {"expected": usual.expected, "low": usual.low, "high": usual.high, "days": usual.days}
