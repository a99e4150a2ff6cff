"""``camwatch enrol``: ask cameras once, thoroughly, what they can do, and write it to the ledger."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from monitor.cli.common import config_option
from monitor.clock import SystemClock
from monitor.collectors.credentials import CredentialBook
from monitor.collectors.onvif.collector import OnvifSettings
from monitor.config import Config, ConfigError, load
from monitor.model import Device, DeviceId, Reason
from monitor.secrets import SecretError
from monitor.storage.ledger.schema import LedgerTooNew
from monitor.storage.ledger.writer import commit, open_ledger
from monitor.survey.enrol import Enrolled, Enroller, Enrolment

_BATCH = 50
"""Enrolments written at a time: an evening's work is not lost by one Ctrl-C."""

Found = tuple[Device, Enrolment]


@click.command()
@config_option
@click.argument("ids", nargs=-1, metavar="[DEVICE]...")
@click.option("--timeout", default=30.0, show_default=True, help="Seconds for one camera.")
@click.option("--memory", default=512, show_default=True, help="Megabytes that the asking process may take.")
def enrol(path: Path, ids: tuple[str, ...], timeout: float, memory: int) -> None:
    """Ask the cameras named by id (without any: all that have the onvif check) for their capabilities,
    profiles, stream and snapshot addresses and PTZ. Exit status 1 if one of them failed."""
    try:
        config = load(path)
        settings = config.checks.get("onvif")
        onvif = settings if isinstance(settings, OnvifSettings) else OnvifSettings()
        book = CredentialBook(onvif.credentials, onvif.back_off, SystemClock())
        devices = _chosen(config, ids)
        found = asyncio.run(_enrol(config, devices, onvif, book, Enroller(memory, timeout)))
    except (ConfigError, SecretError, LedgerTooNew, OSError, sqlite3.Error) as error:
        raise click.ClickException(str(error)) from None
    show(found, Console())
    raise SystemExit(0 if all(enrolment.ok for _, enrolment in found) else 1)


def _chosen(config: Config, ids: Sequence[str]) -> list[Device]:
    devices = config.inventory.devices
    if not ids:
        return [device for device in devices.values() if "onvif" in device.checks]
    unknown = [id_ for id_ in ids if DeviceId(id_) not in devices]
    if unknown:
        raise click.BadParameter(f"no such device in the inventory: {', '.join(unknown)}")
    return [devices[DeviceId(id_)] for id_ in ids]


async def _enrol(
    config: Config, devices: list[Device], onvif: OnvifSettings, book: CredentialBook, enroller: Enroller
) -> list[Found]:
    found: list[Found] = []
    written = 0
    db = open_ledger(config.daemon.state_dir / "ledger.db")  # the daemon may never have run here
    try:
        with Progress(transient=True) as bars:
            for device in bars.track(devices, description="enrolling"):
                found.append((device, await _one(device, onvif, book, enroller)))
                if len(found) - written >= _BATCH or len(found) == len(devices):
                    now = SystemClock().now().wall
                    commit(db, [Enrolled(d.id, now, e) for d, e in found[written:] if e.ok])
                    written = len(found)
    finally:
        await enroller.close()
        db.close()
    return found


async def _one(device: Device, onvif: OnvifSettings, book: CredentialBook, enroller: Enroller) -> Enrolment:
    account = book.for_device(device)
    if account is None:
        return Enrolment(Reason.AUTH, "no credential of [checks.onvif] matches this device")
    try:
        looked_up = await asyncio.get_running_loop().getaddrinfo(
            device.address, None, type=socket.SOCK_STREAM
        )
    except OSError:
        return Enrolment(Reason.RESOLVE, f"{device.address} does not resolve")
    port = device.tags.get("onvif_port", "")
    ip = str(looked_up[0][4][0])
    return await enroller.enrol(ip, int(port) if port.isdigit() else onvif.port, account)


def show(found: Sequence[Found], console: Console) -> None:
    table = Table("device", "address", "result", "model", "firmware", "profiles", "PTZ", "stream", box=None)
    for device, got in found:
        result = Text("ok", "green") if got.ok else Text(f"{got.reason.value}: {got.detail}", "red")
        count, ptz = (str(len(got.profiles)), "yes" if got.ptz else "no") if got.ok else ("", "")
        told = (got.model, got.firmware, count, ptz, got.stream_uri)
        table.add_row(device.id, device.address, result, *(Text(words) for words in told))
    console.print(table)
    console.print(f"{sum(got.ok for _, got in found)} of {len(found)} enrolled")
