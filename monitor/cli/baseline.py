"""``camwatch baseline``: what a rule has learned, and what it would have told."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from monitor.rules.baseline.calendar import Holidays, LocalCalendar
from monitor.rules.baseline.learner import Key, Learner
from monitor.rules.baseline.picture import Mark, sparkline
from monitor.rules.baseline.replay import Sample, replay
from monitor.rules.baseline.settings import SENSITIVITIES, Direction
from monitor.rules.baseline.snapshot import load


@click.group()
def baseline() -> None:
    """Look at what baseline rules have learned, and try one out on history."""


_zone = click.option(
    "--timezone", default="Asia/Shanghai", show_default=True, help="Where the devices stand."
)


@baseline.command()
@click.argument("state", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("device")
@click.option("--hour", type=click.IntRange(0, 23), help="Of this hour alone.")
@click.option("--png", type=click.Path(path_type=Path), help="Draw a working day's band into this file.")
@_zone
def show(state: Path, device: str, hour: int | None, png: Path | None, timezone: str) -> None:
    """What is usual for DEVICE, by the rule whose snapshot STATE is: the band by the hour, and the bar that
    its alerts have raised."""
    loaded = load(state)
    for trouble in loaded.troubles:
        click.echo(f"passed over {trouble}", err=True)
    learner = Learner(LocalCalendar(ZoneInfo(timezone)), 300.0)
    if loaded.snapshot is None or not learner.adopt(loaded.snapshot):
        raise click.ClickException(f"{state} holds no baselines of this version")
    keys = [key for key in learner.series() if key[0] == device]
    if not keys:
        raise click.ClickException(f'nothing learned about "{device}"')
    for key in keys:
        _show(learner, key, range(24) if hour is None else (hour,))
    if png is not None:
        day = [learner.usual_on(keys[0], h * 900.0, 0) for h in range(96)]
        png.write_bytes(sparkline([Mark(u.expected, u.low, u.high) for u in day if u is not None]))


def _show(learner: Learner, key: Key, hours: range | tuple[int]) -> None:
    tags = " ".join(f"{name}={value}" for name, value in key[1])
    click.echo(f"{key[0]} {tags}".rstrip() + f": bar {learner.bar(key):.2f}")
    for hour in hours:
        for day_type, name in ((0, "working day"), (1, "rest day")):
            usual = learner.usual_on(key, hour * 3600.0 + 1800.0, day_type)
            if usual is not None:
                band = f"{usual.low:12.6g} … {usual.high:12.6g}"
                click.echo(f"  {hour:02}:00 {name:12} {band}  about {usual.expected:.6g}")


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
