"""``camwatch status``: how things stand, from the running daemon."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor.cli.common import ask_daemon, config_option, settings_of, span, when

_NAMED = 15


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Everything, for programs. Times are UTC milliseconds.")
def status(path: Path, as_json: bool) -> None:
    """Online rate in all and by area, devices off line, open incidents, sweeps, outbox."""
    found = ask_daemon(path, "status")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    show(found, settings_of(path).zone, Console())


def show(found: dict[str, Any], zone: ZoneInfo, console: Console) -> None:
    cameras = found["cameras"]
    console.print(
        Text.assemble(
            "Cameras ", _rate(cameras), f"  ({cameras['online']} of {cameras['counted']} on line",
            f", {cameras['unmeasured']} not measured)" if cameras["unmeasured"] else ")",
            f"   devices {found['devices']}, off line {found['offline']}",
            f"   up {span(found['now'] - found['started'])}",
        )
    )  # fmt: skip
    if found["blind"]:
        console.print("[bold red]Our own uplink is lost: nothing is measured.[/]")
    for part in ("ledger", "sink"):
        if found[part]["trouble"]:
            console.print(f"[bold red]{part}:[/] {found[part]['trouble']}", highlight=False)
    console.print(_areas(found))
    if found["down"]:
        console.print(_down(found, zone))
    if found["incidents"]:
        console.print(incident_table(found["incidents"], found["now"], zone))
    if found["failure_signs"]["likely"]:
        console.print(_likely(found["failure_signs"]))
    console.print(_checks(found))
    if found["outbox"]:
        console.print(_outbox(found))
    if found["traps"]:
        _traps(found["traps"], console)


def _traps(traps: dict[str, Any], console: Console) -> None:
    refused = sum(count for what, count in traps.items() if what.startswith("refused_"))
    console.print(
        f"\n[bold]Traps[/] {traps['believed']} taken, {refused} refused, "
        f"{traps['over_limit']} over the limit, {traps['unknown_sender']} of unknown senders",
        highlight=False,
    )
    for sender in traps["unknown_senders"][:5]:
        console.print(f"  unknown sender {sender['address']}: {sender['count']}", highlight=False)


def _rate(tally: dict[str, int]) -> Text:
    if not tally["counted"]:
        return Text("–", style="dim")
    rate = tally["online"] * 10000 // tally["counted"]
    # Rounded down: 95.996 % must not read as 96.00 %.
    style = "bold green" if rate >= 9600 else "bold red"
    return Text(f"{rate // 100}.{rate % 100:02d} %", style=style)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column)
    return table


def _areas(found: dict[str, Any]) -> Table:
    table = _table("\nAreas", "area", "rate", "on line", "counted", "excluded")
    for area in sorted(found["areas"], key=lambda a: a["online"] / max(1, a["counted"])):
        table.add_row(
            area["area"] or "–",
            _rate(area),
            str(area["online"]),
            str(area["counted"]),
            str(area["excluded"] or ""),
        )
    return table


def _down(found: dict[str, Any], zone: ZoneInfo) -> Table:
    table = _table(f"\nOff line: {found['offline']}", "name", "site", "address", "state", "since", "reason")
    for device in found["down"][:_NAMED]:
        name = Text(device["name"], style="bold" if device["key_site"] else "")
        since = f"{when(device['since'], zone)} ({span(found['now'] - device['since'])})"
        words = device["detail"] or device["reason"]
        table.add_row(name, device["site"], device["address"], device["state"], since, Text(words))
    more = found["offline"] - len(found["down"][:_NAMED])
    if more > 0:
        table.add_row(f"… and {more} more")
    return table


def incident_table(incidents: list[dict[str, Any]], now: int, zone: ZoneInfo) -> Table:
    table = _table("\nIncidents", "id", "severity", "what", "where", "off line", "since", "acknowledged")
    for incident in incidents:
        table.add_row(
            f"#{incident['id']}",
            incident["severity"],
            Text(f"{incident['cause']}: {incident['subject'] or 'whole network'}"),
            Text(incident["place"]),
            str(incident["offline"]),
            f"{when(incident['since'], zone)} ({span(now - incident['since'])})",
            Text(incident["acked_by"]),
        )
    return table


def _likely(found: dict[str, Any]) -> Table:
    record = found["record"]
    judged = record["failed"] + record["held"]
    kept = f"of {judged} such calls {record['failed']} came true" if judged else "no such call judged yet"
    title = f"\nLikely to fail next ({kept}; {record['missed']} failures came without one)"
    table = _table(title, "score", "name", "signs: of late (before)")
    for device in found["likely"]:
        words = "; ".join(
            f"{' '.join([s['sign'], *s['tags'].values()])} {s['recent']:.3g} ({s['before']:.3g})"
            for s in device["signs"]
        )
        table.add_row(str(device["score"]), Text(device["name"]), Text(words))
    return table


def _checks(found: dict[str, Any]) -> Table:
    table = _table("\nChecks", "check", "devices", "every", "round mean/max", "overruns")
    for check in found["checks"]:
        table.add_row(
            check["check"],
            str(check["devices"]),
            f"{check['interval_s']:g} s",
            f"{check['round_mean_s']:.2f} / {check['round_max_s']:.2f} s",
            str(check["overruns"]),
        )
    return table


def _outbox(found: dict[str, Any]) -> Table:
    table = _table("\nOutbox", "channel", "waiting", "delivered", "dead", "")
    for lane in found["outbox"]:
        state = Text("failing: " + lane["last"], style="red") if lane["failing"] else Text("")
        table.add_row(lane["channel"], str(lane["waiting"]), str(lane["delivered"]), str(lane["dead"]), state)
    return table
