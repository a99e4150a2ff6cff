"""(a) The wall: does the contract hold, and if not, where."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards import panels
from tools.dashboards.frame import DEVICE, area_link, device_link, frame
from tools.dashboards.incidents import incidents_panel
from tools.dashboards.query import Target, table
from tools.dashboards.words import Lang, Text

OFFLINE_CAMERAS = """
SELECT "name", "address", "reason", "state" FROM (
  SELECT last("code") AS "state", "name", "address", "reason" FROM "device_state"
  WHERE "kind" = 'camera' AND time > now() - 5m GROUP BY "device", "site", "area"
) WHERE "state" >= 1 AND "state" <= 2 GROUP BY "area", "site", "device"
"""


def build(lang: Lang) -> Dashboard:
    board = frame("wall", Text("大屏：在线率", "Wall: online rate"), lang, span="now/d")
    rate = 'SELECT last("rate") FROM "online_rate" WHERE "scope" = \'{}\' AND time > now() - 5m'
    site, area, reason = Text("点位", "Site"), Text("区域", "Area"), Text("原因", "Reason")
    for panel in (
        panels.stat_panel(
            Text("摄像机在线率", "Camera online rate").to(lang),
            Target(rate.format("all")),
            unit="percent",
            decimals=2,
            steps=panels.CONTRACT,
            width=5,
        ),
        panels.stat_panel(
            Text("重点部位在线率", "Key sites online rate").to(lang),
            Target(rate.format("key_sites")),
            unit="percent",
            decimals=2,
            steps=panels.KEY_SITES,
            width=5,
        ),
        panels.stat_panel(
            Text("本月累计在线率", "Month to date").to(lang),
            Target(
                'SELECT 100 * sum("online") / sum("counted") FROM "online_rate" WHERE "scope" = \'all\' '
                "AND $timeFilter"
            ),
            unit="percent",
            decimals=2,
            steps=panels.CONTRACT,
            width=5,
            since="now/M",
        ),
        panels.stat_panel(
            Text("未恢复事件", "Open incidents").to(lang),
            Target('SELECT last("incidents_open") FROM "camwatch_daemon" WHERE time > now() - 5m'),
            steps=panels.SOME_ARE_USUAL,
            width=3,
        ),
        panels.stat_panel(
            Text("离线摄像机", "Cameras off line").to(lang),
            Target(
                'SELECT last("counted") - last("online") FROM "online_rate" WHERE "scope" = \'all\' '
                "AND time > now() - 5m"
            ),
            steps=panels.SOME_ARE_USUAL,
            width=3,
        ),
        panels.stat_panel(
            Text("未计入", "Not counted").to(lang),
            Target(
                'SELECT last("unmeasured") + last("excluded") FROM "online_rate" WHERE "scope" = \'all\' '
                "AND time > now() - 5m"
            ),
            width=3,
        ),
        panels.bars_panel(
            Text("各区域在线率", "Online rate by area").to(lang),
            Target(
                'SELECT last("rate") FROM "online_rate" WHERE "scope" = \'area\' AND time > now() - 5m '
                'GROUP BY "name"',
                "$tag_name",
            ),
            width=8,
            height=9,
        ),
        panels.series_panel(
            Text("在线率趋势", "Trend of the online rate").to(lang),
            [
                Target(
                    'SELECT mean("rate") FROM "online_rate" WHERE "scope" = \'all\' AND $timeFilter '
                    "GROUP BY time($__interval) fill(none)",
                    Text("全部", "all").to(lang),
                ),
                Target(
                    'SELECT mean("rate") FROM "online_rate" WHERE "scope" = \'key_sites\' AND $timeFilter '
                    "GROUP BY time($__interval) fill(none)",
                    Text("重点部位", "key sites").to(lang),
                ),
            ],
            unit="percent",
            steps=panels.CONTRACT,
            high=100,
            width=16,
            height=9,
        ),
        panels.table_panel(
            Text("最差点位", "Worst sites").to(lang),
            table(
                'SELECT last("rate") AS "rate", last("online") AS "online", last("counted") AS "counted", '
                'last("excluded") AS "excluded" FROM "online_rate" WHERE "scope" = \'site\' AND time > now() - 5m GROUP BY "name"'
            ),
            {
                "name": site.to(lang),
                "rate": "%",
                "online": Text("在线", "Online").to(lang),
                "counted": Text("应计", "Counted").to(lang),
                "excluded": Text("已排除", "Excluded").to(lang),
            },
            sort="rate",
            limit=15,
            width=8,
            height=10,
            percent={"rate": panels.CONTRACT},
            links={"name": (Text("查看点位", "Open site").to(lang), area_link(lang, "site", site.to(lang)))},
        ),
        panels.table_panel(
            Text("离线摄像机清单", "Cameras off line").to(lang),
            table(OFFLINE_CAMERAS),
            {
                "area": area.to(lang),
                "site": site.to(lang),
                "name": Text("名称", "Name").to(lang),
                "address": Text("地址", "Address").to(lang),
                "state": Text("状态", "State").to(lang),
                "reason": reason.to(lang),
                "device": DEVICE.to(lang),
            },
            sort="area",
            width=16,
            height=10,
            states=panels.state_mappings(lang),
            links={
                "device": (Text("查看设备", "Open device").to(lang), device_link(lang, DEVICE.to(lang))),
                "area": (Text("查看区域", "Open area").to(lang), area_link(lang, "area", area.to(lang))),
            },
        ),
        incidents_panel(lang),
    ):
        board.with_panel(panel)
    return board
