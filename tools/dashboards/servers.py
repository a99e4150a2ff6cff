"""(e) Servers and recorders: processor, memory, disks, temperature."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards import panels
from tools.dashboards.frame import DEVICE, device_link, frame, variable
from tools.dashboards.query import Target, table
from tools.dashboards.words import Lang, Text

CHOSEN = '"kind" =~ /^(server|recorder)$/ AND "device" =~ /^${server:regex}$/'
EACH = f'WHERE {CHOSEN} AND $timeFilter GROUP BY time($__interval), "device"'
DISKS = f"""
SELECT last("used_percent") AS "used", last("total_bytes") AS "size" FROM "disk"
WHERE {CHOSEN} AND $timeFilter GROUP BY "device", "path"
"""


def build(lang: Lang) -> Dashboard:
    board = frame("servers", Text("服务器与录像机", "Servers and recorders"), lang)
    board.with_variable(variable("server", lang))
    load = {"unit": "percent", "steps": panels.LOAD, "low": 0.0, "high": 100.0}
    for panel in (
        panels.states_panel(
            Text("状态", "States").to(lang),
            Target(f'SELECT last("code") FROM "device_state" {EACH} fill(none)', "$tag_device"),
            lang,
        ),
        panels.series_panel(
            "CPU",
            [Target(f'SELECT mean("used_percent") FROM "cpu" {EACH} fill(none)', "$tag_device")],
            **load,
        ),
        panels.series_panel(
            Text("内存", "Memory").to(lang),
            [Target(f'SELECT mean("used_percent") FROM "mem" {EACH} fill(none)', "$tag_device")],
            **load,
        ),
        panels.series_panel(
            Text("磁盘占用", "Disks in use").to(lang),
            [
                Target(
                    f'SELECT mean("used_percent") FROM "disk" {EACH}, "path" fill(none)',
                    "$tag_device $tag_path",
                )
            ],
            **load,
        ),
        panels.series_panel(
            Text("温度", "Temperature").to(lang),
            [
                Target(
                    f'SELECT max("celsius") FROM "temperature" {EACH}, "name" fill(none)',
                    "$tag_device $tag_name",
                )
            ],
            unit="celsius",
            low=0,
        ),
        panels.table_panel(
            Text("磁盘", "Disks").to(lang),
            table(DISKS),
            {
                "device": DEVICE.to(lang),
                "path": Text("磁盘", "Disk").to(lang),
                "used": "%",
                "size": Text("容量（字节）", "Size in bytes").to(lang),
            },
            sort="used",
            descending=True,
            width=24,
            percent={"used": panels.LOAD},
            links={"device": (Text("查看设备", "Open device").to(lang), device_link(lang, DEVICE.to(lang)))},
        ),
    ):
        board.with_panel(panel)
    return board
