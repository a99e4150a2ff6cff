"""(f) Camwatch itself: is it keeping up, and is anything lost."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards import panels
from tools.dashboards.frame import frame
from tools.dashboards.query import Target
from tools.dashboards.words import Lang, Text

OVER = "WHERE $timeFilter GROUP BY time($__interval)"


def build(lang: Lang) -> Dashboard:
    board = frame("daemon", Text("监控系统自身", "Camwatch itself"), lang)

    def now(title: Text, field: str, measurement: str, **more: object) -> object:
        query = f'SELECT last("{field}") FROM "{measurement}" WHERE time > now() - 5m'
        return panels.stat_panel(title.to(lang), Target(query), **more)  # type: ignore[arg-type]  # as given

    def rate(field: str) -> str:
        return f'SELECT non_negative_derivative(last("{field}"), 1s) FROM "camwatch_sink" {OVER} fill(none)'

    def lost(field: str, measurement: str) -> str:
        return f'SELECT non_negative_difference(last("{field}")) FROM "{measurement}" {OVER} fill(none)'

    for panel in (
        now(
            Text("事件循环延迟", "Loop lag"),
            "loop_lag_ms",
            "camwatch_daemon",
            unit="ms",
            decimals=1,
            steps=((None, panels.GREEN), (50.0, panels.YELLOW), (500.0, panels.RED)),
        ),
        now(Text("待发消息", "Messages waiting"), "outbox_waiting", "camwatch_daemon"),
        now(Text("缓存点数", "Points in the spool"), "spool_points", "camwatch_sink"),
        now(Text("丢失点数", "Points lost"), "dropped", "camwatch_sink", steps=panels.NONE_IS_GOOD),
        now(Text("死信", "Dead letters"), "dead", "camwatch_sink", steps=panels.NONE_IS_GOOD),
        now(Text("任务异常", "Task failures"), "task_failures", "camwatch_daemon", steps=panels.NONE_IS_GOOD),
        panels.series_panel(
            Text("事件循环延迟", "Loop lag").to(lang),
            [Target(f'SELECT max("loop_lag_ms") FROM "camwatch_daemon" {OVER} fill(none)', "ms")],
            unit="ms",
            low=0,
        ),
        panels.series_panel(
            Text("检测轮次用时", "Duration of rounds").to(lang),
            [
                Target(
                    f'SELECT max("round_max_s") FROM "camwatch_check" {OVER}, "check" fill(none)',
                    "$tag_check",
                )
            ],
            unit="s",
            low=0,
        ),
        panels.series_panel(
            Text("超时轮次", "Rounds overrun").to(lang),
            [
                Target(
                    'SELECT non_negative_difference(last("overruns")) FROM "camwatch_check" '
                    f'{OVER}, "check" fill(none)',
                    "$tag_check",
                )
            ],
            low=0,
            bars=True,
        ),
        panels.series_panel(
            Text("写入速率", "Points written").to(lang),
            [
                Target(
                    rate("written"),
                    Text("写入/秒", "written/s").to(lang),
                ),
                Target(
                    rate("received"),
                    Text("接收/秒", "received/s").to(lang),
                ),
            ],
            unit="cps",
            low=0,
        ),
        panels.series_panel(
            Text("缓存", "Spool").to(lang),
            [
                Target(
                    f'SELECT max("spool_bytes") FROM "camwatch_sink" {OVER} fill(none)',
                    Text("字节", "bytes").to(lang),
                )
            ],
            unit="bytes",
            low=0,
        ),
        panels.series_panel(
            Text("入库延迟", "Lag of the live data").to(lang),
            [Target(f'SELECT max("lag_s") FROM "camwatch_sink" {OVER} fill(none)', "s")],
            unit="s",
            low=0,
        ),
        panels.series_panel(
            Text("丢失与拒收", "Lost and refused").to(lang),
            [
                Target(lost(field, "camwatch_sink"), text.to(lang))
                for field, text in (
                    ("dropped", Text("丢失", "lost")),
                    ("dead", Text("死信", "dead letters")),
                    ("bad_values", Text("无效值", "bad values")),
                    ("post_failures", Text("重试", "retries")),
                )
            ],
            low=0,
            bars=True,
        ),
        panels.series_panel(
            Text("各通道消息", "Messages by channel").to(lang),
            [
                Target(
                    'SELECT non_negative_difference(last("delivered")) FROM "camwatch_channel" '
                    f'{OVER}, "channel" fill(none)',
                    f"$tag_channel {Text('送达', 'delivered').to(lang)}",
                ),
                Target(
                    'SELECT non_negative_difference(last("failures")) FROM "camwatch_channel" '
                    f'{OVER}, "channel" fill(none)',
                    f"$tag_channel {Text('失败', 'failed').to(lang)}",
                ),
            ],
            low=0,
            bars=True,
        ),
        panels.series_panel(
            Text("台账", "Ledger").to(lang),
            [
                Target(
                    f'SELECT max("ledger_waiting") FROM "camwatch_daemon" {OVER} fill(none)',
                    Text("待写", "waiting").to(lang),
                ),
                Target(lost("ledger_dropped", "camwatch_daemon"), Text("丢失", "lost").to(lang)),
            ],
            low=0,
        ),
    ):
        board.with_panel(panel)  # type: ignore[arg-type]  # all of them are panels
    return board
