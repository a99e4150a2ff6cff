"""``camwatch probe``: a close look at one device."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor.model import Reason
from monitor.survey.diagnose import PORTS, Diagnosis, Probe, diagnose


@click.command()
@click.argument("host")
@click.option("--port", "ports", multiple=True, type=click.IntRange(1, 65535), help="Instead of 554 and 80.")
@click.option("--echoes", default=3, show_default=True, type=click.IntRange(1, 100))
@click.option("--timeout", default=1.0, show_default=True, help="Seconds for each attempt.")
@click.option("--snmp", "by_snmp", is_flag=True, help="What its SNMP agent yields: see camwatch snmp probe.")
@click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="With --snmp: HOST is a device of this configuration, asked as the daemon asks it.",
)
@click.pass_context
def probe(
    context: click.Context,
    host: str,
    ports: tuple[int, ...],
    echoes: int,
    timeout: float,
    by_snmp: bool,
    path: Path | None,
) -> None:
    """Look at HOST closely: does it resolve, answer echoes, take connections? Exit status 1 if not."""
    if by_snmp:
        from monitor.cli.snmp import probe_command

        context.invoke(probe_command, host=host, path=path)
        return
    found = asyncio.run(diagnose(host, ports or PORTS, echoes, timeout))
    show(found, Console())
    raise SystemExit(0 if found.verdict is Reason.OK else 1)


def show(found: Diagnosis, console: Console) -> None:
    where = f"{found.host} ({found.ip})" if found.ip and found.ip != found.host else found.host
    if found.verdict is Reason.OK:
        console.print(Text(f"{where} answers", style="bold green"))
    elif found.verdict.ours:
        console.print(Text(f"{where} could not be probed: the fault is on this side", style="bold yellow"))
    else:
        console.print(Text(f"{where} does not answer", style="bold red"))
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("name", _told(found.resolve))
    for number, echo in enumerate(found.echoes, start=1):
        table.add_row(f"echo {number}", _told(echo))
    for port in found.ports:
        table.add_row(f"port {port.port}", _told(port.probe))
    console.print(table)


def _told(probe: Probe) -> Text:
    took = f"{probe.took_ms:.2f} ms" if probe.took_ms is not None else ""
    words = " ".join(part for part in (probe.reason.value, took, probe.detail) if part)
    return Text(words, style="green" if probe.reason is Reason.OK else "red")
