"""The table of incidents, which stands on several dashboards: its rows lead to what was going on then."""

from __future__ import annotations

from grafana_foundation_sdk.builders.table import Panel

from tools.dashboards import panels
from tools.dashboards.frame import AREA, DEVICE, SITE, area_link, at_the_time, device_link
from tools.dashboards.query import table
from tools.dashboards.words import Lang, Text

TIME = Text("时间", "Time")


def incidents_panel(lang: Lang, where: str = "") -> Panel:
    """What was opened and resolved in the dashboard's span, newest first."""
    chosen = f"$timeFilter AND {where}" if where else "$timeFilter"
    site, device, time = SITE.to(lang), DEVICE.to(lang), TIME.to(lang)
    return panels.table_panel(
        Text("事件", "Incidents").to(lang),
        table(
            'SELECT "id", "severity", "event", "subject", "area", "site", "cause", "device" FROM "incident" '
            f"WHERE {chosen} ORDER BY time DESC LIMIT 50"
        ),
        {
            "Time": time,
            "id": Text("编号", "Number").to(lang),
            "severity": Text("级别", "Severity").to(lang),
            "event": Text("变化", "Event").to(lang),
            "subject": Text("对象", "Subject").to(lang),
            "area": AREA.to(lang),
            "site": site,
            "cause": Text("类别", "Cause").to(lang),
            "device": device,
        },
        sort="Time",
        descending=True,
        width=24,
        height=9,
        keep_time=True,
        mapped={
            "severity": panels.words(
                lang,
                ("critical", Text("紧急", "critical"), panels.RED),
                ("major", Text("重要", "major"), panels.ORANGE),
                ("warning", Text("警告", "warning"), panels.YELLOW),
                ("info", Text("提示", "info"), panels.BLUE),
            ),
            "event": panels.words(
                lang,
                ("opened", Text("发生", "opened"), panels.RED),
                ("resolved", Text("恢复", "resolved"), panels.GREEN),
            ),
        },
        links={
            "site": (
                Text("当时的点位", "The site at that time").to(lang),
                at_the_time(area_link(lang, "site", site), time),
            ),
            "device": (
                Text("当时的设备", "The device at that time").to(lang),
                at_the_time(device_link(lang, device), time),
            ),
        },
    )
