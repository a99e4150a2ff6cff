"""``camwatch simulate``: cameras to try the daemon on before it touches a real network."""

from __future__ import annotations

import asyncio
import random
import sys
from contextlib import suppress

import click

from monitor.clock import SystemClock
from monitor.simulate.camera import SimFleet, make_fleet
from monitor.simulate.cameras import CameraServer, Ports
from monitor.simulate.faults import Fault


class _FaultCount(click.ParamType[tuple[Fault, int]]):
    """``NAME`` or ``NAME:COUNT``."""

    name = "fault[:count]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Fault, int]:
        name, _, count = str(value).partition(":")
        try:
            return Fault(name), int(count or 1)
        except ValueError:
            self.fail(f'"{value}": write NAME or NAME:COUNT, with one of {", ".join(Fault)}', param, ctx)


@click.command()
@click.option("--first", default="127.20.0.1", show_default=True, help="Address of the first camera.")
@click.option("--count", default=100, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--http-port", default=8000, show_default=True, help="ONVIF and snapshots; 0 takes any.")
@click.option("--rtsp-port", default=8554, show_default=True, help="0 takes any.")
@click.option("--wsd-port", default=3702, show_default=True, help="WS-Discovery; 0 takes any.")
@click.option("--user", default="admin", show_default=True)
@click.option("--password", default="camwatch-sim", show_default=True, help="Of the simulated cameras only.")
@click.option("--skewed", default=0, help="So many cameras have a clock that is a minute fast.")
@click.option(
    "--fault", "faults", multiple=True, type=_FaultCount(), help="So many cameras misbehave; repeatable."
)
@click.option("--seed", default=1, show_default=True)
def simulate(
    first: str,
    count: int,
    http_port: int,
    rtsp_port: int,
    wsd_port: int,
    user: str,
    password: str,
    skewed: int,
    faults: tuple[tuple[Fault, int], ...],
    seed: int,
) -> None:
    """Answer as many cameras on 127.x.y.z: ONVIF, WS-Discovery, RTSP with real video, snapshots.

    While it runs, a line "ADDRESS FAULT" on standard input changes one camera; "ADDRESS none" heals it.
    """
    try:
        fleet = make_fleet(first, count, user, password, random.Random(seed), skewed)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    _spread(fleet, faults)
    try:
        asyncio.run(_serve(fleet, Ports(http_port, rtsp_port, wsd_port)))
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
    except OSError as error:
        raise click.ClickException(f"a port cannot be opened: {error.strerror}") from error


def _spread(fleet: SimFleet, faults: tuple[tuple[Fault, int], ...]) -> None:
    """Gives the faults to cameras from the last address backwards, so that none gets two."""
    healthy = list(fleet.cameras.values())
    for fault, count in faults:
        for _ in range(count):
            if not healthy:
                raise click.BadParameter("more faults than cameras")
            camera = healthy.pop()
            camera.fault = fault
            click.echo(f"{camera.address} {fault.value}")


async def _serve(fleet: SimFleet, wanted: Ports) -> None:
    server = CameraServer(fleet, SystemClock())
    await server.start(wanted)
    ports = server.ports
    click.echo(
        f"{len(fleet.cameras)} cameras: http {ports.http}, rtsp {ports.rtsp}, ws-discovery {ports.wsd}"
    )
    sys.stdout.flush()
    loop = asyncio.get_running_loop()
    with suppress(PermissionError):  # /dev/null and files cannot be waited for: then there are no commands
        loop.add_reader(sys.stdin.fileno(), _command, fleet)
    try:
        await asyncio.Event().wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
        await server.stop()


def _command(fleet: SimFleet) -> None:
    line = sys.stdin.readline()
    if not line:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        return
    address, _, name = line.strip().partition(" ")
    camera = fleet.camera(address)
    if camera is None or name not in list(Fault):
        click.echo(f'not understood: write "ADDRESS FAULT", with one of {", ".join(Fault)}', err=True)
        return
    camera.fault = Fault(name)
