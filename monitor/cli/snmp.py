"""``camwatch snmp``: walk an agent, and see what its profile yields."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor.cli.ports import ports
from monitor.collectors.snmp import ber, profiles, usm
from monitor.collectors.snmp.collector import PROFILE_TAG, SnmpSettings
from monitor.collectors.snmp.credentials import Credentials, CredentialSection
from monitor.collectors.snmp.look import Look, look, shown, walk
from monitor.collectors.snmp.messages import Community, SnmpError, Version
from monitor.collectors.snmp.profiles import ProfileError
from monitor.config import ConfigError, load
from monitor.model import Device, DeviceId, Kind
from monitor.resolve import system_lookup
from monitor.secrets import Secret, SecretError
from monitor.simulate.snmprec import dump

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

_OPTIONS = (
    click.option("--port", default=161, show_default=True, type=click.IntRange(1, 65535)),
    click.option("--timeout", default=2.0, show_default=True, help="Seconds for the first attempt."),
    click.option("--version", "-v", "version", default="2c", type=click.Choice(["1", "2c", "3"])),
    click.option(
        "--community-env", metavar="NAME", help='The variable that holds the community; default: "public".'
    ),
    click.option("--user", help="v3: the user's name."),
    click.option("--auth", help="v3: md5, sha1, sha224, sha256, sha384 or sha512."),
    click.option("--auth-pass-env", metavar="NAME", help="v3: the variable that holds the pass phrase."),
    click.option("--priv", help="v3: des, aes128, aes192, aes256, aes192c or aes256c."),
    click.option("--priv-pass-env", metavar="NAME", help="v3: the variable that holds the pass phrase."),
)


def agent_options(command: F) -> F:
    """How to speak to the agent. Secrets are named, not given: a command line is seen by everybody."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group()
def snmp() -> None:
    """Look at SNMP agents by hand."""


snmp.add_command(ports)


@snmp.command("walk")
@click.argument("host")
@click.argument("root", default="1.3.6.1")
@click.option("--record", is_flag=True, help="Print a recording (.snmprec) to make a profile or a test from.")
@click.option("--limit", default=100_000, show_default=True, type=click.IntRange(1), help="Objects at most.")
@agent_options
def walk_command(host: str, root: str, record: bool, limit: int, timeout: float, **options: Any) -> None:
    """Print all that HOST holds under ROOT."""
    try:
        prefix = ber.oid(root)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="ROOT") from error
    port, session = session_of(options)
    bindings = _run(lambda ip: walk(ip, port, session, prefix, timeout, limit), host)
    for binding in bindings:
        click.echo(dump(binding.name, binding.tag, binding.raw) if record else shown(binding))
    if not bindings:
        raise click.ClickException(f"{host} holds nothing under {root}")


@snmp.command("probe")
@click.argument("host")
@click.option(
    "--profiles",
    "folders",
    multiple=True,
    default=(profiles.INSTALLED,),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
)
@click.option("--gap", default=5.0, show_default=True, help="Seconds between the two polls that rates need.")
@click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="HOST is a device of this configuration (its id, name or address): asked as the daemon asks it.",
)
@agent_options
def probe_command(
    host: str, folders: tuple[Path, ...], gap: float, timeout: float, path: Path | None, **options: Any
) -> None:
    """Print which profile HOST gets and what it yields."""
    override = ""
    if path is not None:
        device, found, folders = _as_configured(path, host)
        host, override = device.address, device.tags.get(PROFILE_TAG, "")
    else:
        found = session_of(options)
    for folder in folders:
        if not profiles.folder_of(folder).is_dir():
            raise click.BadParameter(f"there is no folder {folder}", param_hint="--profiles")
    try:
        known = profiles.load(*folders)
    except ProfileError as error:
        raise click.ClickException(str(error)) from error
    port, session = found
    show(_run(lambda ip: look(ip, port, session, known, gap, timeout, override), host), Console())


def _as_configured(
    path: Path, host: str
) -> tuple[Device, tuple[int, Community | usm.Session], tuple[Path, ...]]:
    """The device of the inventory that is meant, how to speak to it, and the folders of profiles."""
    try:
        config = load(path)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    meant = [d for d in config.inventory.devices.values() if host in (d.id, d.name, d.address)]
    if len(meant) != 1:
        raise click.ClickException(f'{len(meant)} devices of the inventory are called "{host}"')
    settings = config.checks.get("snmp")
    if not isinstance(settings, SnmpSettings):
        raise click.ClickException(f"{path} has no [checks.snmp]")
    session = Credentials(settings.credentials, random.SystemRandom()).session(meant[0])
    if session is None:
        raise click.ClickException(f"no entry of checks.snmp.credentials is for {meant[0].id}")
    return meant[0], session, settings.profiles


def session_of(options: dict[str, Any]) -> tuple[int, Community | usm.Session]:
    """Port and session from the options that ``agent_options`` adds."""
    entry: dict[str, Any] = {"port": options["port"], "version": options["version"]}
    if options["version"] == "3":
        user = {"user": options["user"] or "", "auth": options["auth"], "priv": options["priv"]}
        for key in ("auth_pass", "priv_pass"):
            if options[f"{key}_env"]:
                user[key] = {"env": options[f"{key}_env"]}
        entry["user"] = user
    elif options["community_env"]:
        entry["community"] = {"env": options["community_env"]}
    else:
        version = Version.V1 if options["version"] == "1" else Version.V2C
        return options["port"], Community(version, Secret("public"))
    try:
        credentials = Credentials([CredentialSection.model_validate(entry)], random.SystemRandom())
    except ValidationError as error:
        first = error.errors()[0]
        raise click.UsageError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except SecretError as error:
        raise click.ClickException(str(error)) from error
    found = credentials.session(Device(DeviceId("probe"), "probe", Kind.SWITCH, ""))
    if found is None:
        raise click.UsageError("no way to speak to the agent was given")
    return found


def _run(ask: Callable[[str], Coroutine[Any, Any, T]], host: str) -> T:
    try:
        return asyncio.run(ask(system_lookup(host)))
    except SnmpError as error:
        raise click.ClickException(f"{host}: {error}") from error
    except OSError as error:
        raise click.ClickException(f"{host}: {error.strerror or error}") from error


def show(found: Look, console: Console) -> None:
    """What ``look`` saw, for a person."""
    console.print(f"{found.object_id or 'no sysObjectID'}: profile {found.profile} ({found.title})")
    if found.poll.trouble:
        console.print(Text(found.poll.trouble, style="yellow"))
    table = Table(box=None, pad_edge=False)
    for heading in ("metric", "value", "tags"):
        table.add_column(heading)
    for reading in found.poll.readings:
        value = f"{reading.value:.6g}" if isinstance(reading.value, float) else str(reading.value)
        table.add_row(
            reading.metric, Text(value), Text(" ".join(f"{tag}={text}" for tag, text in reading.tags))
        )
    console.print(table)
