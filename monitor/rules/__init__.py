"""Rules: the registry. A new sort of rule is one file beside this one and one line below."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from monitor.rules.base import Rule

RULES = {
    "baseline": "monitor.rules.baseline.rule:BaselineRule",
    "fault": "monitor.rules.fault:FaultRule",
    "forecast": "monitor.rules.forecast:ForecastRule",
    "month_forecast": "monitor.rules.month_forecast:MonthForecastRule",
    "online_rate": "monitor.rules.online_rate:OnlineRateRule",
    "power_cut": "monitor.rules.power_cut:PowerCutRule",
    "threshold": "monitor.rules.threshold:ThresholdRule",
}


def rule_class(type_: str) -> type[Rule]:
    """The class of the rules of that type; imported only when a rule uses it."""
    module, _, name = RULES[type_].partition(":")
    return cast("type[Rule]", getattr(import_module(module), name))
