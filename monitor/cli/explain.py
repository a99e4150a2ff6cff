"""``camwatch explain DEVICE``: why is it in this state, who was told, who will be told next and when?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from monitor.cli.common import ask_daemon, config_option, settings_of, span, when

_RUNGS = {
    "not_measured": "not measured",
    "no_network": "no network",
    "no_service": "network, but no service",
    "wrong_password": "wrong password",
    "busy": "busy: no session to spare",
    "no_video": "service, but no video",
    "wrong_clock": "video, but a wrong clock",
    "sound": "sound, as far as its checks go",
}
"""``ladder.Rung`` in words."""


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="For programs. Times are UTC milliseconds.")
@click.argument("device")
def explain(path: Path, as_json: bool, device: str) -> None:
    """Why DEVICE (an id, a name or an address) is in its state, and what follows from it."""
    found = ask_daemon(path, "explain", device=device)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for line in lines(found, settings_of(path).zone):
        click.echo(line)


def lines(found: dict[str, Any], zone: ZoneInfo) -> Iterator[str]:
    device, now = found["device"], found["now"]
    place = " ".join(part for part in (device["area"], device["site"]) if part)
    yield f"{device['name']} ({device['id']}, {device['kind']}, {device['address']}) {place}"
    since = f" since {when(found['since'], zone)} ({span(now - found['since'])})" if found["since"] else ""
    why = found["detail"] or (found["reason"] if found["reason"] != "ok" else "")
    yield f"state: {found['state']}{since}{f': {why}' if why else ''}{', flapping' * found['flapping']}"
    if found["blind"]:
        yield "our own uplink is lost: nothing is known of any device"
    yield f"stands: {_RUNGS[found['stands']]}"
    yield f"judged by: {', '.join(found['liveness'])} (of {', '.join(found['checks'])})"
    yield f"last answer: {when(found['last_ok'], zone)}" if found["last_ok"] else "last answer: none yet"
    for check in found["failing"]:
        count = f"{check['fails']} failed" if check["fails"] else f"{check['ours']} not measured"
        since = f"{count} since {when(check['since'], zone)}"
        yield f"  {check['check']}: {since}: {check['reason']} {check['detail']}".rstrip()
    for look in found["other_checks"]:
        if look["check"] not in found["liveness"]:
            yield f"  {look['check']}: {_look(look, zone)}"
    if found["clock_drift_s"] is not None:
        yield f"its clock against ours: {found['clock_drift_s']:+.1f} s"
    if found["waits_for_parents"]:
        yield "the verdict waits until its parents have been probed"
    for parent in found["parents"]:
        yield f"parent: {parent['id']} {parent['name']} is {parent['state']}"
    if found["root"]:
        yield f"it cannot be reached because {found['root']} is down"
    yield f"rules that see it: {', '.join(found['rules']) or 'none'}"
    for incident in found["incidents"]:
        yield from _incident(incident, zone)
    if not found["incidents"]:
        yield "no open incident"


def _look(look: dict[str, Any], zone: ZoneInfo) -> str:
    """The latest result of a check that does not decide about on line."""
    if look["ok"]:
        return f"ok at {when(look['at'], zone)}"
    since = f"{look['fails']} failed since {when(look['since'], zone)}"
    return f"{since}: {look['reason']} {look['detail']}".rstrip()


def _incident(incident: dict[str, Any], zone: ZoneInfo) -> Iterator[str]:
    level = f", level {incident['level']}" if incident["level"] else ""
    subject = incident["subject"] or "whole network"
    yield (
        f"incident #{incident['id']}: {incident['severity']} {incident['cause']} {subject},"
        f" opened {when(incident['opened'], zone)}{level}"
    )
    if incident["acked_by"]:
        until = f" until {when(incident['acked_until'], zone)}" if incident["acked_until"] else ""
        yield f"  acknowledged by {incident['acked_by']}{until}"
    if incident["held"]:
        yield f"  held back now: {incident['held']}"
    last = f", last {when(incident['last_told'], zone)}" if incident["last_told"] else ""
    yield f"  told: {', '.join(incident['told']) or 'nobody yet'}{last}"
    for one in incident["coming"]:
        note = f" ({one['note']})" if one["note"] else ""
        whom = f"{', '.join(one['receivers'])} → {', '.join(one['channels']) or 'no channel'}"
        yield f"  next {when(one['at'], zone)} {one['kind']}: {whom}{note}"
