"""(c) One device: does it answer, how well, and what does it say of itself."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards import panels
from tools.dashboards.frame import frame, variable
from tools.dashboards.incidents import incidents_panel
from tools.dashboards.query import Target, table
from tools.dashboards.words import Lang, Text

THIS = "\"device\" = '${device}'"
EACH = f"WHERE {THIS} AND $timeFilter GROUP BY time($__interval)"
PORTS = f"""
SELECT last("ifOperStatus") AS "status", last("speed_bps") AS "speed", last("in_bps") AS "in",
last("out_bps") AS "out", last("in_errors_per_s") AS "errors" FROM "interface"
WHERE {THIS} AND time > now() - 15m GROUP BY "ifIndex", "ifDescr"
"""


USUAL = (("low", Text("通常下限", "usual from")), ("high", Text("通常上限", "usual to")))


def usual(metric: str, lang: Lang, *, parts: bool = False) -> list[Target]:
    """The band that a baseline rule has learned; nothing where no rule watches the metric."""
    band = f"WHERE {THIS} AND \"metric\" = '{metric}' AND $timeFilter GROUP BY time($__interval)"
    band += ', "part"' if parts else ""
    return [
        Target(
            f'SELECT mean("{edge}") FROM "baseline" {band} fill(none)',
            f"$tag_part {text.to(lang)}" if parts else text.to(lang),
        )
        for edge, text in USUAL
    ]


def mean(measurement: str, field: str) -> str:
    return f'SELECT mean("{field}") FROM "{measurement}" {EACH} fill(none)'


def build(lang: Lang) -> Dashboard:
    board = frame("device", Text("设备", "Device"), lang)
    for name in ("area", "site", "kind"):
        board.with_variable(variable(name, lang))
    board.with_variable(variable("device", lang, many=False))
    now = f'FROM "device_state" WHERE {THIS} AND time > now() - 5m'
    for panel in (
        panels.stat_panel(
            Text("状态", "State").to(lang),
            Target(f'SELECT last("code") {now}'),
            mappings=panels.state_mappings(lang),
            width=4,
        ),
        panels.stat_panel(
            Text("名称", "Name").to(lang), table(f'SELECT last("name") AS "name" {now}'), width=8, text=True
        ),
        panels.stat_panel(
            Text("地址", "Address").to(lang),
            table(f'SELECT last("address") AS "address" {now}'),
            width=4,
            text=True,
        ),
        panels.stat_panel(
            Text("时段内在线比例", "Time up in this span").to(lang),
            Target(f'SELECT 100 * mean("up") FROM "device_state" WHERE {THIS} AND $timeFilter'),
            unit="percent",
            decimals=2,
            steps=panels.CONTRACT,
            width=4,
        ),
        panels.stat_panel(
            Text("丢包", "Loss").to(lang),
            Target(f'SELECT mean("percent_packet_loss") FROM "ping" WHERE {THIS} AND $timeFilter'),
            unit="percent",
            decimals=2,
            steps=panels.LOSS,
            width=4,
        ),
        panels.states_panel(
            Text("状态历史", "History of states").to(lang),
            Target(
                f'SELECT last("code") FROM "device_state" {EACH} fill(none)', Text("状态", "state").to(lang)
            ),
            lang,
            height=4,
        ),
        panels.series_panel(
            Text("往返时延", "Round trip").to(lang),
            [
                Target(mean("ping", f"{which}_response_ms"), text.to(lang))
                for which, text in (
                    ("average", Text("平均", "mean")),
                    ("minimum", Text("最小", "min")),
                    ("maximum", Text("最大", "max")),
                )
            ]
            + usual("ping.average_response_ms", lang),
            band=(USUAL[0][1].to(lang), USUAL[1][1].to(lang)),
            unit="ms",
            low=0,
        ),
        panels.series_panel(
            Text("丢包", "Loss").to(lang),
            [Target(mean("ping", "percent_packet_loss"), Text("丢包", "loss").to(lang))],
            unit="percent",
            steps=panels.LOSS,
            low=0,
            high=100,
            bars=True,
        ),
        panels.series_panel(
            Text("端口流量", "Port traffic").to(lang),
            [
                Target(
                    f'SELECT mean("in_bps") FROM "interface" {EACH}, "ifDescr" fill(none)',
                    f"$tag_ifDescr {Text('入', 'in').to(lang)}",
                ),
                Target(
                    f'SELECT -1 * mean("out_bps") FROM "interface" {EACH}, "ifDescr" fill(none)',
                    f"$tag_ifDescr {Text('出', 'out').to(lang)}",
                ),
                *usual("interface.in_bps", lang, parts=True),
            ],
            unit="bps",
        ),
        panels.table_panel(
            Text("端口", "Ports").to(lang),
            table(PORTS),
            {
                "ifIndex": "#",
                "ifDescr": Text("端口", "Port").to(lang),
                "status": Text("状态", "Status").to(lang),
                "speed": Text("速率", "Speed").to(lang),
                "in": Text("入", "In").to(lang),
                "out": Text("出", "Out").to(lang),
                "errors": Text("错误/s", "Errors/s").to(lang),
            },
            sort="ifIndex",
            units={"speed": "bps", "in": "bps", "out": "bps"},
            mapped={
                "status": panels.words(
                    lang,
                    ("1", Text("连通", "up"), panels.GREEN),
                    ("2", Text("断开", "down"), panels.RED),
                    ("6", Text("无模块", "not present"), panels.GREY),
                    ("7", Text("下层断开", "lower layer down"), panels.ORANGE),
                )
            },
        ),
        panels.series_panel(
            Text("CPU 与内存", "CPU and memory").to(lang),
            [
                Target(mean("cpu", "used_percent"), "CPU"),
                Target(mean("board", "cpu_used_percent"), Text("板卡 CPU", "CPU of the board").to(lang)),
                Target(mean("mem", "used_percent"), Text("内存", "memory").to(lang)),
            ],
            unit="percent",
            steps=panels.LOAD,
            low=0,
            high=100,
        ),
        panels.series_panel(
            Text("视频", "Video").to(lang),
            [Target(mean("rtsp", "bit_rate_bps"), Text("码率", "bit rate").to(lang))],
            unit="bps",
            low=0,
        ),
        panels.series_panel(
            Text("首个关键帧", "First key frame").to(lang),
            [
                Target(mean("rtsp", "first_key_frame_ms"), Text("关键帧", "key frame").to(lang)),
                Target(mean("onvif", "response_ms"), "ONVIF"),
                Target(mean("tcp", "response_ms"), "TCP"),
            ],
            unit="ms",
            low=0,
        ),
        panels.series_panel(
            Text("时钟偏差", "Clock drift").to(lang),
            [Target(mean("onvif", "clock_drift_s"), Text("偏差", "drift").to(lang))],
            unit="s",
        ),
        incidents_panel(lang, THIS),
    ):
        board.with_panel(panel)
    return board
