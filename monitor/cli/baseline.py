"""``camwatch baseline``: what a rule has learned, and what it would have told."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from monitor.cli.common import ask_daemon, config_option, settings_of, when
from monitor.notifiers.evidence_words import number
from monitor.rules.baseline.alerts import PAGES_A_WEEK
from monitor.rules.baseline.calendar import Holidays, LocalCalendar
from monitor.rules.baseline.replay import Sample, replay
from monitor.rules.baseline.settings import SENSITIVITIES, Direction


@click.group()
def baseline() -> None:
    """Look at what baseline rules have learned, and try one out on history."""


_zone = click.option(
    "--timezone", default="Asia/Shanghai", show_default=True, help="Where the devices stand."
)


@baseline.command()
@click.argument("device")
@click.argument("metric")
@click.option("--hour", type=click.IntRange(0, 23), help="The band of this hour alone.")
@click.option("--png", type=click.Path(path_type=Path), help="Draw the last samples over their band here.")
@click.option("--json", "as_json", is_flag=True, help="Everything, for programs.")
@config_option
def show(path: Path, device: str, metric: str, hour: int | None, png: Path | None, as_json: bool) -> None:
    """What the running daemon takes for usual: METRIC of DEVICE (an id, name or address) by the hour of
    working and rest days, the budget that its alerts have used up, and the last alerts."""
    found = ask_daemon(path, "baseline_show", device=device, metric=metric)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        zone = settings_of(path).zone
        for series in found["series"]:
            _show(found["device"]["name"], metric, series, range(24) if hour is None else (hour,), zone)
        if found["more"]:
            click.echo(f"and {found['more']} more")
    if png is not None:
        png.write_bytes(base64.b64decode(found["series"][0]["png"]))


def _show(name: str, metric: str, series: dict[str, Any], hours: Sequence[int], zone: tzinfo) -> None:
    unit, usual = series["unit"], series["usual"]
    heading = " ".join(part for part in (name, metric, series["part"]) if part)
    click.echo(f"{heading} (rule {series['rule']})")
    if usual is None:
        click.echo("  nothing learned yet")
        return
    last = number(series["last"], unit) if series["last"] is not None else "-"
    click.echo(f"  last {last}, usual now {_band(usual, unit)}, known for {usual['days']} days")
    noisy = "; noisy: in the weekly report, not paged" if series["alerts_in_a_week"] >= PAGES_A_WEEK else ""
    click.echo(f"  bar {series['bar']:.2f}, {series['alerts_in_a_week']} alerts in seven days{noisy}")
    for alert in series["alerts"]:
        told = "" if alert["told"] else "  not told"
        click.echo(f"  alert {when(alert['at'], zone)}  {number(alert['value'], unit)}"
                   f"  ({_band(alert, unit)}){told}")  # fmt: skip
    for hour in hours:
        work, rest = series["hours"][hour]
        if work is not None and rest is not None:
            click.echo(f"  {hour:02}:00  working day {_band(work, unit)}  rest day {_band(rest, unit)}")


def _band(usual: dict[str, Any], unit: str) -> str:
    return f"{number(usual['low'], unit)} … {number(usual['high'], unit)}"


@baseline.command()
@click.argument("device")
@click.argument("metric")
@config_option
def relearn(path: Path, device: str, metric: str) -> None:
    """After a planned change: METRIC of DEVICE is learned anew. The first day is silent; the shape of the day
    is kept. Work entered as [[maintenance]] and a replaced device do the same by themselves."""
    found = ask_daemon(path, "baseline_relearn", device=device, metric=metric)
    click.echo(f"{found['series']} series are learned anew")


@baseline.command("replay")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--sensitivity", type=click.Choice(list(SENSITIVITIES)), default="normal", show_default=True)
@click.option(
    "--direction", type=click.Choice([d.value for d in Direction]), default="both", show_default=True
)
@click.option(
    "--holidays", type=click.Choice([h.value for h in Holidays]), default="china", show_default=True
)
@_zone
def replay_command(file: Path, sensitivity: str, direction: str, holidays: str, timezone: str) -> None:
    """Run FILE (columns: time, value) through a baseline rule: how many alerts would there have been, and
    when. Times are ISO 8601 (without an offset: local) or epoch seconds."""
    zone = ZoneInfo(timezone)
    calendar = LocalCalendar(zone, Holidays(holidays))
    samples, alerts = 0, 0
    for one in replay(_read(file, zone), calendar, Direction(direction).sign, SENSITIVITIES[sensitivity]):
        samples += 1
        if one.odd >= 1.0:
            alerts += 1
            when = datetime.fromtimestamp(one.t, zone).strftime("%Y-%m-%d %H:%M")
            usual = f"{one.usual.low:g} … {one.usual.high:g}" if one.usual is not None else "-"
            click.echo(f"{when}  {one.value:g}  ({usual})")
    click.echo(f"{samples} samples, {alerts} alerts")


def _read(file: Path, zone: ZoneInfo) -> Iterator[Sample]:
    with file.open(newline="", encoding="utf-8-sig") as lines:
        for number, row in enumerate(csv.reader(lines), 1):
            if not row:
                continue
            try:
                yield Sample(_time(row[0].strip(), zone), float(row[1]))
            except (ValueError, IndexError, OverflowError):
                if number > 1:  # the first line may be a heading
                    raise click.ClickException(f"{file}:{number}: not a time and a value") from None


def _time(text: str, zone: ZoneInfo) -> float:
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
