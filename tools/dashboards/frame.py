"""What all dashboards share: variables, incident annotations, links between them, time, refresh."""

from __future__ import annotations

from collections.abc import Callable

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog import builder
from grafana_foundation_sdk.models import dashboard as model

from tools.dashboards.query import SOURCE
from tools.dashboards.words import Lang, Text

INCIDENTS = (
    'SELECT "title", "place", "severity", "event" FROM "incident" WHERE $timeFilter '
    "AND (\"severity\" = 'major' OR \"severity\" = 'critical')"
)

AREA = Text("区域", "Area")
SITE = Text("点位", "Site")
KIND = Text("类型", "Kind")
DEVICE = Text("设备", "Device")

IN_AREA = '"area" =~ /^${area:regex}$/'
IN_SITE = f'{IN_AREA} AND "site" =~ /^${{site:regex}}$/'
OF_KIND = f'{IN_SITE} AND "kind" =~ /^${{kind:regex}}$/'


def _values(tag: str, where: str = "") -> str:
    return f'SHOW TAG VALUES FROM "device_state" WITH KEY = "{tag}"' + (f" WHERE {where}" if where else "")


VARIABLES = {
    "area": (AREA, _values("area")),
    "site": (SITE, _values("site", IN_AREA)),
    "kind": (KIND, _values("kind")),
    "device": (DEVICE, _values("device", OF_KIND)),
    "switch": (Text("交换机", "Switch"), _values("device", f"{IN_SITE} AND \"kind\" = 'switch'")),
    "server": (
        Text("服务器/录像机", "Server or recorder"),
        _values("device", f'{IN_SITE} AND "kind" =~ /^(server|recorder)$/'),
    ),
}


class _Note(model.AnnotationQuery):
    """An annotation from InfluxQL: the fields that Grafana's influxdb data source adds to the common ones."""

    def to_json(self) -> dict[str, object]:
        ours = {"query": INCIDENTS, "textColumn": "title", "tagsColumn": "severity,event,place"}
        return {**super().to_json(), **ours, "target": {**ours, "rawQuery": True, "fromAnnotations": True}}


class _Incidents(builder.Builder[model.AnnotationQuery]):
    def __init__(self, lang: Lang) -> None:
        self._name = Text("事件", "Incidents").to(lang)

    def build(self) -> model.AnnotationQuery:
        return _Note(name=self._name, datasource=SOURCE, enable=True, icon_color="red")


Build = Callable[[Lang], dashboard.Dashboard]


def uid(name: str, lang: Lang) -> str:
    return f"camwatch-{name}" if lang is Lang.ZH else f"camwatch-{name}-en"


def device_link(lang: Lang, column: str) -> str:
    """From a table's row to the dashboard of its device."""
    return f"/d/{uid('device', lang)}?var-device=${{__data.fields.{column}}}&${{__url_time_range}}"


def area_link(lang: Lang, name: str, column: str) -> str:
    return f"/d/{uid('area', lang)}?var-{name}=${{__data.fields.{column}}}&${{__url_time_range}}"


def at_the_time(link: str, column: str) -> str:
    """The same link, to the hour before and after the time in ``column``."""
    around = f"time=${{__data.fields.{column}.numeric}}&time.window=7200000"
    return link.replace("${__url_time_range}", around)


def variable(name: str, lang: Lang, *, many: bool = True) -> dashboard.QueryVariable:
    label, query = VARIABLES[name]
    built = (
        dashboard.QueryVariable(name)
        .label(label.to(lang))
        .datasource(SOURCE)
        .query(query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )
    if many:
        built.multi(True).include_all(True).all_value(".*")
        built.current(model.VariableOption(selected=True, text="All", value="$__all"))
    return built


def frame(name: str, title: Text, lang: Lang, *, span: str = "now-6h") -> dashboard.Dashboard:
    """An empty dashboard with what all of them have."""
    return (
        dashboard.Dashboard(title.to(lang))
        .uid(uid(name, lang))
        .tags(["camwatch", lang.value])
        .timezone("Asia/Shanghai")
        .time(span, "now")
        .refresh("30s")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .annotation(_Incidents(lang))
        .link(
            dashboard.DashboardLink("Camwatch")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags(["camwatch", lang.value])
            .as_dropdown(False)
            .keep_time(True)
            .include_vars(True)
        )
    )
