"""(b) Down into areas and sites: which devices, since when, how well they answer."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards import panels
from tools.dashboards.frame import DEVICE, IN_SITE, OF_KIND, SITE, device_link, frame, variable
from tools.dashboards.incidents import incidents_panel
from tools.dashboards.query import Target, table
from tools.dashboards.words import Lang, Text

CHOSEN = OF_KIND
DEVICES = f"""
SELECT last("code") AS "state", last("name") AS "name", last("address") AS "address",
last("reason") AS "reason" FROM "device_state" WHERE {CHOSEN} AND time > now() - 5m
GROUP BY "area", "site", "kind", "device"
"""


def build(lang: Lang) -> Dashboard:
    board = frame("area", Text("区域与点位", "Areas and sites"), lang)
    for name in ("area", "site", "kind"):
        board.with_variable(variable(name, lang))
    rates = 'FROM "online_rate" WHERE "scope" = \'{0}\' AND "name" =~ /^${{{0}:regex}}$/ AND {1}'
    lately = "time > now() - 5m"
    for panel in (
        panels.series_panel(
            Text("区域在线率", "Online rate of the areas").to(lang),
            [
                Target(
                    f'SELECT mean("rate") {rates.format("area", "$timeFilter")} '
                    'GROUP BY time($__interval), "name" fill(none)',
                    "$tag_name",
                )
            ],
            unit="percent",
            steps=panels.CONTRACT,
            high=100,
        ),
        panels.series_panel(
            Text("点位在线率", "Online rate of the sites").to(lang),
            [
                Target(
                    f'SELECT mean("rate") {rates.format("site", "$timeFilter")} '
                    'GROUP BY time($__interval), "name" fill(none)',
                    "$tag_name",
                )
            ],
            unit="percent",
            steps=panels.CONTRACT,
            high=100,
        ),
        panels.bars_panel(
            Text("点位现状", "Sites now").to(lang),
            Target(f'SELECT last("rate") {rates.format("site", lately)} GROUP BY "name"', "$tag_name"),
        ),
        panels.series_panel(
            Text("各状态设备数", "Devices by state").to(lang),
            [
                Target(
                    f'SELECT count("code") FROM "device_state" WHERE {CHOSEN} AND "code" = {code} '
                    "AND $timeFilter GROUP BY time(1m) fill(none)",
                    text.to(lang),
                )
                for code, text, _ in panels.STATES
            ],
            low=0,
            width=16,
        ),
        panels.table_panel(
            Text("设备", "Devices").to(lang),
            table(DEVICES),
            {
                "state": Text("状态", "State").to(lang),
                "site": SITE.to(lang),
                "name": Text("名称", "Name").to(lang),
                "address": Text("地址", "Address").to(lang),
                "kind": Text("类型", "Kind").to(lang),
                "reason": Text("原因", "Reason").to(lang),
                "device": DEVICE.to(lang),
            },
            sort="state",
            descending=True,
            width=24,
            height=10,
            states=panels.state_mappings(lang),
            links={"device": (Text("查看设备", "Open device").to(lang), device_link(lang, DEVICE.to(lang)))},
        ),
        panels.series_panel(
            Text("往返时延（各点位）", "Round trip by site").to(lang),
            [
                Target(
                    f'SELECT mean("average_response_ms") FROM "ping" WHERE {CHOSEN} AND $timeFilter '
                    'GROUP BY time($__interval), "site" fill(none)',
                    "$tag_site",
                )
            ],
            unit="ms",
            low=0,
        ),
        panels.series_panel(
            Text("丢包（各点位）", "Loss by site").to(lang),
            [
                Target(
                    f'SELECT mean("percent_packet_loss") FROM "ping" WHERE {CHOSEN} AND $timeFilter '
                    'GROUP BY time($__interval), "site" fill(none)',
                    "$tag_site",
                )
            ],
            unit="percent",
            steps=panels.LOSS,
            low=0,
            high=100,
        ),
        panels.states_panel(
            Text("异常历史（仅列出曾经异常的设备）", "Devices that were not up, and when").to(lang),
            Target(  # a null ends a band; states are written once a minute, so two always hold one
                f'SELECT last("code") FROM "device_state" WHERE {CHOSEN} AND "code" > 0 AND $timeFilter '
                'GROUP BY time($__interval), "device" fill(null)',
                "$tag_device",
            ),
            lang,
            height=12,
            interval="2m",
        ),
        incidents_panel(lang, IN_SITE),
    ):
        board.with_panel(panel)
    return board
