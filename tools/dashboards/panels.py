"""Panels as we like them: one function a sort, with the contract's colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, dashboard, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as model

from tools.dashboards.query import SOURCE, Target
from tools.dashboards.words import Lang, Text

GREEN, YELLOW, ORANGE, RED, GREY, BLUE = "green", "yellow", "orange", "red", "#808080", "blue"
P = TypeVar("P", bound=Any)
Steps = Sequence[tuple[float | None, str]]

CONTRACT: Steps = ((None, RED), (96.0, YELLOW), (98.0, GREEN))
"""Camera online rate: below 96 % is a breach."""
KEY_SITES: Steps = ((None, RED), (100.0, GREEN))
NONE_IS_GOOD: Steps = ((None, GREEN), (1.0, RED))
SOME_ARE_USUAL: Steps = ((None, GREEN), (1.0, YELLOW))
"""A fleet of thousands always has a few: red is for a breach."""
LOAD: Steps = ((None, GREEN), (80.0, YELLOW), (90.0, RED))
LOSS: Steps = ((None, GREEN), (1.0, YELLOW), (10.0, RED))
PLAIN: Steps = ((None, BLUE),)

STATES = (
    (0, Text("在线", "up"), GREEN),
    (1, Text("离线", "down"), RED),
    (2, Text("上级离线", "unreachable"), ORANGE),
    (3, Text("未测量", "unknown"), GREY),
)


def thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    found = [model.Threshold(value=value, color=color) for value, color in steps]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(found)


def state_mappings(lang: Lang) -> list[model.ValueMapping]:
    options = {
        str(code): model.ValueMappingResult(text=text.to(lang), color=color, index=code)
        for code, text, color in STATES
    }
    return [model.ValueMap(options=options)]


def words(lang: Lang, *pairs: tuple[str, Text, str]) -> list[model.ValueMapping]:
    """(value in the database, what to show, colour)."""
    options = {
        value: model.ValueMappingResult(text=text.to(lang), color=color, index=n)
        for n, (value, text, color) in enumerate(pairs)
    }
    return [model.ValueMap(options=options)]


def _common(panel: P, title: str, targets: Sequence[Target], width: int, height: int) -> P:
    for letter, target in zip("ABCDEFGH", targets, strict=False):
        target.ref_id = letter
    panel.title(title).datasource(SOURCE).targets(list(targets)).span(width).height(height)
    return panel


def stat_panel(
    title: str,
    target: Target,
    *,
    unit: str = "short",
    steps: Steps = PLAIN,
    decimals: int = 0,
    width: int = 4,
    height: int = 5,
    since: str = "",
    mappings: Sequence[model.ValueMapping] = (),
    text: bool = False,
) -> stat.Panel:
    """One big figure. ``since`` overrides the dashboard's span, as ``now/M``."""
    panel = (
        _common(stat.Panel(), title, [target], width, height)
        .unit(unit)
        .decimals(decimals)
        .thresholds(thresholds(steps))
        .color_mode(shapes.BigValueColorMode.BACKGROUND)
        .graph_mode(shapes.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("/.*/" if text else ""))
        .no_value("–")
    )
    if mappings:
        panel.mappings(list(mappings))
    if since:
        panel.time_from(since)
    return panel


def series_panel(
    title: str,
    targets: Sequence[Target],
    *,
    unit: str = "short",
    steps: Steps | None = None,
    low: float | None = None,
    high: float | None = None,
    width: int = 12,
    height: int = 8,
    bars: bool = False,
    gap: str = "300000",
    band: tuple[str, str] | None = None,
) -> timeseries.Panel:
    """Lines over time; with ``steps`` the thresholds are drawn as lines, and the space between the two series
    named by ``band`` is filled, behind the others."""
    panel = (
        _common(timeseries.Panel(), title, targets, width, height)
        .unit(unit)
        .line_width(1)
        .fill_opacity(60 if bars else 8)
        .draw_style(shapes.GraphDrawStyle.BARS if bars else shapes.GraphDrawStyle.LINE)
        .show_points(shapes.VisibilityMode.NEVER)
        .span_nulls(float(gap))
        .interval("30s")
        .legend(
            common.VizLegendOptions()
            .display_mode(shapes.LegendDisplayMode.TABLE)
            .placement(shapes.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "min", "max"])
        )
        .tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI))
    )
    if band is not None:
        bare = model.DynamicConfigValue(id_val="custom.lineWidth", value=0)
        fill = model.DynamicConfigValue(id_val="custom.fillBelowTo", value=band[0])
        panel.override_by_name(band[0], [bare]).override_by_name(band[1], [bare, fill])
    if low is not None:
        panel.min(low)
    if high is not None:
        panel.max(high)
    if steps is not None:
        panel.thresholds(thresholds(steps)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED)
        )
    return panel


def bars_panel(
    title: str,
    target: Target,
    *,
    unit: str = "percent",
    steps: Steps = CONTRACT,
    low: float = 0,
    high: float | None = 100,
    width: int = 8,
    height: int = 8,
) -> bargauge.Panel:
    """One bar for each series: areas side by side."""
    panel = (
        _common(bargauge.Panel(), title, [target], width, height)
        .unit(unit)
        .decimals(1)
        .min(low)
        .thresholds(thresholds(steps))
        .orientation(shapes.VizOrientation.HORIZONTAL)
        .display_mode(shapes.BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    return panel if high is None else panel.max(high)


def table_panel(
    title: str,
    target: Target,
    columns: dict[str, str],
    *,
    sort: str,
    descending: bool = False,
    limit: int = 0,
    width: int = 12,
    height: int = 8,
    links: dict[str, tuple[str, str]] | None = None,
    states: Sequence[model.ValueMapping] = (),
    percent: dict[str, Steps] | None = None,
    units: dict[str, str] | None = None,
    mapped: dict[str, list[model.ValueMapping]] | None = None,
    keep_time: bool = False,
) -> tables.Panel:
    """A table of the named columns. ``links``: column → (title, address); ``percent``: coloured rates;
    ``mapped``: what its values are called."""
    shown = dict(columns)
    hidden = {} if keep_time else {"Time": True}
    panel = (
        _common(tables.Panel(), title, [target], width, height)
        .with_transformation(
            model.DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": hidden,
                    "indexByName": {name: n for n, name in enumerate(shown)},
                    "renameByName": shown,
                },
            )
        )
        .with_transformation(
            model.DataTransformerConfig(
                id_val="sortBy", options={"sort": [{"field": shown[sort], "desc": descending}]}
            )
        )
    )
    if limit:
        panel.with_transformation(model.DataTransformerConfig(id_val="limit", options={"limitField": limit}))
    for name, (label, url) in (links or {}).items():
        panel.override_by_name(
            shown[name], [model.DynamicConfigValue(id_val="links", value=[{"title": label, "url": url}])]
        )
    if states:
        panel.override_by_name(
            shown["state"],
            [
                model.DynamicConfigValue(id_val="mappings", value=list(states)),
                model.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-background"}),
            ],
        )
    for name, unit in (units or {}).items():
        panel.override_by_name(shown[name], [model.DynamicConfigValue(id_val="unit", value=unit)])
    for name, found in (mapped or {}).items():
        panel.override_by_name(
            shown[name],
            [
                model.DynamicConfigValue(id_val="mappings", value=found),
                model.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}),
            ],
        )
    for name, steps in (percent or {}).items():
        panel.override_by_name(
            shown[name],
            [
                model.DynamicConfigValue(id_val="unit", value="percent"),
                model.DynamicConfigValue(id_val="decimals", value=1),
                model.DynamicConfigValue(id_val="thresholds", value=thresholds(steps).build()),
                model.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}),
            ],
        )
    return panel


def states_panel(
    title: str, target: Target, lang: Lang, *, width: int = 24, height: int = 6, interval: str = "1m"
) -> statetimeline.Panel:
    """The history of states as coloured bands."""
    return (
        _common(statetimeline.Panel(), title, [target], width, height)
        .mappings(state_mappings(lang))
        .show_value(shapes.VisibilityMode.AUTO)
        .merge_values(True)
        .row_height(0.8)
        .interval(interval)
    )
