"""``camwatch probe``: what one device says, and never our own failure taken for its."""

from __future__ import annotations

import asyncio
import gc
import socket
import warnings
from collections.abc import Iterator

import pytest

from monitor.model import Reason
from monitor.survey.diagnose import Diagnosis, PortProbe, Probe, diagnose
from tests.icmp_support import FLEET_ADDRESS, Network, shell

pytestmark = pytest.mark.filterwarnings(
    # aioping leaves its socket to the garbage collector when sending fails.
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Here and now, so that no later test is blamed for aioping's socket."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def reasons(found: Diagnosis) -> tuple[list[Reason], list[Reason]]:
    return [probe.reason for probe in found.echoes], [port.probe.reason for port in found.ports]


async def test_a_living_device_with_an_open_port(net: Network) -> None:
    with net.as_fleet():
        server = socket.create_server(("10.99.1.1", 554))
    with server:
        found = await diagnose("10.99.1.1", ports=(554, 80), echoes=2, timeout_s=20)
    assert found.verdict is Reason.OK
    assert reasons(found) == ([Reason.OK] * 2, [Reason.OK, Reason.REFUSED])
    assert all(probe.took_ms is not None and 0 < probe.took_ms < 20_000 for probe in found.echoes)
    assert [port.port for port in found.ports] == [554, 80]


async def test_a_living_ipv6_device(net: Network) -> None:
    found = await diagnose("fd99::7", ports=(554,), echoes=1, timeout_s=20)
    assert reasons(found) == ([Reason.OK], [Reason.REFUSED])


async def test_a_silent_device_timed_out(net: Network) -> None:
    found = await diagnose("10.98.1.1", ports=(554,), echoes=2, timeout_s=0.1)
    assert found.verdict is Reason.TIMEOUT
    assert reasons(found) == ([Reason.TIMEOUT] * 2, [Reason.TIMEOUT])


async def test_no_route_of_our_own_is_our_failure(net: Network) -> None:
    found = await diagnose("203.0.113.5", ports=(554,), echoes=1, timeout_s=0.1)
    assert found.verdict is Reason.SEND_FAILED
    assert found.echoes[0].detail == "Network is unreachable"


async def test_without_permission_the_ports_decide(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    shell('sysctl -qw net.ipv4.ping_group_range="1 0"')

    class NoRawSocket(socket.socket):
        def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None):
            if type != -1 and type & 0xF == socket.SOCK_RAW:
                raise PermissionError(1, "Operation not permitted")
            super().__init__(family, type, proto, fileno)

    monkeypatch.setattr(socket, "socket", NoRawSocket)
    alive = await diagnose(FLEET_ADDRESS, ports=(554,), echoes=1, timeout_s=20)
    assert reasons(alive) == ([Reason.SEND_FAILED], [Reason.REFUSED])
    assert alive.verdict is Reason.OK
    dead = await diagnose("10.98.1.1", ports=(554,), echoes=1, timeout_s=0.2)
    assert dead.verdict is Reason.TIMEOUT


async def test_a_name_that_does_not_resolve_is_said_to_be_that(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", refuse)
    found = await diagnose("camera.invalid")
    assert found == Diagnosis("camera.invalid", "", Probe(Reason.RESOLVE, detail="Name or service not known"))
    assert found.verdict is Reason.RESOLVE


async def test_a_name_server_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: object, **__: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", hang)
    found = await diagnose("camera.invalid", timeout_s=0.1)
    assert found.resolve == Probe(Reason.RESOLVE, detail="the name server does not answer")


@pytest.mark.parametrize(
    ("echoes", "ports", "verdict"),
    [
        ([Reason.TIMEOUT, Reason.OK], [Reason.TIMEOUT], Reason.OK),
        ([Reason.TIMEOUT], [Reason.REFUSED], Reason.OK),
        ([Reason.SEND_FAILED], [Reason.TIMEOUT], Reason.TIMEOUT),
        ([Reason.TIMEOUT], [Reason.UNREACHABLE], Reason.UNREACHABLE),
        ([Reason.SEND_FAILED], [Reason.SEND_FAILED], Reason.SEND_FAILED),
        ([], [], Reason.SEND_FAILED),
    ],
)
def test_the_verdict_goes_by_the_best_evidence(
    echoes: list[Reason], ports: list[Reason], verdict: Reason
) -> None:
    found = Diagnosis(
        "h", "10.0.0.1", Probe(Reason.OK),
        tuple(Probe(reason) for reason in echoes),
        tuple(PortProbe(554, Probe(reason)) for reason in ports),
    )  # fmt: skip
    assert found.verdict is verdict
