"""``camwatch test-notify RECEIVER``: does a message get through?"""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from monitor.cli.common import config_option
from monitor.clock import SystemClock
from monitor.config import ConfigError, load
from monitor.notifiers.notice import Outcome, SendResult
from monitor.notifiers.settings import open_channel
from monitor.notifiers.test_message import send_test
from monitor.problems import suggest
from monitor.secrets import SecretError


@click.command("test-notify")
@click.argument("receiver")
@config_option
def test_notify(receiver: str, path: Path) -> None:
    """Send a test message to every channel of RECEIVER and say exactly what came back.

    One line a channel. The exit status is 1 unless every channel took the message.
    """
    try:
        config = load(path)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    policy = config.policy
    known = {*policy.receivers, *policy.rosters}
    if receiver not in known:
        hint = suggest(receiver, sorted(known)) or f"there are {', '.join(sorted(known))}"
        raise click.ClickException(f'no receiver is called "{receiver}"; {hint}')
    names = policy.channels([receiver], SystemClock().now().wall)
    try:
        channels = [open_channel(name, config.channels[name]) for name in names]
    except SecretError as error:
        raise click.ClickException(str(error)) from None
    results = asyncio.run(send_test(channels, config.daemon.language, config.daemon.zone, SystemClock()))
    for name, result in results.items():
        click.echo(f"{name}: {_told(result)}")
    if any(result.outcome is not Outcome.DELIVERED for result in results.values()):
        raise SystemExit(1)


def _told(result: SendResult) -> str:
    parts = [result.outcome.value, result.code, result.detail]
    if result.retry_after_s is not None:
        parts.append(f"(asks to wait {result.retry_after_s:.0f} s)")
    return f"{' '.join(part for part in parts if part)} [{result.took_s * 1000:.0f} ms]"
