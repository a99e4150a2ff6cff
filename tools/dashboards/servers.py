"""(e) Servers and recorders: processor, memory, disks, temperature."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards import panels
from tools.dashboards.frame import DEVICE, IN_SITE, device_link, frame, variable
from tools.dashboards.query import Target, table
from tools.dashboards.words import Lang, Text

CHOSEN = f'{IN_SITE} AND "kind" =~ /^(server|recorder)$/ AND "device" =~ /^${{server:regex}}$/'
EACH = f'WHERE {CHOSEN} AND $timeFilter GROUP BY time($__interval), "device"'
DISKS = f"""
SELECT last("used_percent") AS "used", last("total_bytes") AS "size" FROM "disk"
WHERE {CHOSEN} AND $timeFilter GROUP BY "device", "path"
"""
RECORDER_DISKS = f"""
SELECT last("ok") AS "ok", last("used_percent") AS "used", last("total_bytes") AS "size" FROM "recorder_disk"
WHERE {CHOSEN} AND time > now() - 15m GROUP BY "device", "disk"
"""
CHANNELS = f"""
SELECT count("channel_on") FROM (SELECT last("online") AS "channel_on" FROM "recorder_channel"
WHERE {CHOSEN} AND time > now() - 15m GROUP BY "device", "channel") WHERE "channel_on" = true GROUP BY "device"
"""


def build(lang: Lang) -> Dashboard:
    board = frame("servers", Text("服务器与录像机", "Servers and recorders"), lang)
    for name in ("area", "site", "server"):
        board.with_variable(variable(name, lang))
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
                ),
                Target(
                    f'SELECT mean("used_percent") FROM "recorder_disk" {EACH}, "disk" fill(none)',
                    f"$tag_device {Text('硬盘', 'disk').to(lang)} $tag_disk",
                ),
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
                "size": Text("容量", "Size").to(lang),
            },
            sort="used",
            descending=True,
            units={"size": "decbytes"},
            percent={"used": panels.LOAD},
            links={"device": (Text("查看设备", "Open device").to(lang), device_link(lang, DEVICE.to(lang)))},
        ),
        panels.table_panel(
            Text("录像机硬盘", "Disks of recorders").to(lang),
            table(RECORDER_DISKS),
            {
                "device": DEVICE.to(lang),
                "disk": Text("硬盘", "Disk").to(lang),
                "ok": Text("正常", "Good").to(lang),
                "used": "%",
                "size": Text("容量", "Size").to(lang),
            },
            sort="ok",
            percent={"used": panels.PLAIN},
            units={"size": "decbytes"},
            mapped={
                "ok": panels.words(
                    lang,
                    ("true", Text("正常", "good"), panels.GREEN),
                    ("false", Text("故障", "failed"), panels.RED),
                )
            },
            links={"device": (Text("查看设备", "Open device").to(lang), device_link(lang, DEVICE.to(lang)))},
        ),
        panels.bars_panel(
            Text("录像通道在线数", "Channels of recorders on line").to(lang),
            Target(CHANNELS, "$tag_device"),
            unit="short",
            steps=panels.PLAIN,
            high=None,
            width=24,
            height=6,
        ),
    ):
        board.with_panel(panel)
    return board
