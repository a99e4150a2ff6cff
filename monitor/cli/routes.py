"""``camwatch routes test``: whom an alert with these labels would go to, by which steps, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from monitor.alerts.labels import known_labels, unknown_labels
from monitor.alerts.policy import Policy
from monitor.alerts.routes import find_route
from monitor.alerts.service import LevelSettings
from monitor.cli.common import config_of, config_option, labels_of, span
from monitor.clock import SystemClock
from monitor.model import WallMs


@click.group()
def routes() -> None:
    """Routes: which alert goes to whom."""


@routes.command()
@config_option
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="LABEL=VALUE",
    help="As the alert would have it: severity=critical, area=城东, rule=..., cause=...",
)
def test(path: Path, labels: tuple[str, ...]) -> None:  # fmt: skip
    """Whom an alert with these labels goes to. Exit status 1 if it leads to nobody."""
    config, now = config_of(path), SystemClock().now().wall
    policy, wanted = config.policy, labels_of(labels)
    for label, hint in unknown_labels(wanted, known_labels(config.rules, config.schema.tags)):
        click.echo(f'warning: no alert has a label "{label}"; {hint}'.rstrip("; "), err=True)
    routing = find_route(policy.routes, wanted)
    if routing is None:
        click.echo("no route takes it: nobody would be told")
        raise SystemExit(1)
    route = routing.route
    click.echo(f"route {routing.index + 1}: grouped by {', '.join(route.group_by) or 'nothing'}")
    click.echo(f"after {_span(route.group_wait)}: {_whom(policy, routing.receivers, now)}")
    click.echo(f"changes: every {_span(route.group_interval)} at most")
    click.echo(f"until acknowledged, again every {_span(route.repeat_interval)}")
    for inhibit in policy.inhibits:
        if inhibit.target.matches(wanted):
            equal = f" of equal {', '.join(inhibit.equal)}" if inhibit.equal else ""
            click.echo(f"held back while an alert{equal} matches {inhibit.source.source}")
    level = next((one for one in policy.levels if one.match.matches(wanted)), None)
    if level is None:
        click.echo("no service level: nothing is escalated")
    else:
        _ladder(level, wanted, policy, now)


def _ladder(level: LevelSettings, labels: Mapping[str, str], policy: Policy, now: WallMs) -> None:
    click.echo(f"level {level.name}: respond in {_span(level.respond)}, repair in {_span(level.repair)}")
    for step in sorted(level.steps, key=lambda s: s.at_ms(level.allowed_s(s.clock))):
        if not step.match.matches(labels):
            continue
        at = span(step.at_ms(level.allowed_s(step.clock)))
        note = f" ({step.note})" if step.note else ""
        despite = ", also when acknowledged" if step.despite_ack else ""
        whom = _whom(policy, step.receivers, now)
        click.echo(f"  at {at} of {step.clock.value} ({step.after}){despite}: {whom}{note}")
    if level.progress is not None:
        click.echo(f"  progress every {_span(level.progress)}: {_whom(policy, level.progress_to, now)}")


def _whom(policy: Policy, receivers: Iterable[str], now: WallMs) -> str:
    found = []
    for name in receivers:
        duty = f" (on duty: {policy.rosters[name].on_duty(now)})" if name in policy.rosters else ""
        found.append(f"{name}{duty} → {', '.join(policy.channels([name], now)) or 'no channel'}")
    return "; ".join(found)


def _span(seconds: float) -> str:
    return span(int(seconds * 1000))
