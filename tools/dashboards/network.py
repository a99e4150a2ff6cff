"""(d) The network: switches, ports, errors, power over Ethernet."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards import panels
from tools.dashboards.frame import DEVICE, IN_SITE, device_link, frame, variable
from tools.dashboards.query import Target, table
from tools.dashboards.words import Lang, Text

CHOSEN = f'{IN_SITE} AND "kind" = \'switch\' AND "device" =~ /^${{switch:regex}}$/'
BY_SWITCH = f'WHERE {CHOSEN} AND $timeFilter GROUP BY time($__interval), "device" fill(none)'
TOP = f"""
SELECT mean("in_utilisation_percent") AS "in_percent", mean("out_utilisation_percent") AS "out_percent",
mean("in_bps") AS "in", mean("out_bps") AS "out",
mean("in_errors_per_s") AS "errors", mean("out_discards_per_s") AS "discards" FROM "interface"
WHERE {CHOSEN} AND $timeFilter GROUP BY "device", "ifDescr"
"""
LOST = f"""
SELECT "lost" FROM (SELECT last("link_lost") AS "lost" FROM "interface"
WHERE {CHOSEN} AND time > now() - 15m GROUP BY "device", "ifDescr", "ifAlias")
WHERE "lost" = true GROUP BY "device", "ifDescr", "ifAlias"
"""


def build(lang: Lang) -> Dashboard:
    board = frame("network", Text("网络：交换机", "Network: switches"), lang)
    for name in ("area", "site", "switch"):
        board.with_variable(variable(name, lang))
    for panel in (
        panels.stat_panel(
            Text("交换机在线率", "Switches on line").to(lang),
            Target(
                'SELECT last("rate") FROM "online_rate" WHERE "scope" = \'kind\' AND "name" = \'switch\' '
                "AND time > now() - 5m"
            ),
            unit="percent",
            decimals=1,
            steps=panels.KEY_SITES,
            width=4,
            height=8,
        ),
        panels.states_panel(
            Text("交换机状态", "States of switches").to(lang),
            Target(f'SELECT last("code") FROM "device_state" {BY_SWITCH}', "$tag_device"),
            lang,
            width=20,
            height=8,
        ),
        panels.series_panel(
            Text("交换机流量（入）", "Traffic received").to(lang),
            [
                Target(
                    f'SELECT sum("in_bps") FROM (SELECT mean("in_bps") AS "in_bps" FROM "interface" WHERE '
                    f'{CHOSEN} AND $timeFilter GROUP BY time($__interval), "device", "ifIndex" fill(none)) '
                    'WHERE $timeFilter GROUP BY time($__interval), "device" fill(none)',
                    "$tag_device",
                )
            ],
            unit="bps",
            low=0,
        ),
        panels.series_panel(
            Text("错误与丢弃", "Errors and discards").to(lang),
            [
                Target(
                    f'SELECT max("in_errors_per_s") FROM "interface" {BY_SWITCH}',
                    f"$tag_device {Text('错误', 'errors').to(lang)}",
                ),
                Target(
                    f'SELECT max("out_discards_per_s") FROM "interface" {BY_SWITCH}',
                    f"$tag_device {Text('丢弃', 'discards').to(lang)}",
                ),
            ],
            unit="cps",
            low=0,
        ),
        panels.table_panel(
            Text("最忙端口", "Busiest ports").to(lang),
            table(TOP),
            {
                "device": DEVICE.to(lang),
                "ifDescr": Text("端口", "Port").to(lang),
                "in_percent": Text("入 %", "In %").to(lang),
                "out_percent": Text("出 %", "Out %").to(lang),
                "in": Text("入", "In").to(lang),
                "out": Text("出", "Out").to(lang),
                "errors": Text("错误/s", "Errors/s").to(lang),
                "discards": Text("丢弃/s", "Discards/s").to(lang),
            },
            sort="in_percent",
            descending=True,
            limit=20,
            height=9,
            percent={"in_percent": panels.LOAD, "out_percent": panels.LOAD},
            units={"in": "bps", "out": "bps"},
            links={"device": (Text("查看设备", "Open device").to(lang), device_link(lang, DEVICE.to(lang)))},
        ),
        panels.series_panel(
            Text("PoE 功率", "PoE power").to(lang),
            [
                Target(f'SELECT sum("used_watts") FROM "poe" {BY_SWITCH}', "$tag_device"),
                Target(  # what ports tell, where the switch tells no sum
                    f'SELECT sum("watts") FROM (SELECT mean("watts") AS "watts" FROM "poe_port" WHERE '
                    f'{CHOSEN} AND $timeFilter GROUP BY time($__interval), "device", "port" fill(none)) '
                    'WHERE $timeFilter GROUP BY time($__interval), "device" fill(none)',
                    f"$tag_device {Text('各端口', 'ports').to(lang)}",
                ),
            ],
            unit="watt",
            low=0,
            height=9,
        ),
        panels.series_panel(
            Text("交换机 CPU", "CPU of switches").to(lang),
            [
                Target(f'SELECT mean("used_percent") FROM "cpu" {BY_SWITCH}', "$tag_device"),
                Target(f'SELECT max("cpu_used_percent") FROM "board" {BY_SWITCH}', "$tag_device"),
            ],
            unit="percent",
            steps=panels.LOAD,
            low=0,
            high=100,
        ),
        panels.series_panel(
            Text("交换机温度", "Temperature of switches").to(lang),
            [Target(f'SELECT max("celsius") FROM "temperature" {BY_SWITCH}', "$tag_device")],
            unit="celsius",
            low=0,
        ),
        panels.table_panel(
            Text("断开的端口", "Ports that lost their link").to(lang),
            table(LOST),
            {
                "device": DEVICE.to(lang),
                "ifDescr": Text("端口", "Port").to(lang),
                "ifAlias": Text("端口描述", "Alias").to(lang),
                "lost": Text("断开", "Lost").to(lang),
            },
            sort="device",
            width=24,
            height=7,
            mapped={
                "lost": panels.words(lang, ("true", Text("断开", "lost"), panels.RED)),
            },
            links={"device": (Text("查看设备", "Open device").to(lang), device_link(lang, DEVICE.to(lang)))},
        ),
    ):
        board.with_panel(panel)
    return board
